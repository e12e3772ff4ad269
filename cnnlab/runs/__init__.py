"""Runs: what was asked for, how it goes, what came out; and the processes that train them. Imports no torch.

Several machines may share one store when they also share the folder of the runs (its locks say who is alive).
"""

from cnnlab.runs.errors import NotYoursError, StoreError
from cnnlab.runs.permissions import NOBODY, THIS_MACHINE, Actor
from cnnlab.runs.run import Checkpoint, Curve, Imported, Run
from cnnlab.runs.store.store import Store, UnknownRunError

__all__ = [
    "NOBODY",
    "THIS_MACHINE",
    "Actor",
    "Checkpoint",
    "Curve",
    "Imported",
    "NotYoursError",
    "Run",
    "Store",
    "StoreError",
    "UnknownRunError",
]
