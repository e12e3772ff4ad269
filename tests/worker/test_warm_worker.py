"""Workers that wait for a run, in this process and in others."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

import pytest
import torch

from cnnlab import logs, worker
from cnnlab.app_config import AppConfig
from cnnlab.data import DataUnavailableError
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, doorbell
from cnnlab.runs.doorbell import Doorbell
from cnnlab.runs.process import launcher
from cnnlab.runs.process.launcher import LAUNCHED_BY
from cnnlab.worker import data_cache, warm_worker
from tests.waiting import eventually
from tests.worker.helpers import resume, serve, small


def coming(store: Store, monkeypatch: pytest.MonkeyPatch, questions: int) -> list[Run]:
    """A run that is created just before a worker asks for the so manieth time."""
    created: list[Run] = []
    claim, asked = Store.claim, 0

    def ask(self: Store) -> Run | None:
        nonlocal asked
        asked += 1
        if asked == questions:
            created.append(store.create(small()))
        return claim(self)

    monkeypatch.setattr(Store, "claim", ask)
    return created


def test_a_worker_that_cannot_warm_up_trains_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged CIFAR-10 must not keep runs on other datasets from starting."""

    def fail(*arguments: object) -> None:
        raise DataUnavailableError("CIFAR-10 is not available: it is damaged.")

    monkeypatch.setattr(warm_worker, "_warm_up", fail)
    monkeypatch.setattr(warm_worker, "LOOK_S", 0.01)
    created = coming(store, monkeypatch, questions=3)
    worker.serve(store.app_config)

    assert store.get(created[0].id).status is RunStatus.FINISHED
    assert "it is damaged" in capsys.readouterr().err


def test_a_run_that_is_there_does_not_wait_for_the_warm_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would warm up for another one."""
    monkeypatch.setattr(warm_worker, "_warm_up", lambda *arguments: pytest.fail("it warmed up first"))
    coming(store, monkeypatch, questions=1)
    worker.serve(store.app_config)

    assert store.list()[0].status is RunStatus.FINISHED


def test_what_is_warm_is_taken_once(app_config: AppConfig) -> None:
    """By a run that cuts the sets alike; another one has its own, and the memory is given back."""
    cpu, silent = torch.device("cpu"), None
    kept = data_cache.keep(small(), app_config, cpu)

    assert data_cache.take(small(lr=0.5, epochs=9), app_config, cpu, silent) is kept
    assert data_cache.take(small(), app_config, cpu, silent) is not kept
    kept = data_cache.keep(small(), app_config, cpu)
    assert len(data_cache.take(small(train_subset=128), app_config, cpu, silent).train) == 128
    assert not data_cache._kept


def test_a_warm_worker_trains_one_run_and_ends(store: Store) -> None:
    """It claims the run that comes, finishes it, and its process is gone."""
    process = serve()
    run = store.create(small())
    eventually(lambda: store.get(run.id).status is RunStatus.FINISHED)

    assert process.wait(60) == 0


def test_a_worker_whose_launcher_has_gone_before_it_was_ready_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading torch takes seconds; who asked for its parent only then would take any other for it, and wait for ever."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    monkeypatch.setenv(LAUNCHED_BY, str(gone.pid))
    run = store.create(small())
    worker.serve(store.app_config)

    assert store.get(run.id).status is RunStatus.QUEUED


def waiting_worker(store: Store, found: list[Run | None], parent: int | None = None) -> threading.Thread:
    """A thread that waits for a run as a worker does, and says what it got."""

    def wait() -> None:
        with Doorbell(store.app_config.runs) as bell:
            bell.watch(parent or os.getppid())
            found.append(warm_worker._claimed(store.app_config, store, bell, parent or os.getppid()))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Workers need no warming, and without a ring look at nothing for an hour. The list: how long they began to wait."""
    begun: list[float] = []
    wait = Doorbell.wait

    def noted(self: Doorbell, seconds: float) -> bool:
        begun.append(seconds)
        return wait(self, seconds)

    monkeypatch.setattr(Doorbell, "wait", noted)
    monkeypatch.setattr(warm_worker, "LOOK_S", 3600.0)
    monkeypatch.setattr(warm_worker, "_warm_up", lambda *arguments: iter(()))
    return begun


def queue(store: Store) -> None:
    """As the form does."""
    store.create(small())


def go_on(store: Store) -> None:
    """As Continue does, and a launcher after a death."""
    store.resume(store.list()[0].id)


@pytest.mark.parametrize("ask", [queue, go_on])
def test_a_waiting_worker_hears_of_a_run(store: Store, waits: list[float], ask: Callable[[Store], None]) -> None:
    """It does not look for it: it is rung."""
    store.finish(store.create(small(), mine=True).id, RunStatus.STOPPED, "Stopped.")
    found: list[Run | None] = []
    thread = waiting_worker(store, found)
    eventually(lambda: waits == [3600.0])
    ask(store)
    thread.join(60)

    assert [run and run.status for run in found] == [RunStatus.RUNNING]


def test_a_waiting_worker_hears_that_a_place_is_free(store: Store, waits: list[float]) -> None:
    """The run waited for another one to end."""
    first = store.create(small(), mine=True)
    second = store.create(small())
    found: list[Run | None] = []
    thread = waiting_worker(store, found)
    eventually(lambda: waits == [3600.0])
    store.finish(first.id, RunStatus.FINISHED, "Done.")
    thread.join(60)

    assert [run and run.id for run in found] == [second.id]


def test_a_run_that_is_queued_between_looking_and_waiting_is_heard(
    store: Store, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ring is there before anybody waits for it, and is not lost."""
    may_start = Store.may_start

    def just_before(self: Store) -> bool:
        answer = may_start(self)
        self.create(small())
        return answer

    monkeypatch.setattr(Store, "may_start", just_before)
    found: list[Run | None] = []
    waiting_worker(store, found).join(60)

    assert [run and run.status for run in found] == [RunStatus.RUNNING]
    assert waits == [3600.0]


def test_two_workers_and_two_runs_with_one_ring(
    app_config: AppConfig, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both reach for the same run; who does not get it looks again by itself."""
    take, both, reached = Store._take, threading.Barrier(2), threading.local()

    def together(self: Store, *arguments: Any) -> bool:
        if not hasattr(reached, "once"):
            reached.once = both.wait(60)
        return take(self, *arguments)

    monkeypatch.setattr(Store, "_take", together)
    store = Store(app_config.model_copy(update={"slots": 2}))
    found: list[Run | None] = []
    workers = [waiting_worker(store, found) for _ in range(2)]
    eventually(lambda: waits == [3600.0, 3600.0])
    runs = store.create_many([small(), small()])
    for thread in workers:
        thread.join(60)

    assert {run.id for run in found if run} == {run.id for run in runs}


def test_a_lost_ring_costs_no_run(store: Store, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """As on another machine, or where a process is killed before it has rung: the worker looks in time."""
    monkeypatch.setattr(warm_worker, "LOOK_S", 0.02)
    monkeypatch.setattr(doorbell, "ring", lambda runs: None)
    found: list[Run | None] = []
    thread = waiting_worker(store, found)
    eventually(lambda: len(waits) > 1)
    store.create(small())
    thread.join(60)

    assert [run and run.status for run in found] == [RunStatus.RUNNING]


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system does not tell of it: the worker looks in time")
def test_a_waiting_worker_hears_that_its_parent_has_gone(
    store: Store, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends, and takes no run any more."""
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setattr(os, "getppid", lambda: parent.pid if parent.poll() is None else 1)
    found: list[Run | None] = []
    thread = waiting_worker(store, found, parent.pid)
    eventually(lambda: waits == [3600.0])
    parent.kill()
    thread.join(60)
    parent.communicate()

    assert found == [None]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_killed_worker_leaves_an_interrupted_run_that_continues(store: Store, number: int) -> None:
    """Politely or not: the run is shown as interrupted, and continuing gives the records of a run left alone."""
    long = small(epochs=60, train_subset=1280)
    run = store.create(long)
    process = serve()
    eventually(lambda: len(store.epochs(run.id)) >= 2)
    process.send_signal(number)
    process.wait(60)
    store.recover()
    assert store.get(run.id).status is RunStatus.INTERRUPTED
    shown = store.epochs(run.id)

    resumed = resume(store, store.get(run.id))
    assert resumed.status is RunStatus.FINISHED
    assert store.epochs(run.id)[: len(shown)] == shown, "what was shown was not trained again"
    assert len(store.epochs(run.id)) == 60


def test_a_worker_whose_output_is_refused_trains_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch, full_output: TextIO
) -> None:
    """What it says when it has claimed a run goes to a file, which may lie on a full disk."""
    monkeypatch.setattr(warm_worker, "_warm_up", lambda *arguments: iter(()))
    monkeypatch.setattr(sys, "stderr", full_output)
    run = store.create(small())

    worker.serve(store.app_config)

    assert store.get(run.id).status is RunStatus.FINISHED


def test_a_worker_trains_where_no_log_can_be_made(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder of the logs should be; the launcher starts a worker, which trains."""
    store.app_config.home.mkdir(parents=True, exist_ok=True)
    logs.folder_of(store.app_config.home).write_text("")
    monkeypatch.setattr(launcher, "TICK_S", 0.05)
    started = launcher.Launcher(store.app_config)
    started.start()
    try:
        run = store.create(small())
        eventually(lambda: store.get(run.id).status is RunStatus.FINISHED)
        assert started.problem is None
    finally:
        started.stop()
