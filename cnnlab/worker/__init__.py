"""This room trains a claimed run, commits what it reports, and ends: the one place where training meets runs.

A run's own process has two threads. One trains and touches no disk; the other (`writer`) keeps what was reported, in order.
"""

from cnnlab.worker.job import work
from cnnlab.worker.warm_worker import serve

__all__ = ["serve", "work"]
