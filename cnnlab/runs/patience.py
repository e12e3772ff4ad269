"""This module lets a process wait where the run store is busy: a lock of another process, a server that restarts.

A page asks once and says what the store has said. The process of a run waits as long as it lives, unless it is asked to
end: its records wait in memory meanwhile, and a note in the run's folder tells the pages that their numbers are old.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from cnnlab import logs
from cnnlab.runs.errors import BusyStoreError, StoreError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
"""Between two attempts: twice as long after each. A locked SQLite file adds the seconds that SQLite itself waits."""
SAID_AFTER_S = 10.0
"""Seconds of waiting after which a run's page says so."""
GRACE_S = 3.0
"""Seconds that a process which was asked to end still waits: the machine may be shutting down."""
QUIET_S = 10.0
"""Seconds after which a busy store is asked or told again what it is asked or told each second otherwise."""
NOTE = "store_is_busy"

P = ParamSpec("P")
T = TypeVar("T")


class Patience:
    """A `Patience` decides whether a call that found the store busy is made again; this one never has it made again."""

    def lasts(self, error: BusyStoreError, waited_s: float) -> bool:
        """Return whether to try again now; the pause between two attempts is over when this returns."""
        return False

    def over(self, waited_s: float) -> None:
        """Take note that a call which found the store busy has ended after `waited_s` seconds, one way or the other."""


class Waiting(Patience):
    """A `Waiting` tries again as long as `wanted` returns True."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted

    def lasts(self, error: BusyStoreError, waited_s: float) -> bool:
        """Return whether the answer is still wanted, after a pause that grows with the time waited."""
        if self._wanted():
            time.sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S + waited_s / 2))
        return self._wanted()


class OfRun(Waiting):
    """An `OfRun` is the patience of a run's own process, for all its threads: it lasts until a signal ends the process.

    `moved` is told that whoever waits does not hang.
    """

    def __init__(self, folder: Path, moved: Callable[[], None]) -> None:
        super().__init__(lambda: time.monotonic() < self._until)
        self._folder, self._moved = folder, moved
        self._until, self._quiet_until = float("inf"), 0.0
        self._threads: set[int] = set()
        self._noted = False
        _forget(folder)  # of a process that was killed

    def hurry(self) -> None:
        """Wait no longer than `GRACE_S` from now on: the process was asked to end."""
        self._until = min(self._until, time.monotonic() + GRACE_S)

    def once(self, call: Callable[[], T | None]) -> T | None:
        """Ask or tell the store what is asked or told again soon in any case; return None where it is busy, or fails.

        While the store is known to be busy nothing is tried: each attempt may take seconds.
        """
        if self._threads or time.monotonic() < self._quiet_until:
            return None
        try:
            return call()
        except BusyStoreError:
            self._quiet_until = time.monotonic() + QUIET_S
        except StoreError:
            pass
        return None

    def lasts(self, error: BusyStoreError, waited_s: float) -> bool:
        """Return whether the run is still wanted, after a pause; leave a note once it has waited for long."""
        if not self._threads:
            logs.event("the store is busy", run=self._folder.name, reason=str(error))
        self._threads.add(threading.get_ident())
        self._moved()
        if waited_s >= SAID_AFTER_S and not self._noted:
            self._noted = True
            _write(self._folder, time.time() - waited_s)
        return super().lasts(error, waited_s)

    def over(self, waited_s: float) -> None:
        """Remove the note once no thread waits any more."""
        self._moved()
        logs.event("the store was waited for", run=self._folder.name, waited_s=round(waited_s, 1))
        self._threads.discard(threading.get_ident())
        if self._noted and not self._threads:
            self._noted = False
            _forget(self._folder)


def busy_for_s(folder: Path) -> float | None:
    """Return for how many seconds the process of a run has been waiting for the store; None where it has said nothing."""
    try:
        return max(0.0, time.time() - float((folder / NOTE).read_text()))
    except (OSError, ValueError):
        return None


def _write(folder: Path, since: float) -> None:
    with suppress(OSError):  # the page then shows old numbers without a word
        (folder / NOTE).write_text(f"{since:.3f}")


def _forget(folder: Path) -> None:
    with suppress(OSError):
        (folder / NOTE).unlink(missing_ok=True)


class HasPatience(Protocol):
    """A `HasPatience` is a part of the store: it has a patience for all its calls."""

    patience: Patience


S = TypeVar("S", bound=HasPatience)


def persistent(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a method of the store try again where it finds the store busy, as long as the store's patience lasts.

    The method must come to the same when it is done twice: of a COMMIT whose answer was lost, nobody knows whether it counts.
    """

    @wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        began: float | None = None
        try:
            while True:
                try:
                    return method(self, *args, **kwargs)
                except BusyStoreError as error:
                    began = time.monotonic() if began is None else began
                    if not self.patience.lasts(error, time.monotonic() - began):
                        raise
        finally:
            if began is not None:
                self.patience.over(time.monotonic() - began)

    return call
