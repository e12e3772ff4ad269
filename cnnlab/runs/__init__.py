"""This room keeps what was asked of each run, how it goes and what came out, and starts the processes that train.

The room imports no torch. Several machines may share one store when they also share the folder of the runs, whose locks
say which runs have a living process.
"""

from cnnlab.runs.errors import BusyStoreError, NotYoursError, StoreError
from cnnlab.runs.permissions import NOBODY, THIS_MACHINE, Actor
from cnnlab.runs.run import Checkpoint, Curve, Imported, Run
from cnnlab.runs.store.store import Store, UnknownRunError

__all__ = [
    "NOBODY",
    "THIS_MACHINE",
    "Actor",
    "BusyStoreError",
    "Checkpoint",
    "Curve",
    "Imported",
    "NotYoursError",
    "Run",
    "Store",
    "StoreError",
    "UnknownRunError",
]
