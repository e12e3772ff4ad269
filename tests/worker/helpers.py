"""Runs small enough to be trained in a test, and what is compared of them."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch

from cnnlab import worker
from cnnlab.analysis.predictions import names
from cnnlab.analysis.significance import answers
from cnnlab.app_config import PROJECT
from cnnlab.records import EpochRecord, StepRecord
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig
from tests.factories import shapes_config

SMALL = {"epochs": 3, "train_subset": 256, "validation_size": 100, "dropout": 0.2}
OnRecord = Callable[[StepRecord | EpochRecord], None]


def small(**changes: object) -> TrainingConfig:
    """Three epochs of four steps."""
    return shapes_config(**{**SMALL, **changes})


def train(store: Store, config: TrainingConfig, on_record: OnRecord | None = None) -> Run:
    """Queue, claim and work one run."""
    store.create(config)
    run = store.claim()
    assert run is not None
    return worker.work(store, store.app_config, run, on_record)


def resume(store: Store, run: Run) -> Run:
    """By the next worker, whose random state is another."""
    store.resume(run.id)
    torch.manual_seed(4321)
    claimed = store.claim()
    assert claimed is not None
    return worker.work(store, store.app_config, claimed)


def facts(store: Store, run: Run) -> list[dict[str, Any]]:
    """The run's records without the clock."""
    records: list[StepRecord | EpochRecord] = [*store.steps(run.id), *store.epochs(run.id)]
    return [r.model_dump(exclude={"elapsed_s"}) for r in records]


def scores(run: Run) -> tuple[object, object]:
    """Its results without the clock."""
    assert run.results is not None
    return run.results.final, run.results.best


def asking(store: Store, what: str, step: int) -> OnRecord:
    """Somebody who asks for that when the newest run has taken `step` steps."""

    def ask(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord) and record.step == step:
            store.request(store.list()[0].id, what)  # type: ignore[arg-type]

    return ask


def files_of(store: Store, run: Run) -> set[str]:
    """Those in its folder, but for the lock."""
    return {path.name for path in store.folder(run.id).iterdir()} - {"lock"}


def named_by(store: Store, run: Run) -> set[str]:
    """Those that the store names, and what its networks said when they were measured."""
    weights = store.weights(run.id)
    others = [*store.early(run.id), *store.checkpoints(run.id, "state")]
    measured = {record.epoch for record in store.epochs(run.id)}
    said = {path.name for file in weights if file.epoch in measured for path in names.beside(store.path(file))[:2]}
    said |= {names.path_of(store.path(file), "test").name for file in weights if file.epoch in _at_the_end(run)}
    return {checkpoint.name for checkpoint in [*weights, *others]} | said | answers_of(run)


def _at_the_end(run: Run) -> set[int]:
    """The epochs at whose ends it was measured on the whole of each set."""
    measured = (run.results.final, run.results.best) if run.results else ()
    return {scores.epoch for scores in measured if scores and scores.step is None}


def answers_of(run: Run) -> set[str]:
    """The names of the files with its answers to the test pictures."""
    measured = (run.results.final, run.results.best) if run.results else ()
    return {answers.file_name(scores) for scores in measured if scores}


def serve() -> "subprocess.Popen[bytes]":
    """A warm worker in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "cnnlab", "worker"], cwd=PROJECT, env=dict(os.environ))
