"""This module shares the list of all runs: one reading, a second old at most, serves every visitor, with what was derived
from it.

Nothing else in the dashboard asks the store for all its runs (a test holds it): thirty tabs on a store of 500 runs would
read and parse them thirty times, and keep the process that trains from writing meanwhile.
"""

import threading
from collections.abc import Mapping, Sequence
from time import monotonic

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.state.one_a_server import one_a_server
from cnnlab.dashboard.state.shared import Shared
from cnnlab.records import EpochRecord
from cnnlab.runs import Run, Store

FRESH_S = 1.0


class Listing(Shared):
    """A `Listing` is all runs as they stood at one moment, the newest first, and what visitors have derived from them.

    It stays the same object as long as no run has changed: what was derived from it, a table of 500 rows, is kept.
    """

    def __init__(self, runs: Sequence[Run], lasting: Shared) -> None:
        super().__init__()
        self.lasting = lasting
        """What was derived from what never changes of a run, or from one state of it: it outlives this listing."""
        self.runs: tuple[Run, ...] = tuple(runs)
        self.by_id: Mapping[str, Run] = {run.id: run for run in self.runs}


class _Latest:
    """A `_Latest` holds the newest listing of one store."""

    def __init__(self) -> None:
        self.lasting = Shared(most=128)
        self._lock = threading.Lock()
        self._listing: Listing | None = None
        self._read_s, self._changes = 0.0, 0

    def listing(self, store: Store) -> Listing:
        with self._lock:  # one reads, the others wait for it
            changes = store.changes  # what a person does on a page, this very process writes
            if self._listing is None or changes != self._changes or monotonic() - self._read_s > FRESH_S:
                begun_s = monotonic()
                runs = tuple(store.list())
                if self._listing is None or self._listing.runs != runs:
                    self._listing = Listing(runs, self.lasting)
                self._read_s, self._changes = begun_s, changes
            return self._listing

    def renew(self) -> None:
        with self._lock:
            self._read_s = 0.0


def of(store: Store) -> Listing:
    """Return the listing that all visitors share. Raises StoreError."""
    return _latest(store.app_config).listing(store)


def renew(store: Store) -> None:
    """Have the next who asks read the store afresh: after a change that must show at once."""
    _latest(store.app_config).renew()


def epochs(store: Store, run: Run) -> Sequence[EpochRecord]:
    """Return the epoch records of a run up to its last epoch, in order; read once for every visitor. Raises StoreError."""
    lasting = _latest(store.app_config).lasting
    return lasting.once(("epochs", run.id, run.last_epoch), lambda: store.epochs(run.id))


@one_a_server
def _latest(app_config: AppConfig) -> _Latest:
    return _Latest()
