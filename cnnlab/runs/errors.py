"""This module names the errors of the run store; the text of each is a sentence for people."""


class StoreError(Exception):
    """The store cannot do what was asked; its text is a sentence that says why and what to do."""


class DamagedStoreError(StoreError):
    """The file of the store is broken, or none of ours: what can be read of it can be saved into a new one."""


class UnknownRunError(StoreError):
    """There is no such run (any more)."""


class NotYoursError(StoreError):
    """The run is somebody else's; the text says whose, and who may do what was asked."""
