"""This module opens one database connection a transaction, to a SQLite file or a PostgreSQL server.

SQLite runs with journal DELETE and synchronous FULL. PostgreSQL is used the same way: one writer at a time, and whoever
reads sees one state. Every fault leaves this module as a StoreError, whose text is a sentence for people.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoResultFound

from cnnlab.files import sqlite_copy
from cnnlab.runs.errors import BusyStoreError, DamagedStoreError, StoreError
from cnnlab.runs.reading import snapshot
from cnnlab.runs.reading.snapshot import Question, Rows
from cnnlab.runs.reading.soundness import DamagedError, sound
from cnnlab.runs.store.migrations import migrate
from cnnlab.runs.store.tables import SCHEMA_VERSION, metadata

BUSY_TIMEOUT_S = 5.0
KINDS = ("sqlite", "postgresql", "postgresql+psycopg")
WRITER = 0x636E6E6C6162
"""Name of PostgreSQL's advisory lock that a writer holds."""


_OF_VERSION = "cnnlab, format "
"""Beginning of the comment on a server's table of runs, which names the version of the tables."""


class Database:
    """A `Database` reads and writes from any thread: `read()` hands out rows, and `writing()` opens a transaction."""

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
        except (ArgumentError, ValueError) as error:
            raise StoreError("CNNLAB_DATABASE_URL cannot be read as the address of a database.") from error
        except ImportError as error:
            raise StoreError(
                "CNNLAB_DATABASE_URL names PostgreSQL, whose driver is not installed here. Install it: "
                "pip install -r requirements-postgresql.txt"
            ) from error
        self._sqlite = self._engine.dialect.name == "sqlite"
        self._snapshots = self._engine
        if not self._sqlite:
            self._snapshots = self._engine.execution_options(isolation_level="REPEATABLE READ")
        path = self._engine.url.database
        self._file = Path(path) if self._sqlite and path else None
        if self._sqlite and self._file in (None, Path(":memory:")):
            raise StoreError("CNNLAB_DATABASE_URL must name a file: a store in memory is gone with its connection.")

    @property
    def place(self) -> str:
        """Return where the database is, in words and without any password."""
        return str(self._file or self._engine.url.render_as_string(hide_password=True))

    def read(self, *questions: Question, **given: Any) -> list[Rows]:
        """Return the rows of each question, all of one state of the database. `given`: the values of their parameters.

        Nothing waits for the reader any more once the rows are here. Make objects of them in `sound()`. Raises StoreError.
        """
        if self._file:
            with self._faults():
                return snapshot.ask(self._engine, self._file, questions, given, self._make_ready)
        with self._transaction("BEGIN", self._snapshots) as connection:
            return [connection.execute(question, given).all() for question in questions]

    @contextmanager
    def sound(self) -> Iterator[None]:
        """Raise DamagedStoreError where rows cannot be turned into objects inside the block."""
        with self._faults(), sound():
            yield

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open the one transaction that may write, committed at the end, undone by an exception. Raises StoreError."""
        with self._transaction("BEGIN IMMEDIATE", self._engine) as connection:
            if not self._sqlite:
                _become_the_writer(connection)
            yield connection
        _changes[self._engine] = self.changes + 1

    @property
    def changes(self) -> int:
        """Return how often this process has written here: what it read before the last time it reads again."""
        return _changes.get(self._engine, 0)

    def _make_ready(self) -> None:
        with self._transaction("BEGIN", self._engine):
            pass  # the tables are there now, and of today's form

    @contextmanager
    def _transaction(self, begin: str, engine: Engine) -> Iterator[Connection]:
        with self._faults():
            if self._file:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            elif self._engine not in _prepared:
                self._make_tables()
            with engine.begin() as connection:
                if self._file:
                    self._prepare(connection)
                    connection.exec_driver_sql(begin)
                    snapshot.refuse_cut(self._file, connection.exec_driver_sql(snapshot.BYTES).scalar_one())
                yield connection

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Raise every fault inside the block as a StoreError."""
        try:
            yield
        except DBAPIError as error:
            raise self._error(str(error.orig)) from error
        except sqlite3.DatabaseError as error:
            raise self._error(str(error)) from error
        except (DamagedError, NoResultFound, UnicodeDecodeError) as error:  # SQLite's own words may quote noise
            raise self._error("malformed") from error
        except OSError as error:
            raise StoreError(f"{error.filename or self.place} cannot be used: {error.strerror or error}.") from error

    def _make_tables(self) -> None:
        """Make the tables on a server where there are none, or add what old tables lack."""
        with self._engine.begin() as connection:
            _become_the_writer(connection)  # of several processes that start together, one makes them
            version = self._known_version(connection)
            metadata.create_all(connection)
            migrate(connection)
            if version != SCHEMA_VERSION:
                connection.exec_driver_sql(f"COMMENT ON TABLE runs IS '{_OF_VERSION}{SCHEMA_VERSION}'")
        _prepared.add(self._engine)

    def _prepare(self, connection: Connection) -> None:
        """Make the tables in a file where there are none, or add what old tables lack.

        It is asked each time: the file may be moved away any day.
        """
        if _version(connection) != SCHEMA_VERSION:
            connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # of several processes that start together, one migrates
            if (
                0 < (version := self._known_version(connection)) < SCHEMA_VERSION
            ):  # another process may just have done it
                self._back_up(version)
            metadata.create_all(connection)
            migrate(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.exec_driver_sql("COMMIT")

    def _known_version(self, connection: Connection) -> int:
        """Return the version of the tables; 0 where there are none, or a server's do not say. Raises StoreError for a
        version that only a newer cnnlab knows.
        """
        version = _version(connection) if self._sqlite else _server_version(connection)
        if version > SCHEMA_VERSION:
            way_out = "set CNNLAB_HOME to another folder" if self._sqlite else "name another database"
            raise StoreError(
                f"The run store {self.place} was made by a newer cnnlab (its format is {version}, this cnnlab "
                f"knows {SCHEMA_VERSION}). Update cnnlab, or {way_out}."
            )
        return version

    def _back_up(self, version: int) -> None:
        """Keep a copy of the store as the older cnnlab left it, for whoever wants to go back.

        Nobody else writes meanwhile.
        """
        assert self._file
        sqlite_copy.keep(self._file, f"version-{version}", "SELECT number, id FROM runs ORDER BY number")

    def _error(self, fault: str) -> StoreError:
        """`fault`: what the database itself said, whose words are all that tells one fault from another."""
        for words, kind, sentence in _FAULTS if self._sqlite else _SERVER_FAULTS:
            if any(word in fault for word in words):
                return kind(sentence.format(place=self.place))
        return StoreError(f"The run store {self.place} cannot be used: {' '.join(fault.split()).rstrip('.')}.")


_prepared: "WeakSet[Engine]" = WeakSet()
"""Engines whose server has been found to hold the tables: a process looks once, not with each new `Database`."""

_changes: "WeakKeyDictionary[Engine, int]" = WeakKeyDictionary()
"""How often this process has written, by engine, which all `Database` objects of one address share."""

_Faults = tuple[tuple[tuple[str, ...], type[StoreError], str], ...]
_FAULTS: _Faults = (
    (
        ("not a database", "malformed", "no such table", "no such column"),
        DamagedStoreError,
        "The run store {place} is damaged, or is not a run store. To move it away and keep what can be read, run: "
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
        BusyStoreError,
        "The run store {place} is busy: another process has been writing for seconds. Try again.",
    ),
    (
        ("full", "disk I/O"),
        StoreError,
        "The disk of the run store {place} is full or failing. Free some space and try again.",
    ),
)


_SERVER_FAULTS: _Faults = (
    (
        ("malformed",),
        DamagedStoreError,
        "The run store {place} holds data that cnnlab did not write. Ask the person who manages the database. The "
        "checkpoints of its runs stay where they are.",
    ),
    (
        ("FATAL:  database",),
        StoreError,
        "There is no such database on the server of {place}. Make it with createdb, or correct CNNLAB_DATABASE_URL.",
    ),
    (
        ("password", "authentication", "FATAL:  role", "pg_hba.conf"),
        StoreError,
        "The server of {place} does not let cnnlab in. Check the name and the password in CNNLAB_DATABASE_URL.",
    ),
    (
        ("permission denied",),
        StoreError,
        "The user of {place} may not make or change tables there. Make this user the owner of the database.",
    ),
    (
        ("lock timeout", "too many", "connection slots"),
        BusyStoreError,
        "The run store {place} is busy: too many use it, or another process has been writing for seconds. Try again.",
    ),
    (
        ("No space left", "could not extend", "could not write"),
        StoreError,
        "The disk of the run store {place} is full or failing. Free some space and try again.",
    ),
    (
        ("connection", "resolve", "terminating", "shutting down", "starting up", "recovery mode"),
        BusyStoreError,  # a wrong address cannot be told from a server that restarts
        "No PostgreSQL server answers at {place}. Start it, or correct CNNLAB_DATABASE_URL.",
    ),
)


def _become_the_writer(connection: Connection) -> None:
    """Wait until nobody else writes to the server, as SQLite's BEGIN IMMEDIATE does; the end of the transaction lets go."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1000 * BUSY_TIMEOUT_S)}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER})")


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _server_version(connection: Connection) -> int:
    """Return the version that the comment on a server's tables names; 0 where there is none, as before version 5."""
    comment = connection.exec_driver_sql("SELECT obj_description(to_regclass('runs'), 'pg_class')").scalar()
    number = str(comment or "").removeprefix(_OF_VERSION)
    return int(number) if number.isdecimal() else 0


@lru_cache(maxsize=32)
def _engine(url: str) -> Engine:
    """Return the SQLAlchemy engine of a URL, kept with its compiled statements; the engine keeps no connection open."""
    parts = make_url(url)
    if parts.drivername not in KINDS:
        raise StoreError(
            f"CNNLAB_DATABASE_URL begins with {parts.drivername}. cnnlab keeps its runs in SQLite (sqlite:////folder/runs.db) "
            "or PostgreSQL (postgresql://user:password@host/name)."
        )
    if parts.drivername != "sqlite":
        return _server(parts)
    engine = create_engine(url, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # BEGIN and COMMIT are said here, not guessed by the driver
        connection.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_TIMEOUT_S)}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine


def _server(url: URL) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": round(BUSY_TIMEOUT_S)})
