"""This module opens one database connection a transaction, to SQLite or to whatever the URL names.

SQLite runs with journal DELETE and synchronous FULL. Every fault leaves this module as a StoreError, whose text is a
sentence for people.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoResultFound, NoSuchModuleError

from cnnlab.runs.errors import DamagedStoreError, StoreError
from cnnlab.runs.store.migrations import migrate
from cnnlab.runs.store.tables import SCHEMA_VERSION, metadata

BUSY_TIMEOUT_S = 5.0


class DamagedError(Exception):
    """`DamagedError` says that the database does not hold what was put there. It never leaves `Database`."""


@contextmanager
def sound() -> Iterator[None]:
    """Raise DamagedError where rows cannot be turned into objects inside the block."""
    try:
        yield
    except (ValueError, TypeError, LookupError, OverflowError, OSError) as error:
        raise DamagedError from error


class Database:
    """A `Database` runs short transactions from any thread: `reading()` and `writing()`."""

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            raise StoreError(f"CNNLAB_DATABASE_URL is not a database that can be used here: {error}") from error
        self._sqlite = self._engine.dialect.name == "sqlite"
        path = self._engine.url.database
        self._file = Path(path) if self._sqlite and path else None
        if self._sqlite and self._file in (None, Path(":memory:")):
            raise StoreError("CNNLAB_DATABASE_URL must name a file: a store in memory is gone with its connection.")
        self._prepared = False

    @property
    def place(self) -> str:
        """Return where the database is, in words and without any password."""
        return str(self._file or self._engine.url.render_as_string(hide_password=True))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one consistent state of the database. Raises StoreError."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open the one transaction that may write, committed at the end, undone by an exception. Raises StoreError."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        try:
            if self._file:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._engine.begin() as connection:
                self._prepare(connection)
                if self._sqlite:
                    connection.exec_driver_sql(begin)
                    self._refuse_cut(connection)
                yield connection
        except DBAPIError as error:
            raise self._error(str(error.orig)) from error
        except sqlite3.DatabaseError as error:
            raise self._error(str(error)) from error
        except (DamagedError, NoResultFound, UnicodeDecodeError) as error:  # SQLite's own words may quote noise
            raise self._error("malformed") from error
        except OSError as error:
            raise StoreError(f"{error.filename or self.place} cannot be used: {error.strerror or error}.") from error

    def _refuse_cut(self, connection: Connection) -> None:
        """Raise DamagedError where the end of SQLite's file is missing: SQLite would read zeros without a word.

        Called inside a transaction, so nobody writes meanwhile.
        """
        pages, size = (
            connection.exec_driver_sql(f"PRAGMA {what}").scalar_one() for what in ("page_count", "page_size")
        )
        if self._file and self._file.stat().st_size < pages * size:
            raise DamagedError

    def _prepare(self, connection: Connection) -> None:
        """Make the tables where there are none, or add what old tables lack.

        SQLite is asked each time: its file may be moved away any day.
        """
        if not self._sqlite:
            if not self._prepared:
                metadata.create_all(connection)
                migrate(connection)
                self._prepared = True
        elif _version(connection) != SCHEMA_VERSION:
            connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # of several processes that start together, one migrates
            if (version := _version(connection)) > SCHEMA_VERSION:
                raise StoreError(
                    f"The run store {self.place} was made by a newer cnnlab (its format is {version}, this cnnlab "
                    f"knows {SCHEMA_VERSION}). Update cnnlab, or set CNNLAB_HOME to another folder."
                )
            if version:
                self._back_up(version)
            metadata.create_all(connection)
            migrate(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.exec_driver_sql("COMMIT")

    def _back_up(self, version: int) -> None:
        """Keep a copy of the store as the older cnnlab left it, for whoever wants to go back.

        Nobody else writes meanwhile. SQLite itself makes the copy: who merely opened and closed its file would take
        this process's locks away from it.
        """
        assert self._file
        kept = self._file.with_name(f"{self._file.name}.version-{version}")
        if not kept.exists():
            unfinished = kept.with_name(f"{kept.name}.tmp")
            unfinished.unlink(missing_ok=True)
            with closing(sqlite3.connect(self._file)) as source, closing(sqlite3.connect(unfinished)) as target:
                source.backup(target)
            unfinished.replace(kept)

    def _error(self, fault: str) -> StoreError:
        """`fault`: what the database itself said, whose words are all that tells one fault from another."""
        for words, kind, sentence in _FAULTS:
            if any(word in fault for word in words):
                return kind(sentence.format(place=self.place))
        return StoreError(f"The run store {self.place} cannot be used: {fault}.")


_FAULTS: tuple[tuple[tuple[str, ...], type[StoreError], str], ...] = (
    (
        ("not a database", "malformed", "no such table", "no such column"),
        DamagedStoreError,
        "The run store {place} is damaged, or is no run store. Move it away and go on with what can be read of it with: "
        "python -m cnnlab doctor --mend. The checkpoints of its runs stay where they are.",
    ),
    (
        ("readonly", "unable to open", "permission"),
        StoreError,
        "The run store {place} cannot be opened for writing. Check who may write to it and its folder, "
        "or set CNNLAB_HOME to another folder.",
    ),
    (
        ("locked",),
        StoreError,
        "The run store {place} is busy: another process has been writing for seconds. Try again.",
    ),
    (
        ("full", "disk I/O"),
        StoreError,
        "The disk of the run store {place} is full or failing. Free some space and try again.",
    ),
)


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


@lru_cache(maxsize=32)
def _engine(url: str) -> Engine:
    """Return the SQLAlchemy engine of a URL, kept with its compiled statements; the engine keeps no connection open."""
    if not url.startswith("sqlite"):
        return create_engine(url, poolclass=NullPool)
    engine = create_engine(url, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # BEGIN and COMMIT are said here, not guessed by the driver
        connection.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_TIMEOUT_S)}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine
