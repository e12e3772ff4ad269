"""This module holds what the parts of the store share: the database, and ways to find and change a run."""

import math
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, select, update

from cnnlab.app_config import AppConfig
from cnnlab.records import Record, RunStatus
from cnnlab.runs import doorbell, locks
from cnnlab.runs.errors import StoreError, UnknownRunError
from cnnlab.runs.patience import Patience, persistent
from cnnlab.runs.permissions import Who, refuse, this_machine
from cnnlab.runs.reading.snapshot import Rows
from cnnlab.runs.reading.soundness import sound
from cnnlab.runs.run import Run, run_of
from cnnlab.runs.store import tables
from cnnlab.runs.store.database import Database

RUNS = tables.runs.c
T = TypeVar("T")


class Connected:
    """A `Connected` is a part of the store that finds and changes runs in the database.

    Cheap to make and safe to share: every call is a transaction of its own. `who` says in whose name a call is made, at
    the moment it is made. `patience` says for how long a call waits where the database is busy, beyond a few seconds.
    """

    def __init__(self, app_config: AppConfig, who: Who = this_machine) -> None:
        self.app_config, self.who = app_config, who
        self.patience = Patience()
        self.database = Database(app_config.database)

    def with_patience(self, patience: Patience) -> Self:
        """Return the same store, whose `persistent` methods try again as long as this patience lasts."""
        patient = copy(self)
        patient.patience = patience
        return patient

    @property
    def changes(self) -> int:
        """Return how often this process has written here: what it read before the last time it reads again."""
        return self.database.changes

    def folder(self, id: str) -> Path:
        """Return the folder with the checkpoints of a run."""
        return self.app_config.runs / id

    def take_lock(self, id: str) -> bool:
        """Make the run this process's own until `locks.release`; return False where another process has it.

        Raises StoreError where the run's folder cannot be used.
        """
        folder = self.folder(id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return locks.take(folder)
        except OSError as error:
            raise StoreError(f"The folder {folder} cannot be used: {error.strerror}.") from error

    @contextmanager
    def _new_folder(self, id: str, locked: bool) -> Iterator[None]:
        """Make a run's folder, which must not exist; remove it where the block fails. Raises StoreError."""
        folder = self.folder(id)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise StoreError(f"The folder {folder} cannot be made: {error.strerror}.") from error
        try:
            if locked:
                locks.take(folder)
            yield
        except BaseException:
            locks.release(folder)
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def ring(self) -> None:
        """Wake whoever waits for a run: for after each COMMIT that changes which runs wait or train."""
        doorbell.ring(self.app_config.runs)

    @contextmanager
    def changing(self, id: str, verb: str) -> Iterator[tuple[Connection, Run]]:
        """Open the transaction in which a person changes a run, once the person is known to be allowed to.

        Every change on behalf of a person goes this way. Raises UnknownRunError, and NotYoursError ("… can {verb} it").
        """
        with self.database.writing() as connection:
            run = read_run(connection, id)
            refuse(self.who(), run, verb)
            yield connection, run

    @persistent
    def get(self, id: str) -> Run:
        """Return the run with this id. Raises UnknownRunError."""
        [rows] = self.database.read(_BY_ID, run=id)
        with self.database.sound():
            found = runs_of(rows)
        return _one(found)


def select_runs() -> Select[Any]:
    """Return the query for runs with the record of their last epoch: one query, however many runs."""
    epochs = tables.epochs.c
    last = and_(epochs.number == RUNS.number, epochs.epoch == RUNS.last_epoch)
    return select(tables.runs, epochs.record.label("last_record")).outerjoin(tables.epochs, last)


COLUMNS = select_runs().selected_columns.keys()
_BY_ID = select_runs().where(RUNS.id == bindparam("run"))
NUMBER = select(RUNS.number).where(RUNS.id == bindparam("run"))
"""The number of the run `run`: no row where there is no such run."""


def runs_of(rows: Rows) -> list[Run]:
    """Return the runs that a narrowed or ordered `select_runs()` has found. For the block of a `sound()`."""
    return [run_of(dict(zip(COLUMNS, row, strict=True))) for row in rows]  # half the time of SQLAlchemy's mappings


def must_exist(rows: Rows) -> None:
    """Raise UnknownRunError where `NUMBER` has found no run."""
    _one(rows)


def _one(found: Sequence[T]) -> T:
    if not found:
        raise UnknownRunError("There is no such run; perhaps it was deleted.")
    return found[0]


def read_runs(connection: Connection, statement: Select[Any]) -> list[Run]:
    """Return the runs that a narrowed or ordered `select_runs()` finds, within the caller's transaction."""
    rows = connection.execute(statement).all()
    with sound():
        return runs_of(rows)


def read_run(connection: Connection, id: str) -> Run:
    """Return the run with this id, within the caller's transaction. Raises UnknownRunError."""
    return _one(read_runs(connection, select_runs().where(RUNS.id == id)))


def number_of(connection: Connection, id: str) -> int:
    """Return the number of the run with this id. Raises UnknownRunError."""
    number: int = _one(connection.execute(NUMBER, {"run": id}).all())[0]
    return number


def clock(connection: Connection) -> float:
    """Return the time, never earlier than the newest run's: a clock that is put back changes no order."""
    return later_than(connection.execute(NEWEST).all())


NEWEST = select(RUNS.created_at).order_by(RUNS.number.desc()).limit(1)


def later_than(newest: Rows) -> float:
    """Return the time, never earlier than that of the newest run, which `NEWEST` has found."""
    times: list[float] = [created_at + 0.001 for (created_at,) in newest]
    return max([time.time(), *times])


def change(
    connection: Connection, id: str, wanted: Iterable[RunStatus], *conditions: ColumnElement[bool], **values: Any
) -> Row[Any] | None:
    """Change the run only while its status is one of `wanted` (compare and set); return None where it was not."""
    statement = update(tables.runs).where(RUNS.id == id, RUNS.status.in_(list(wanted)), *conditions)
    return connection.execute(statement.values(**values).returning(RUNS.number, RUNS.name)).one_or_none()


def progress(connection: Connection, id: str, **values: Any) -> int:
    """Change a running run of this process and return the run's number. Raises StoreError for any other run.

    A process that was given up for dead must not write into the run of another.
    """
    row = change(connection, id, [RunStatus.RUNNING], RUNS.pid == os.getpid(), **values)
    if row is None:
        raise StoreError("This run is not in training any more: the store has it as ended, or deleted.")
    return int(row.number)


def refuse_nan(records: Iterable[Record]) -> None:
    """Raise StoreError where a record holds a number that is not finite: divergence is a status, not a number.

    SQLite would keep NaN as NULL, and JSON has no word for NaN.
    """
    for record in records:
        if not _finite(record.model_dump()):
            raise StoreError(f"This record holds a value that is not a finite number: {record!r}.")


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return not isinstance(value, float) or math.isfinite(value)
