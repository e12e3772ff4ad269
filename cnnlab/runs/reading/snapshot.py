"""This module reads a SQLite file in one call of SQLite's library, at whose end the file is free again.

A statement that has handed out a row and not yet its last keeps the file's shared lock, and meanwhile nobody can commit.
Python's driver gives up the interpreter's lock for each row, and then waits for its turn behind every busy thread: in a
server with thirty of them rows came 150 ms apart. So the answer is copied, as JSON, into a table in the memory of the
connection itself, and Python asks that table.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Engine, Float, Select, case, func, literal_column, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.selectable import CompoundSelect

from cnnlab.runs.reading.soundness import DamagedError
from cnnlab.runs.store.tables import SCHEMA_VERSION

Question = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]
"""Query, made once and kept: what differs from time to time is a parameter of it."""
Rows = Sequence[Sequence[Any]]
"""Rows of one question, each with its values in the order of the question's columns."""

_VERSION = "SELECT user_version FROM pragma_user_version"
BYTES = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
"""How long a file says that it is."""


class _Snapshot(NamedTuple):
    """A `_Snapshot` is what a file answered at one moment."""

    version: int
    """Version of its tables."""
    bytes: int
    """Length that the file says it has."""
    answers: list[Rows]


def ask(
    engine: Engine, file: Path, questions: tuple[Question, ...], given: Mapping[str, Any], prepare: Callable[[], None]
) -> list[Rows]:
    """Return the rows of each question, all of one moment. `given`: the values of their parameters.

    `prepare` is called where the file has not (all of) today's tables. Raises DamagedError, sqlite3.DatabaseError, OSError.
    """
    try:
        found = _snapshot(engine, questions, given)
    except sqlite3.OperationalError as error:
        if file.exists() and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:  # which it says of a table that is missing
            raise
        found = None
    if found is None or found.version != SCHEMA_VERSION:
        prepare()
        found = _snapshot(engine, questions, given)
    refuse_cut(file, found.bytes)
    return found.answers


def refuse_cut(file: Path, size: int) -> None:
    """Raise DamagedError where the end of a file is missing that says it has `size` bytes.

    SQLite would read zeros there without a word.
    """
    if file.stat().st_size < size:
        raise DamagedError


def _snapshot(engine: Engine, questions: tuple[Question, ...], given: Mapping[str, Any]) -> _Snapshot:
    sql, fixed = _copying(questions)
    with closing(engine.raw_connection()) as pooled:
        connection: Any = pooled.driver_connection
        copy_answer(connection, sql, {**fixed, **given})
        [(version, size, *answers)] = connection.execute("SELECT * FROM temp.answer").fetchall()
    return _Snapshot(version, size, [json.loads(answer) for answer in answers])


def copy_answer(connection: sqlite3.Connection, sql: str, given: Mapping[str, Any]) -> None:
    """Run the statement that copies an answer: the file is locked within this call, and at no other time."""
    connection.execute(sql, given)


@lru_cache(maxsize=256)
def _copying(questions: tuple[Question, ...]) -> tuple[str, dict[str, Any]]:
    """Return the statement that copies the answers, and the values that the questions themselves hold."""
    packed = [_packed(question) for question in questions]
    everything: Question = select(literal_column(f"({_VERSION})"), literal_column(f"({BYTES})"), *packed)
    dialect = sqlite.dialect(paramstyle="named")
    compiled = everything.compile(dialect=dialect)
    return f"CREATE TEMP TABLE answer AS {compiled}", dict(compiled.params)


def _packed(question: Question) -> ColumnElement[str]:
    """Return all rows of a question as one JSON text, in the question's own order."""
    rows = question.subquery()
    row = func.json_array(*(_exact(column) if isinstance(column.type, Float) else column for column in rows.c))
    return select(func.json_group_array(row)).select_from(rows).scalar_subquery()


def _exact(column: ColumnElement[float]) -> ColumnElement[str]:
    """Return a number as JSON with as many digits as make the same double again; by itself SQLite writes 15."""
    return func.json(case((func.typeof(column) == "real", func.printf("%!.20g", column)), else_=column))
