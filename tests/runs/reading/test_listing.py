"""The list of all runs is as it is now, though only what has changed is read."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from cnnlab.records import Phase, RunStatus
from cnnlab.runs import Checkpoint, Run, Store, locks
from cnnlab.runs.reading import listing
from cnnlab.runs.repair.rebuild import salvage
from cnnlab.runs.store import tables, transactions
from cnnlab.runs.store.database import Database
from cnnlab.schema import TrainingConfig
from tests.factories import step_record


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that were made of rows, in that order."""
    real, names = transactions.run_of, []

    def noted(row: Any) -> Run:
        names.append(row["name"])
        return real(row)

    monkeypatch.setattr(transactions, "run_of", noted)
    return names


def afresh(store: Store) -> list[Run]:
    """What a process that has never asked is told."""
    return listing.Listing().read(store.database)


CHANGES: dict[str, Callable[[Store, Run], Any]] = {
    "say": lambda store, run: store.say(run.id, "It waits for the data."),
    "tell": lambda store, run: store.tell(run.id, Phase(doing="training", step=1, due_at=2e9)),
    "start": lambda store, run: store.start(run.id, "cpu", {"python": "3"}, 20),
    "add_steps": lambda store, run: store.add_steps(run.id, [step_record(99)], 5.0),
    "rewind": lambda store, run: store.rewind(run.id, 5),
    "request": lambda store, run: store.request(run.id, "stop"),
    "rename": lambda store, run: store.rename(run.id, "Another name"),
    "annotate": lambda store, run: store.annotate(run.id, "A note"),
    "finish": lambda store, run: store.finish(run.id, RunStatus.STOPPED, "Stopped."),
    "resume": lambda store, run: (store.finish(run.id, RunStatus.STOPPED, "Stopped."), store.resume(run.id)),
    "delete": lambda store, run: (store.finish(run.id, RunStatus.STOPPED, "Stopped."), store.delete(run.id)),
    "create": lambda store, run: store.create(TrainingConfig()),
    "create_many": lambda store, run: store.create_many([TrainingConfig()] * 3),
}


@pytest.mark.parametrize("how", CHANGES)
def test_every_change_is_seen(store: Store, running: Run, report_epoch: Callable[..., Checkpoint], how: str) -> None:
    """By the process that has asked before, as by one that has not."""
    report_epoch(running, 1)
    before = store.list()

    CHANGES[how](store, running)

    assert store.list() == afresh(store) != before


def test_an_epoch_is_seen(store: Store, running: Run, report_epoch: Callable[..., Checkpoint]) -> None:
    """It lies in another table than the run."""
    for epoch in (1, 2):
        report_epoch(running, epoch, accuracy=epoch / 10)
        [run] = store.list()
        assert run.last_epoch is not None
        assert (run.last_epoch.epoch, run.best_epoch) == (epoch, epoch)


def test_only_what_has_changed_is_made_anew(store: Store, running: Run, made: list[str]) -> None:
    """In one reading, however many runs."""
    store.create_many([TrainingConfig(seed=seed) for seed in range(20)], names=[f"Run {seed}" for seed in range(20)])
    made.clear()
    assert len(store.list()) == len(made) == 21
    made.clear()

    assert len(store.list()) == 21
    assert made == []
    store.say(running.id, "It waits for the data.")
    assert store.list()[-1].message == "It waits for the data."
    assert made == [running.name]


def test_a_list_is_one_reading(store: Store, running: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """But the first one of a process."""
    real, asked = Database.read, []
    monkeypatch.setattr(Database, "read", lambda self, *q, **given: asked.append(1) or real(self, *q, **given))
    store.list()

    for _ in range(3):
        asked.clear()
        assert len(store.list()) == 1
        assert asked == [1]


def test_the_first_list_reads_in_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of few runs; what changes between two pieces is in the list as it is at the end."""
    runs = store.create_many([TrainingConfig(seed=seed) for seed in range(7)])
    monkeypatch.setattr(listing, "PIECE", 2)
    real, pieces = Database.read, []

    def read(self: Database, *questions: Any, **given: int) -> Any:
        answer = real(self, *questions, **given)
        if "first" in given:
            pieces.append(len(answer[0]))
            if len(pieces) == 2:
                store.rename(runs[0].id, "Not read yet")
                store.rename(runs[6].id, "Read already")
                store.delete(runs[5].id)
        return answer

    monkeypatch.setattr(Database, "read", read)
    found = afresh(store)

    assert pieces == [2, 2, 2, 1]
    monkeypatch.undo()
    assert found == afresh(store)
    assert {run.name for run in found} >= {"Not read yet", "Read already"}
    assert len(found) == 6


def test_those_that_are_asked_for(store: Store) -> None:
    """By their ids, the newest first; an id that is not there is left out."""
    first, second, third = (store.create(TrainingConfig()) for _ in range(3))

    assert [run.id for run in store.list([first.id, "gone", third.id])] == [third.id, first.id]
    assert store.list([]) == []
    assert second in store.list()


@pytest.mark.sqlite
def test_a_backup_that_is_put_back_is_read_as_it_is(store: Store) -> None:
    """The same runs with an older past, which then takes another course: no revision is given to two different things."""
    run = store.create(TrainingConfig(), "As it was")
    file = store.app_config.home / "runs.db"
    shutil.copy(file, file.with_name("backup.db"))
    store.rename(run.id, "Later")
    assert [run.name for run in store.list()] == ["Later"]

    shutil.copy(file.with_name("backup.db"), file.with_name("new.db"))
    file.with_name("new.db").replace(file)
    assert [run.name for run in store.list()] == ["As it was"]
    store.rename(run.id, "Otherwise")
    assert [run.name for run in store.list()] == ["Otherwise"]


@pytest.mark.sqlite
def test_a_new_store_in_the_same_place_has_its_own_runs(store: Store) -> None:
    """With the same numbers."""
    store.create(TrainingConfig(), "Old")
    store.list()
    store.app_config.home.joinpath("runs.db").rename(store.app_config.home / "away.db")
    assert store.list() == []
    store.create(TrainingConfig(), "New")

    assert [run.name for run in store.list()] == ["New"]


@pytest.mark.sqlite
def test_a_run_that_a_repair_has_changed_is_read_anew(store: Store, running: Run) -> None:
    """The new store has the numbers of the damaged one."""
    store.list()
    locks.release(store.folder(running.id))
    salvage(store.app_config)

    assert [run.status for run in store.list()] == [RunStatus.INTERRUPTED]


def test_a_clock_that_is_put_back_hides_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revision is greater than any before, whatever the time."""
    run = store.create(TrainingConfig())
    store.list()
    monkeypatch.setattr(tables.time, "time_ns", lambda: 1_000)

    for name in ("One", "Two"):
        store.rename(run.id, name)
        assert [run.name for run in store.list()] == [name]
    [rows] = store.database.read(select(tables.runs.c.revision))
    assert rows[0][0] > 1_000_000


def test_many_threads_ask_at_once(store: Store) -> None:
    """While runs change: whoever asks after a change sees it."""
    runs = store.create_many([TrainingConfig(seed=seed) for seed in range(4)])
    done = threading.Event()

    def look() -> int:
        looked = 0
        while not done.is_set() or not looked:
            assert len(store.list()) == 4
            looked += 1
        return looked

    with ThreadPoolExecutor(3) as several:
        looking = [several.submit(look) for _ in range(3)]
        try:
            for n in range(10):
                for run in runs:
                    store.rename(run.id, f"{run.number} {n}")
                    assert {f"{run.number} {n}"} <= {other.name for other in store.list()}
        finally:
            done.set()
        assert all(each.result() for each in looking)
    assert store.list() == afresh(store)
