"""Clocks that jump, several servers, folders that are not ours: the queue stays fair, and each run starts once."""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig
from tests.runs.process.test_launcher import SERVER, status
from tests.waiting import eventually

Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How many seconds the clock is wrong: clock[0] = -3600."""
    wrong, true = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: true() + wrong[0])
    return wrong


def test_the_queue_is_fair_whatever_the_clock_does(store: Store, clock: list[float]) -> None:
    """Forty runs, the clock put forwards and backwards by up to ten hours in between: they start in the order of asking."""
    chance = random.Random(2)
    asked = []
    for seed in range(40):
        clock[0] = chance.uniform(-36_000, 36_000)
        asked.append(store.create(TrainingConfig(seed=seed)).id)
        assert store.queue_position(asked[-1]) == len(asked)

    for id in asked:
        clock[0] = chance.uniform(-36_000, 36_000)
        run = store.claim()
        assert run is not None
        assert run.id == id
        store.finish(run.id, RunStatus.STOPPED, "Stopped.")
    assert store.claim() is None


def test_a_continued_run_waits_behind_the_others(store: Store, clock: list[float]) -> None:
    """Also after the clock was put back."""
    run = store.create(TrainingConfig(), mine=True)
    store.finish(run.id, RunStatus.PAUSED, "Paused.")
    waiting = store.create(TrainingConfig())
    clock[0] = -7_200
    store.resume(run.id)
    later = store.create(TrainingConfig())

    assert [store.queue_position(id) for id in (waiting.id, run.id, later.id)] == [1, 2, 3]


@pytest.mark.parametrize("jump_s", [-1e5, 1e5])
def test_nothing_young_is_swept_or_given_up(store: Store, clock: list[float], jump_s: float) -> None:
    """A clock that jumps makes no run dead and no folder old."""
    running, queued = store.create(TrainingConfig(), mine=True), store.create(TrainingConfig())
    young = store.app_config.runs / ("e" * 32)  # `create` makes the folder a moment before the row
    young.mkdir()
    clock[0] = jump_s

    store.sweep()
    assert store.recover() == []

    assert young.exists()
    assert [status(store, run) for run in (running, queued)] == [RunStatus.RUNNING, RunStatus.QUEUED]
    store.finish(running.id, RunStatus.STOPPED, "Stopped.")


@pytest.fixture
def servers(spawn: Spawn, tmp_path: Path) -> Iterator[list["subprocess.Popen[str]"]]:
    """Two servers with homes of their own and one store."""
    shared = {
        "CNNLAB_DATABASE_URL": f"sqlite:///{tmp_path / 'shared.db'}",
        "CNNLAB_RUNS_DIR": str(tmp_path / "runs"),
    }
    started = [spawn(SERVER, CNNLAB_HOME=str(tmp_path / f"home{i}"), **shared) for i in range(2)]
    for server in started:
        assert server.stdout is not None
        server.stdout.readline()
    yield started
    for server in started:
        if server.poll() is None:
            server.communicate("")


def test_two_servers_of_two_homes_share_a_store(
    servers: list["subprocess.Popen[str]"], app_config: AppConfig, tmp_path: Path
) -> None:
    """Each run starts once, one slot is one slot, their logs lie apart; one is killed, and the other goes on."""
    place = {"database_url": f"sqlite:///{tmp_path / 'shared.db'}", "runs_dir": tmp_path / "runs"}
    store = Store(app_config.model_copy(update=place))
    runs = [store.create(TrainingConfig(seed=seed)) for seed in range(4)]
    for number, run in enumerate(runs):
        eventually(lambda run=run: status(store, run) is RunStatus.RUNNING)  # type: ignore[misc]
        assert [r.id for r in store.list() if r.status is RunStatus.RUNNING] == [run.id]
        if number == 1:
            servers[0].kill()
            servers[0].wait()
            assert status(store, run) is RunStatus.RUNNING, "what trains goes on, whosever it was"
        store.request(run.id, "stop")
        eventually(lambda run=run: not status(store, run).active)  # type: ignore[misc]

    assert {run.status for run in store.list()} == {RunStatus.STOPPED}
    for i in range(2):
        assert list((tmp_path / f"home{i}" / "logs").glob("server-*.jsonl"))
        assert list((tmp_path / f"home{i}" / "logs").glob("worker-*.log"))


def test_two_servers_of_one_home_do_not_take_each_others_logs(
    store: Store, app_config: AppConfig, spawn: Spawn
) -> None:
    """Each worker has a log of its own, however many start at once, and one that is written is not removed."""
    started = [spawn(SERVER) for _ in range(2)]
    for server in started:
        assert server.stdout is not None
        server.stdout.readline()
    run: Run = store.create(TrainingConfig())
    eventually(lambda: status(store, run) is RunStatus.RUNNING)
    logs = app_config.home / "logs"
    eventually(lambda: len(list(logs.glob("worker-*.log"))) >= 2)
    assert len(list(logs.glob("server-*.jsonl"))) == 2
    store.request(run.id, "stop")
    eventually(lambda: not status(store, run).active)
    for server in started:
        server.communicate("")


def test_foreign_and_unreadable_things_among_the_runs(store: Store) -> None:
    """Files, links that lead nowhere, folders with odd names: nobody stumbles, nothing is touched."""
    run = store.create(TrainingConfig())
    runs = store.app_config.runs
    (runs / "notes.txt").write_text("mine")
    (runs / ("f" * 32)).write_text("a file that is called like a run")
    (runs / ("0" * 32)).symlink_to(runs / "nowhere")
    (runs / "größer und – anders").mkdir()
    closed = runs / ("9" * 32)
    closed.mkdir(mode=0o000)
    os.utime(runs / "größer und – anders", (0, 0))
    before = sorted(path.name for path in runs.iterdir())

    store.sweep()
    assert store.recover() == []
    assert store.list()[0].id == run.id

    assert sorted(path.name for path in runs.iterdir()) == before
    closed.chmod(0o700)
