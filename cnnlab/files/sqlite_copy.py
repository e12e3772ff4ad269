"""This module keeps a copy of a SQLite file beside it, and looks whether the copy holds what it must before it counts."""

import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any


def keep(file: Path, ending: str, rows: str) -> Path:
    """Keep a copy of a SQLite file as `<file>.<ending>`, and return its path. Raises sqlite3.DatabaseError, OSError.

    `rows`: the query whose answer must be the same in the copy. A copy that holds that already is enough; one that holds
    none of it gives way; any other stays, and the new one has a number behind its name. SQLite itself makes the copy: who
    merely opened and closed the file would take this process's locks away from it.
    """
    first = file.with_name(f"{file.name}.{ending}")
    unfinished = first.with_name(f"{first.name}.tmp")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
        wanted, copied = _content(source, rows), _content(target, rows)
    if copied != wanted:
        raise sqlite3.DatabaseError("malformed: the copy of the store is not like the store")
    kept = first
    for number in count(2):
        there = _content_of(kept, rows)
        if not kept.exists() or (there and (there == wanted or not there[1])):
            break
        kept = first.with_name(f"{first.name}-{number}")
    unfinished.replace(kept)
    return kept


def _content(connection: sqlite3.Connection, rows: str) -> tuple[int, list[Any]]:
    """Return the version and the rows that a SQLite file holds. Raises sqlite3.DatabaseError where it is not whole."""
    if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("malformed")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version, connection.execute(rows).fetchall()


def _content_of(copy: Path, rows: str) -> tuple[int, list[Any]] | None:
    """Return the content of an earlier copy; None where there is none, or none that can be read."""
    if not copy.exists():
        return None
    try:
        with closing(sqlite3.connect(copy)) as connection:
            return _content(connection, rows)
    except sqlite3.DatabaseError:
        return None
