"""Stores of older versions: they open, nothing is lost, and their runs go on."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Actor, NotYoursError, Run, Store, StoreError
from cnnlab.runs.store import database, tables
from cnnlab.runs.store.migrations import migrate
from cnnlab.schema import TrainingConfig
from tests.factories import step_record

pytestmark = pytest.mark.sqlite

STORES = sorted((Path(__file__).parents[1] / "stores").glob("v*.db"))
"""One of each earlier version, written by that version. Never write one anew."""
V1, V2, V3, V3_LONG, V4, V5 = STORES
"""1: a finished run, a stopped one in its third epoch, a waiting one. 2: one of every status, a sweep, a damaged one.
3: runs of two people, with label smoothing and a short last batch; and a stopped run of 2,400 steps, of which one is a
spike. 4: an announced run, one that was measured where it stood, one that waits to be measured, one that trains.
5: runs that know when they entered the queue, one of them continued, a sweep, weights from a file, one that trains."""


@pytest.fixture
def kept() -> Path:
    """The store that `old` is a copy of."""
    return V1


@pytest.fixture
def old(app_config: AppConfig, kept: Path) -> AppConfig:
    """A home with a store of version 1, or of whatever version `kept` is."""
    app_config.home.mkdir(parents=True)
    shutil.copy(kept, app_config.home / "runs.db")
    return app_config


def rows(path: Path, table: str) -> list[dict[str, object]]:
    """A table as it lies in the file."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
    connection.close()
    return found


def version(path: Path) -> int:
    """The number in the file."""
    connection = sqlite3.connect(path)
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return number


def test_an_old_store_opens_and_lists(old: AppConfig) -> None:
    """Names, notes, parents, scores: as the old version wrote them."""
    waiting, stopped, finished = Store(old).list()

    assert [run.status for run in (finished, stopped, waiting)] == ["finished", "stopped", "queued"]
    assert finished.name == "First run"
    assert finished.note == "A note\nof two lines: größer"
    assert finished.results is not None
    assert finished.results.final.test.n == 3_000
    assert finished.config.train_subset == 128
    assert waiting.parent_id == finished.id
    assert [run.sweep for run in (finished, stopped, waiting)] == [None] * 3
    assert not any(run.fault for run in (finished, stopped, waiting))


def test_an_old_store_keeps_its_steps_epochs_and_checkpoints(old: AppConfig) -> None:
    """Of every run."""
    store = Store(old)
    _, stopped, finished = store.list()

    assert [step.step for step in store.steps(finished.id)] == [1, 2, 3, 4]
    assert [step.step for step in store.steps(stopped.id)] == [1, 2, 3, 4, 5]
    assert [record.epoch for record in store.epochs(finished.id)] == [1, 2]
    assert [file.epoch for file in store.checkpoints(finished.id, "weights")] == [0, 1, 2]
    assert [file.step for file in store.checkpoints(stopped.id, "state")] == [4, 5]


@pytest.mark.parametrize("kept", STORES, ids=lambda path: path.stem)
def test_only_what_is_new_changes(old: AppConfig, kept: Path) -> None:
    """Every old row holds every old value."""
    Store(old).list()

    path = old.home / "runs.db"
    assert version(path) == tables.SCHEMA_VERSION
    for table in ("runs", "steps", "epochs", "checkpoints"):
        before = rows(kept, table)
        new = [{name: row[name] for name in before[0]} for row in rows(path, table)]
        assert new == before


def test_an_old_run_is_continued(old: AppConfig) -> None:
    """Back into the queue, behind those that wait; then further steps, and its end."""
    store = Store(old)
    waiting, stopped, _ = store.list()
    store.resume(stopped.id)

    first = store.claim()
    assert first is not None
    assert first.id == waiting.id
    store.finish(first.id, RunStatus.STOPPED, "Stopped.")
    run = store.claim()
    assert run is not None
    assert run.id == stopped.id
    last = store.steps(run.id)[-1]
    store.add_steps(run.id, [last.model_copy(update={"step": 6})], images_per_s=10.0)
    ended = store.finish(run.id, RunStatus.FINISHED, "Finished.")

    assert (ended.step, ended.status) == (6, RunStatus.FINISHED)


def test_an_old_store_takes_new_runs_and_sweeps(old: AppConfig) -> None:
    """Beside the old ones, with the next numbers."""
    store = Store(old)
    store.create_many([TrainingConfig(lr=lr) for lr in (0.1, 0.2)], "Two")

    assert [(run.number, run.sweep) for run in store.list()] == [
        (5, "Two"),
        (4, "Two"),
        (3, None),
        (2, None),
        (1, None),
    ]


@pytest.mark.parametrize("kept", [V2], ids=["v2"])
def test_a_store_of_version_2_opens(old: AppConfig) -> None:
    """Every status, the sweep, the scores, and a run of another age; what trained when its machine stopped goes on."""
    store = Store(old)
    by_status = {run.status: run for run in store.list() if not run.sweep}

    assert set(by_status) == set(RunStatus) - {RunStatus.IMPORTED}
    assert len(store.list()) == 10
    assert {run.sweep for run in store.list()} == {None, "Rates"}
    finished = by_status[RunStatus.FINISHED]
    assert finished.results is not None
    assert finished.results.final.test_augmented is not None
    assert (finished.name, finished.note) == ("Größer, zweite", "A note\nof two lines: größer")
    assert by_status[RunStatus.QUEUED].fault == "This cnnlab cannot read its optimizer: another version made the run."
    assert [run.status for run in store.recover()] == [RunStatus.INTERRUPTED]
    for run in store.list():
        if run.status.resumable:
            assert store.resume(run.id).status is RunStatus.QUEUED


@pytest.mark.parametrize("kept", [V3], ids=["v3"])
def test_records_of_version_3_say_what_they_are(old: AppConfig) -> None:
    """Means over batches, with label smoothing: no pictures and no objective is made up for them, and they are drawn."""
    store = Store(old)
    finished = store.list()[-1]
    steps, epochs = store.steps(finished.id), store.epochs(finished.id)

    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]  # 130 pictures in batches of 64
    assert {(step.pictures, step.objective) for step in steps} == {(None, None)}
    assert [(record.training_loss, record.loss) for record in epochs] == [(None, r.running_loss) for r in epochs]
    assert store.curve(finished.id).loss == [step.loss for step in steps]
    assert [run.owner_name for run in store.list()][-3:] == ["Ada"] * 3


@pytest.mark.parametrize("kept", [V3_LONG], ids=["v3_long"])
def test_a_long_run_of_version_3_has_its_curve(old: AppConfig, kept: Path) -> None:
    """Thinned when the store is first opened, from the records there are; its owners stay; and the run goes on."""
    store = Store(old)
    by_name = {run.name: run for run in store.list()}
    long = by_name["Long"]
    before = [row for row in rows(kept, "steps") if row["number"] == long.number]

    curve = store.curve(long.id)

    assert (len(before), curve.width) == (1_800, 4)
    assert curve.step == list(range(4, 2_401, 4))
    assert (max(curve.greatest), curve.step[curve.greatest.index(90.0)]) == (90.0, 780)
    assert curve.least == [min(row["loss"] for row in before if step - 4 < row["step"] <= step) for step in curve.step]
    assert store.curve(by_name["Größer, dritte"].id).width == 1
    assert {(run.owner, run.owner_name) for run in store.list()} == {("a", "Ada"), (None, None)}
    assert [record.greatest_loss for record in store.steps(long.id)] == [row["loss"] for row in before]
    claimed = store.take(long.id)
    store.rewind(claimed.id, 1_199)
    store.add_steps(claimed.id, [step_record(1_200, loss=50.0)])
    assert (store.curve(long.id).step[-1], store.curve(long.id).greatest[-1]) == (1_200, 50.0)
    store.finish(long.id, RunStatus.STOPPED, "Stopped.")


@pytest.mark.parametrize("kept", [V4], ids=["v4"])
def test_when_a_run_of_version_4_was_queued_is_unknown(old: AppConfig) -> None:
    """Nothing is made up of its turn, which is another thing; what enters the queue from now on has its time."""
    store = Store(old)
    by_name = {run.name: run for run in store.list()}
    waiting, measured = by_name["SimpleCNN · Bob 5"], by_name["Measured where it stood"]

    assert {run.waiting_since for run in by_name.values()} == {None}
    assert (list(waiting.moments), list(measured.moments)) == (["Created"], ["Created", "Started", "Ended"])
    assert by_name["To be measured"].only_measured
    assert (by_name["Größer, vierte"].announced_s, measured.results.final.step) == (12.5, 6)
    again = store.resume(measured.id)
    assert again.moments["Queued again"] > again.created_at
    assert store.create(TrainingConfig()).waiting_since is not None


@pytest.mark.parametrize("kept", [V5], ids=["v5"])
def test_a_store_of_version_5_tells_what_has_changed(old: AppConfig) -> None:
    """Every run has a revision, found by its index, and another when it changes; what it knew of the queue stays."""
    store = Store(old)
    by_name = {run.name: run for run in store.list()}

    assert list(by_name["Back in the queue"].moments) == ["Created", "Started", "Queued again"]
    assert by_name["Größer, fünfte"].results is not None
    assert by_name["Brought"].imported is not None
    with sqlite3.connect(old.home / "runs.db") as connection:
        revisions = {number for (number,) in connection.execute("SELECT revision FROM runs")}
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT number, revision FROM runs WHERE revision > 5").fetchall()
    connection.close()
    assert min(revisions) > 0
    assert "runs_by_revision" in plan[0][-1]
    store.rename(by_name["Paused"].id, "Renamed")
    assert {run.name for run in store.list()} == {*by_name, "Renamed"} - {"Paused"}


@pytest.mark.parametrize("kept", [V1, V2], ids=["v1", "v2"])
def test_runs_of_before_people_signed_in_are_nobodys(old: AppConfig, kept: Path) -> None:
    """Only a teacher, or this machine itself, changes them."""
    store = Store(old)
    run = store.list()[-1]

    assert {(run.owner, run.owner_name) for run in store.list()} == {(None, None)}
    with pytest.raises(NotYoursError):
        store.acting_as(Actor("a", "Ada")).rename(run.id, "Mine now")
    store.acting_as(Actor("t", "Grace", teacher=True)).rename(run.id, "Everybody's")


def test_many_processes_open_an_old_store_at_once(
    old: AppConfig, spawn: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """One of them changes it; the others wait for that, and all read it."""
    code = "sys.stdin.readline(); print(len(store.list()))"
    processes = [spawn(code) for _ in range(6)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    for process in processes:
        out, err = process.communicate(timeout=60)
        assert out.strip() == "3", err
    assert version(old.home / "runs.db") == tables.SCHEMA_VERSION


def test_a_change_that_fails_leaves_the_old_store(old: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """All in one transaction: no new column without its version, and the next start tries again."""

    def migrate_and_fail(connection: Connection) -> None:
        migrate(connection)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("cnnlab.runs.store.database.migrate", migrate_and_fail)
        with pytest.raises(StoreError, match="No space left"):
            Store(old).list()

    path = old.home / "runs.db"
    assert version(path) == 1
    assert "sweep" not in rows(path, "runs")[0]
    assert len(Store(old).list()) == 3


def test_a_new_store_has_the_same_columns_as_an_old_one(old: AppConfig, tmp_path: Path) -> None:
    """Whichever way a store came to be of this version."""
    Store(old).list()
    fresh = Store(AppConfig(home=tmp_path / "new"))
    run: Run = fresh.create(TrainingConfig())

    assert run.sweep is None
    assert set(rows(tmp_path / "new" / "runs.db", "runs")[0]) == set(rows(old.home / "runs.db", "runs")[0])


@pytest.mark.parametrize("kept", STORES, ids=lambda path: path.stem)
def test_the_old_store_is_kept_beside_the_new(old: AppConfig, kept: Path) -> None:
    """As the older version left it, so that one may go back; made once."""
    Store(old).list()
    Store(old).create(TrainingConfig())

    (copy,) = old.home.glob("runs.db.version-*")
    assert copy.name == f"runs.db.version-{version(kept)}"
    for table in ("runs", "steps", "epochs", "checkpoints"):
        assert rows(copy, table) == rows(kept, table)
    assert version(copy) == version(kept)


def test_of_two_processes_that_start_together_one_copies_the_old_store(
    old: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other has seen the old version before it had its turn; a copy of the new store would serve nobody."""
    seen, asked = database._version, []

    def while_another_migrates(connection: Connection) -> int:
        number = seen(connection)
        asked.append(number)
        if len(asked) == 1:
            Store(old).list()
        return number

    monkeypatch.setattr(database, "_version", while_another_migrates)
    Store(old).list()

    assert asked[0] < tables.SCHEMA_VERSION == asked[-1]
    assert [copy.name for copy in old.home.glob("runs.db.version-*")] == ["runs.db.version-1"]


def test_a_new_store_has_no_copy(app_config: AppConfig) -> None:
    """There is nothing to go back to."""
    Store(app_config).list()

    assert [path.name for path in app_config.home.glob("runs.db*")] == ["runs.db"]


@pytest.mark.parametrize("kept", STORES, ids=lambda path: path.stem)
def test_every_run_of_every_store_is_shown_and_goes_on(old: AppConfig) -> None:
    """The contract of all versions to come: each run is listed, shown whole, continued where it can be, and claimed."""
    store = Store(old)
    store.recover()
    for run in store.list():
        assert store.get(run.id) == run
        assert len(store.steps(run.id)) >= 0
        assert [record.epoch for record in store.epochs(run.id)] == sorted(r.epoch for r in store.epochs(run.id))
        curve = store.curve(run.id)
        assert curve.step == sorted(curve.step)
        assert {file.run_id for file in store.weights(run.id)} <= {run.id}
        if run.status.resumable and not run.fault:
            assert store.resume(run.id).status is RunStatus.QUEUED
    waiting = [run for run in store.list() if run.status is RunStatus.QUEUED and not run.fault]
    for _ in range(len(store.list())):
        if claimed := store.claim():
            store.start(claimed.id, "cpu", {}, 100)
            store.rewind(claimed.id, 0)
            store.finish(claimed.id, RunStatus.STOPPED, "Stopped.")
            waiting = [run for run in waiting if run.id != claimed.id]
    assert waiting == []
    for run in store.list():
        store.delete(run.id)
    assert store.list() == []
