"""This module moves a damaged store aside, never deletes it, and copies what can still be read into a new store.

Row by row: a page that is lost takes its own rows with it and no others. A run whose row is among them comes back from
the files in its folder, with whatever of its curves can be read.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from cnnlab import logs
from cnnlab.app_config import AppConfig, sqlite_url
from cnnlab.runs.errors import StoreError
from cnnlab.runs.repair import row_checks
from cnnlab.runs.repair.checkpoint_scan import Found, checkpoints_in
from cnnlab.runs.store import tables
from cnnlab.runs.store.curves import thin
from cnnlab.runs.store.database import Database
from cnnlab.runs.store.history import judge
from cnnlab.runs.store.recovery import DELETED, RUN_FOLDER

_CHILDREN = (tables.steps, tables.epochs, tables.checkpoints)
Row = dict[str, Any]


@dataclass(frozen=True)
class Salvaged:
    """A `Salvaged` counts the runs that came into the new store, and says where the damaged store is kept."""

    aside: Path
    """Path of the damaged store now."""
    runs: int
    """Number of runs that were read from the damaged store."""
    found: int
    """Number of runs that came back from their folders alone."""

    @property
    def sentence(self) -> str:
        """Return a sentence for people that says how many runs came back and where the damaged store is."""
        found = f" {self.found} more were restored from the files in their folders. " if self.found else ""
        s = "" if self.runs == 1 else "s"
        return (
            f"{self.runs} run{s} could be read and went into a new store.{found} The damaged one is kept: {self.aside}"
        )


def file_of(app_config: AppConfig) -> Path | None:
    """Return the path of the store's file; None where the store is not SQLite, or its address cannot be read."""
    try:
        url = make_url(app_config.database)
    except (ArgumentError, ValueError):
        return None
    return Path(url.database) if url.drivername.startswith("sqlite") and url.database else None


def damage(app_config: AppConfig) -> str | None:
    """Return what is wrong within the store's file, in SQLite's words; None where nothing is, or there is no file.

    A store of a newer cnnlab is not damaged, nor is one that may not be read. Raises StoreError where the store is
    busy.
    """
    file = file_of(app_config)
    if file is None or not file.exists() or not file.stat().st_size:
        return None
    try:
        with closing(_open(file)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            faults = [fault for (fault,) in connection.execute("PRAGMA integrity_check(5)")]
            if faults != ["ok"]:
                return "; ".join(str(fault) for fault in faults)
            (pages,), (size,) = (
                connection.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "page_size")
            )
            if file.stat().st_size < pages * size:
                return "its end is missing"
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    except sqlite3.DatabaseError as error:
        if any(word in str(error) for word in ("locked", "unable to open", "readonly")):
            raise StoreError(f"The run store {file} cannot be checked: {error}. Try again.") from error
        return str(error)
    ours = set(tables.metadata.tables) - (set() if version == tables.SCHEMA_VERSION else {"curves"})
    missing = ours - names if version else set()
    return f"the tables {', '.join(sorted(missing))} are missing" if missing else None


def salvage(app_config: AppConfig) -> Salvaged:
    """Put a new store with every run that can be read in the place of the damaged one.

    Killed at any moment, one of the two stores is there, whole. Raises StoreError where the store is no SQLite file, or
    the disk refuses.
    """
    file = file_of(app_config)
    if file is None:
        raise StoreError("Only a store in a SQLite file can be repaired here. Ask the person who manages the database.")
    aside = file.with_name(f"{file.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}-{time.time_ns() % 1_000_000:06d}")
    new = file.with_name(f"{file.name}.new-{os.getpid()}")
    try:
        runs, found = _fill(new, file, app_config)
        with suppress(FileNotFoundError):  # the old journal must not be applied to the new store
            file.with_name(f"{file.name}-journal").rename(aside.with_name(f"{aside.name}-journal"))
        _keep(file, aside)
        new.replace(file)
    except OSError as error:
        raise StoreError(f"The store cannot be repaired: {error.strerror} ({error.filename}).") from error
    finally:
        new.unlink(missing_ok=True)
    logs.event("store salvaged", aside=aside.name, runs=runs, found=found)
    return Salvaged(aside, runs, found)


def adopt(app_config: AppConfig, folder: Path) -> int | None:
    """Make the lost row of a run anew from the files in its folder, and return the run's number.

    Returns None where nothing in the folder tells enough.
    """
    with Database(app_config.database).writing() as connection:
        return _adopt(connection, folder, checkpoints_in(folder))


def _fill(new: Path, old: Path, app_config: AppConfig) -> tuple[int, int]:
    new.unlink(missing_ok=True)
    with Database(sqlite_url(new)).writing() as connection, closing(_open(old)) as damaged:
        numbers: dict[int, str] = {}
        for row in _rows(damaged, tables.runs, None):
            with suppress(DBAPIError):
                sound = row_checks.run(row, app_config.runs)
                if sound and sound["number"] not in numbers and sound["id"] not in numbers.values():
                    connection.execute(insert(tables.runs).values(sound))
                    numbers[sound["number"]] = sound["id"]
        for number, id in numbers.items():
            _copy(connection, tables.steps, damaged, number, app_config.runs / id)
            thin(connection, number, 0)
            _copy(connection, tables.epochs, damaged, number, app_config.runs / id)
            if not _copy(connection, tables.checkpoints, damaged, number, app_config.runs / id):
                _name(connection, number, checkpoints_in(app_config.runs / id))
        named = [(row["sha256"], row["number"]) for row in _rows(damaged, tables.checkpoints, None)]
        folders = sorted(app_config.runs.iterdir()) if app_config.runs.is_dir() else []
        lost = [path for path in folders if RUN_FOLDER.fullmatch(path.name) and path.name not in numbers.values()]
        found = 0
        for folder in lost:
            files = checkpoints_in(folder)
            sums = {here.checkpoint.sha256 for here in files}
            known = next((number for sha256, number in named if sha256 in sums and number not in numbers), None)
            given = _adopt(connection, folder, files, known)
            if given is not None:
                found += 1
                numbers[given] = folder.name
                _copy(connection, tables.steps, damaged, given, folder)
                _copy(connection, tables.epochs, damaged, given, folder)
                judge(connection, given)
    return len(numbers) - found, found


def _copy(connection: Connection, table: Table, damaged: sqlite3.Connection, number: int, folder: Path) -> int:
    sound: dict[Any, Row] = {}
    for row in _rows(damaged, table, number):
        if (read := row_checks.child(table.name, row, folder)) is not None:
            sound[read[table.primary_key.columns.keys()[1]]] = read
    if sound:
        connection.execute(insert(table), list(sound.values()))
    return len(sound)


def _adopt(connection: Connection, folder: Path, found: Sequence[Found], number: int | None = None) -> int | None:
    """Insert a new row for a run's folder, under its old number where that is known, and return the number."""
    row = row_checks.run_from(folder, found)
    if row is None or (folder / DELETED).exists():
        return None
    if isinstance(number, int) and number > 0:
        row |= {"number": number}
    given: int = connection.execute(insert(tables.runs).values(row).returning(tables.runs.c.number)).scalar_one()
    _name(connection, given, found)
    return given


def _name(connection: Connection, number: int, found: Sequence[Found]) -> None:
    names = ["name", "kind", "epoch", "step", "sha256", "bytes"]
    files = [{"number": number, **{name: getattr(here.checkpoint, name) for name in names}} for here in found]
    if files:
        connection.execute(insert(tables.checkpoints), files)


def _rows(damaged: sqlite3.Connection, table: Table, number: int | None) -> Iterator[Row]:
    """Yield the rows of a table that can be read, from both ends towards whatever is lost.

    Only the rows of one run where `number` is given.
    """
    try:
        columns = [row[1] for row in damaged.execute(f"PRAGMA table_info({table.name})")]
    except sqlite3.DatabaseError:
        return
    known = [name for name in columns if name in table.c]
    keys = table.primary_key.columns.keys()
    if not set(keys) <= set(known):
        return
    of_run = "" if number is None else f" WHERE number={int(number)}"
    seen: set[tuple[Any, ...]] = set()
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{key} {direction}" for key in keys)
        with suppress(sqlite3.DatabaseError):
            for values in damaged.execute(f"SELECT {', '.join(known)} FROM {table.name}{of_run} ORDER BY {order}"):
                row = dict(zip(known, values, strict=True))
                key = tuple(row[name] for name in keys)
                if key not in seen:
                    seen.add(key)
                    yield row


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=5.0)
    connection.text_factory = lambda text: text.decode(errors="replace")
    return connection


def _keep(file: Path, aside: Path) -> None:
    """Give the damaged file a second name before the new store takes the first: at no moment is there no store."""
    try:
        os.link(file, aside)
    except OSError:  # a disk without hard links; nobody has a lock on a store that cannot be read
        shutil.copy2(file, aside)
