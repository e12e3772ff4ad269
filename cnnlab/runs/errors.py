"""This module names the errors of the run store; the text of each is a sentence for people."""


class StoreError(Exception):
    """`StoreError` says in a sentence why the run store cannot do what was asked, and what to do."""


class DamagedStoreError(StoreError):
    """The file of the store is broken, or none of ours: what can be read of it can be saved into a new one."""


class BusyStoreError(StoreError):
    """`BusyStoreError` says that the store cannot be used at the moment: locked, or its server restarts or is not there.

    The same call may succeed later; every other StoreError lasts until somebody does something.
    """


class UnknownRunError(StoreError):
    """`UnknownRunError` says that the store has no run with this id (any more)."""


class NotYoursError(StoreError):
    """`NotYoursError` says that a run belongs to somebody else, to whom, and who may do what was asked."""
