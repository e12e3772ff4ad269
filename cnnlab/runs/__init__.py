"""Runs: what was asked for, how it goes, what came out; and the processes that train them. Imports no torch.

Several machines may share one store when they also share the folder of the runs (its locks say who is alive).
"""

from cnnlab.runs.database import StoreError
from cnnlab.runs.run import Checkpoint, Curve, Run
from cnnlab.runs.store import Store, UnknownRunError

__all__ = ["Checkpoint", "Curve", "Run", "Store", "StoreError", "UnknownRunError"]
