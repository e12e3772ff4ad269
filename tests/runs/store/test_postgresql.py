"""The store on a PostgreSQL server: addresses that lead nowhere, several who open it at once, readers beside a writer."""

import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, make_url, select

from cnnlab.app_config import AppConfig
from cnnlab.cli import main
from cnnlab.runs import Store, StoreError
from cnnlab.runs.store import database, tables
from cnnlab.schema import TrainingConfig


@pytest.fixture
def app_config(app_config: AppConfig, on_postgresql: str, monkeypatch: pytest.MonkeyPatch) -> AppConfig:
    """An empty home, with the records on the server."""
    monkeypatch.setenv("CNNLAB_DATABASE_URL", on_postgresql)
    return AppConfig()


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "port": (lambda url: "postgresql://me:secret@127.0.0.1:1/runs", "No PostgreSQL server answers at"),
    "machine": (lambda url: "postgresql://me:secret@nowhere.invalid/runs", "No PostgreSQL server answers at"),
    "database": (lambda url: url.replace("/postgres?", "/nobodys?"), "There is no such database"),
    "user": (lambda url: url.replace("cnnlab@", "somebody:secret@"), "does not let cnnlab in"),
    "driver": (lambda url: "postgresql+asyncpg://me:secret@127.0.0.1/runs", "begins with postgresql\\+asyncpg"),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_address_that_leads_nowhere_is_a_sentence(
    postgresql: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """On the command line: one, which says what to do and not the password."""
    change, sentence = WRONG[what]
    monkeypatch.setenv("CNNLAB_DATABASE_URL", change(postgresql))

    assert main(["runs"]) == 1
    said = capsys.readouterr().err
    with pytest.raises(StoreError, match=sentence):
        raise StoreError(said)
    assert "secret" not in said
    assert said.count("\n") == 1


def test_several_who_open_an_empty_store_at_once(app_config: AppConfig) -> None:
    """One of them makes the tables; each has its run, and no number is given twice."""
    start = threading.Barrier(4)

    def create(seed: int) -> int:
        store = Store(app_config)
        start.wait()
        return store.create(TrainingConfig(seed=seed)).number

    with ThreadPoolExecutor(4) as several:
        assert sorted(several.map(create, range(4))) == [1, 2, 3, 4]


def test_an_older_store_is_brought_to_todays_form(app_config: AppConfig, store: Store) -> None:
    """Columns of later versions are added; what is there stays."""
    run = store.create(TrainingConfig(seed=3))
    with store.database.writing() as connection:
        for column in ("sweep", "owner", "owner_name", "waiting_since"):
            connection.exec_driver_sql(f"ALTER TABLE runs DROP COLUMN {column}")
        connection.exec_driver_sql("COMMENT ON TABLE runs IS NULL")  # as before version 5

    database._prepared.clear()  # as in the process of a newer cnnlab

    assert [(old.id, old.config.seed, old.owner) for old in Store(app_config).list()] == [(run.id, 3, None)]
    assert [new.name for new in Store(app_config).create_many([TrainingConfig()], "Three")] == ["SimpleCNN 2"]


@pytest.mark.parametrize(("comment", "newer"), [("cnnlab, format 999", True), ("ours, 999", False)])
def test_a_store_of_a_newer_cnnlab_is_left_alone(
    app_config: AppConfig, store: Store, comment: str, newer: bool
) -> None:
    """As with SQLite's file: a sentence. A comment that somebody else wrote says nothing of a version."""
    store.create(TrainingConfig())
    with store.database.writing() as connection:
        connection.exec_driver_sql(f"COMMENT ON TABLE runs IS '{comment}'")
    database._prepared.clear()

    if newer:
        with pytest.raises(StoreError, match=r"made by a newer cnnlab .+ Update cnnlab, or name another database\."):
            Store(app_config).list()
    else:
        assert len(Store(app_config).list()) == 1
        with store.database.writing() as connection:
            assert database._server_version(connection) == tables.SCHEMA_VERSION


def test_a_reading_with_several_questions_sees_one_state(store: Store) -> None:
    """As with SQLite: what is committed meanwhile is seen by the next reading, and no writer waits."""
    store.create(TrainingConfig())
    count = select(tables.runs.c.number)
    store.database.read(count)
    meanwhile: list[object] = []

    def commit_between(*_: object) -> None:
        if not meanwhile:
            meanwhile.append(None)
            meanwhile.append(Store(store.app_config).create(TrainingConfig()))

    event.listen(store.database._engine, "after_cursor_execute", commit_between)
    try:
        first, second = store.database.read(count, count)
    finally:
        event.remove(store.database._engine, "after_cursor_execute", commit_between)

    assert len(meanwhile) == 2
    assert len(first) == len(second) == 1
    assert len(store.list()) == 2


def test_a_second_writer_waits_and_then_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One writer at a time: who comes second waits for seconds, not for ever."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    store.list()
    with store.database.writing(), pytest.raises(StoreError, match=r"busy.*Try again"):
        store.create(TrainingConfig())
    assert make_url(store.app_config.database).get_backend_name() == "postgresql"
    assert store.create(TrainingConfig()).number >= 1


def test_a_process_prepares_a_server_once(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page and each worker makes stores of its own: only the first one waits for the writer's lock to look."""
    looked: list[object] = []
    real = database.migrate
    monkeypatch.setattr(database, "migrate", lambda connection: looked.append(real(connection)))
    for _ in range(3):
        assert Store(app_config).list() == []

    assert len(looked) == 1


def test_processes_that_open_an_empty_store_at_once(
    app_config: AppConfig, spawn: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """Three of them, whose first call makes the tables: each has its answer."""
    processes = [spawn("print('ready', flush=True); sys.stdin.readline(); print(len(store.list()))") for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    assert [process.communicate(timeout=120) for process in processes] == [("0\n", "")] * 3
