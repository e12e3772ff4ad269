"""A store of its own for each test, runs in any state, and other processes that use the same store."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from cnnlab.app_config import PROJECT, AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Checkpoint, Run, Store
from cnnlab.schema import TrainingConfig
from tests.factories import epoch_record, step_records

MakeRun = Callable[..., Run]
Spawn = Callable[..., "subprocess.Popen[str]"]
ReportEpoch = Callable[..., Checkpoint]


@pytest.fixture
def running(store: Store) -> Run:
    """A run that this process has claimed."""
    store.create(TrainingConfig())
    run = store.claim()
    assert run is not None
    return run


@pytest.fixture
def make_run(store: Store) -> MakeRun:
    """A run of any status: make_run(RunStatus.PAUSED)."""

    def make(status: RunStatus) -> Run:
        if status is RunStatus.QUEUED:
            return store.create(TrainingConfig())
        run = store.create(TrainingConfig(), mine=True)
        return run if status is RunStatus.RUNNING else store.finish(run.id, status, f"It is {status}.")

    return make


@pytest.fixture
def spawn(app_config: AppConfig) -> Spawn:
    """Another process with the same store: spawn(code, argument, …); `store` is there for the code."""

    def start(code: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        head = "import sys; from cnnlab.runs import *; from cnnlab.app_config import AppConfig; store = Store(AppConfig())\n"
        return subprocess.Popen(
            [sys.executable, "-c", head + code, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env=os.environ | variables,
        )

    return start


@pytest.fixture
def report_epoch(store: Store) -> ReportEpoch:
    """Commit an epoch of ten steps with its weights: report_epoch(run, 3, accuracy=0.5, size=100)."""

    def report(run: Run, epoch: int, accuracy: float | None = 0.5, size: int = 100) -> Checkpoint:
        record = epoch_record(epoch, validation=accuracy)
        name = f"weights-{epoch:04d}.safetensors"
        store.folder(run.id).joinpath(name).write_bytes(b"w" * size)
        file = Checkpoint(
            run_id=run.id, kind="weights", epoch=epoch, step=epoch * 10, name=name, sha256="0" * 64, bytes=size
        )
        store.add_steps(run.id, step_records(epoch * 10 - 9, epoch * 10), 1000.0)
        store.commit(run.id, [record], [file])
        return file

    return report
