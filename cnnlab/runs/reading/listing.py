"""This module keeps the runs of a store as objects, and makes anew only those whose rows have changed.

A list of a thousand runs, of which one trains, is asked for each second by a class that looks: to read and parse all
of them would take more than the server has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import BigInteger, bindparam, select

from cnnlab.runs.reading.snapshot import Rows
from cnnlab.runs.run import Run
from cnnlab.runs.store.database import Database
from cnnlab.runs.store.transactions import COLUMNS, RUNS, runs_of, select_runs

_ALL = select(RUNS.number, RUNS.revision).order_by(RUNS.number.desc())
_LATER = select_runs().where(RUNS.revision > bindparam("seen", type_=BigInteger))
_PIECE = select_runs().where(RUNS.number.between(bindparam("first"), bindparam("last")))
_REVISION = COLUMNS.index("revision")
PIECE = 100
"""Runs that a process which knows none yet reads at a time: a thousand at once would lock the file for 80 ms."""


@dataclass(frozen=True)
class _Known:
    """A `_Known` is what one reading has found. It is never changed, so that readings may overtake each other."""

    seen: int = -1
    """The newest revision of any run."""
    runs: Mapping[int, tuple[int, Run]] = field(default_factory=dict)
    """The revision of each run, and the run, by its number."""


class Listing:
    """A `Listing` serves every thread of a process."""

    def __init__(self) -> None:
        self._known = _Known()

    def read(self, database: Database) -> list[Run]:
        """Return all runs, the newest first, as they are now. Raises StoreError."""
        known = _read(database, self._known) if self._known.runs else None
        known = known or _read(database, _begin(database)) or _read(database, _Known())
        assert known, "who begins with nothing misses nothing"
        self._known = known
        return [run for _, run in known.runs.values()]


def _begin(database: Database) -> _Known:
    """Return all runs that there were at the start, read in pieces; what has changed since then has a later revision."""
    (numbers,) = database.read(_ALL)
    runs: dict[int, tuple[int, Run]] = {}
    for at in range(0, len(numbers), PIECE):
        piece = [number for number, _ in numbers[at : at + PIECE]]
        (rows,) = database.read(_PIECE, first=piece[-1], last=piece[0])  # the newest come first
        with database.sound():
            runs |= _by_number(rows)
    return _Known(max((revision for _, revision in numbers), default=-1), runs)


def _read(database: Database, known: _Known) -> _Known | None:
    """Return all runs; None where one is not known that has not changed since: then this is not the store it was."""
    numbers, rows = database.read(_ALL, _LATER, seen=known.seen)
    with database.sound():
        later = _by_number(rows)
    runs = {number: later.get(number) or known.runs.get(number) for number, _ in numbers}
    found = {number: kept for number, revision in numbers if (kept := runs[number]) and kept[0] == revision}
    return _Known(max((revision for _, revision in numbers), default=-1), found) if len(found) == len(runs) else None


def _by_number(rows: Rows) -> dict[int, tuple[int, Run]]:
    return {run.number: (row[_REVISION], run) for row, run in zip(rows, runs_of(rows), strict=True)}


@lru_cache(maxsize=32)
def of(database: str) -> Listing:
    """Return the listing of the store at this address, which the process keeps."""
    return Listing()
