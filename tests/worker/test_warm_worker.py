"""Workers that wait for a run, in this process and in others."""

import signal
import subprocess
import sys

import pytest
import torch

from cnnlab import worker
from cnnlab.app_config import AppConfig
from cnnlab.data import DataUnavailableError
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
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


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGTERM, signal.SIGHUP))]
)
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
