"""Who looks keeps nobody waiting: while Python runs, no reader has a lock on the file, however slow it is."""

import ast
import inspect
import math
import random
import sqlite3
import struct
import sys
from collections.abc import Callable
from types import BuiltinMethodType, FrameType
from typing import Any

import pytest
from sqlalchemy import Float, Integer, Text, column, select, table

from cnnlab.app_config import PROJECT
from cnnlab.records import RunStatus
from cnnlab.runs import Checkpoint, Run, Store, StoreError
from cnnlab.runs.reading import listing, snapshot
from cnnlab.runs.store import database, tables, transactions
from tests.factories import step_records
from tests.runs.test_owners import READING

pytestmark = pytest.mark.sqlite


@pytest.fixture
def run(store: Store, running: Run, report_epoch: Callable[..., Checkpoint]) -> Run:
    """A run with steps, an epoch and its weights, and a long one beside it, whose curve is thinned."""
    report_epoch(running, 1)
    long = store.create(running.config, mine=True)
    store.start(long.id, "cpu", {}, 4_000)
    store.add_steps(long.id, step_records(1, 40))
    store.list()
    return long


def commit_at_once(store: Store) -> None:
    """Commit as a process does that cannot wait. Raises sqlite3.OperationalError where a reader is in its way."""
    connection = sqlite3.connect(store.app_config.home / "runs.db", timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE runs SET revision = revision + 1")
        connection.execute("COMMIT")
    finally:
        connection.close()


@pytest.mark.parametrize("way", READING)
def test_a_writer_commits_whenever_a_reader_may_have_to_wait_for_python(store: Store, run: Run, way: str) -> None:
    """After each call of SQLite another thread may take Python's lock, for as long as it likes: a writer commits then."""
    tried = []

    def after_each_call(frame: FrameType, event: str, called: Any) -> None:
        of = called.__self__ if event == "c_return" and isinstance(called, BuiltinMethodType) else None
        if isinstance(of, sqlite3.Connection | sqlite3.Cursor):
            sys.setprofile(None)
            commit_at_once(store)
            tried.append(called.__name__)
            sys.setprofile(after_each_call)

    sys.setprofile(after_each_call)
    try:
        READING[way](store, run.id)
    finally:
        sys.setprofile(None)

    assert tried or way in {"folder", "path"}


@pytest.mark.parametrize("way", ["get", "list", "ahead_of", "line_with"])
def test_a_reader_that_is_slow_to_make_objects_keeps_no_writer_waiting(
    store: Store, run: Run, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows become objects when the transaction is over: a writer commits while they do."""
    real, made = transactions.run_of, []

    def slow(row: Any) -> Run:
        commit_at_once(store)
        made.append(row["id"])
        return real(row)

    commit_at_once(store)  # every row has changed since it was last read
    monkeypatch.setattr(transactions, "run_of", slow)
    READING[way](store, run.id)

    assert made


def test_what_is_read_comes_as_plain_rows() -> None:
    """No connection is handed out to read with, so that nothing can be made of rows while the file is locked."""
    handed_out = {
        name
        for name, method in inspect.getmembers(database.Database, inspect.isfunction)
        if not name.startswith("_") and "Connection" in str(inspect.signature(method).return_annotation)
    }
    assert handed_out == {"writing"}

    connecting = set()
    for path in PROJECT.joinpath("cnnlab", "runs").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"raw_connection", "connect", "_transaction"}:
                connecting.add(path.name)
    assert connecting == {"database.py", "snapshot.py", "checks.py", "rebuild.py"}, (
        "and the last two read damaged files"
    )


def test_a_number_comes_as_it_was_written(store: Store) -> None:
    """Every double, also the odd ones; text with anything in it; what is not there."""
    chance = random.Random(0)
    numbers: list[float | None] = [struct.unpack("d", chance.randbytes(8))[0] for _ in range(2_000)]
    numbers = [x for x in numbers if x is not None and math.isfinite(x)] + [chance.random() for _ in range(2_000)]
    numbers += [0.1, 1 / 3, -0.0, 5e-324, sys.float_info.max, None]
    kept = table("kept", column("place", Integer), column("number", Float), column("words", Text))
    words = "größer \"'\\\n\t \u2028 😀 \x01"
    with store.database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (place INTEGER PRIMARY KEY, number FLOAT, words TEXT)")
        connection.execute(kept.insert(), [{"place": i, "number": x, "words": words} for i, x in enumerate(numbers)])

    [rows, none] = store.database.read(select(kept).order_by(kept.c.place.desc()), select(kept).where(kept.c.place < 0))

    assert [tuple(row) for row in rows] == [(i, x, words) for i, x in enumerate(numbers)][::-1]
    assert none == []


@pytest.mark.parametrize("value", ["'three'", "x'00ff'", "9e999"])
def test_what_is_no_number_is_damage(store: Store, run: Run, value: str) -> None:
    """Where a number should be: said, and not taken for zero."""
    with store.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE steps SET loss = {value} WHERE number = {run.number}")

    with pytest.raises(StoreError, match="is damaged"):
        store.steps(run.id)


def test_all_answers_are_of_one_moment(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a question with several parts: a commit comes before all of them or after."""
    status = select(tables.runs.c.status).where(tables.runs.c.id == run.id)
    [[before], [after]] = store.database.read(status, status)

    assert before == after == ["running"]


def test_many_steps_are_read_in_parts(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And are all there, once and in order."""
    whole = store.steps(run.id)
    for most in (1, 7, 39, 40, 41):
        monkeypatch.setattr("cnnlab.runs.store.history.STEPS_A_READING", most)
        assert store.steps(run.id) == whole
        assert store.steps(run.id, after=3, until=12) == whole[3:12]


def test_statements_are_made_once(store: Store, run: Run) -> None:
    """A question that is made anew each time would be compiled anew each time."""
    for ask in READING.values():
        ask(store, run.id)
    compiled = snapshot._copying.cache_info().misses
    for ask in READING.values():
        ask(store, run.id)

    assert snapshot._copying.cache_info().misses == compiled
    assert listing.of(store.app_config.database) is listing.of(store.app_config.database)
    assert store.get(run.id).status is RunStatus.RUNNING
