"""Makers of what many tests need: settings, scores, records, pictures and runs. A test names only what it is about."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cnnlab import checkpoints
from cnnlab.analysis.significance.answers import Answers
from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.data.tensors import Data, ImageSet
from cnnlab.data_folders import DataFolders
from cnnlab.models import ARCHITECTURES, build, complete
from cnnlab.records import EpochRecord, FullScores, Results, RunStatus, Score, StepRecord
from cnnlab.runs import Checkpoint, Run, Store
from cnnlab.schema import TrainingConfig

STEPS_AN_EPOCH = 20
"""Of the runs that `insert_run` makes."""


def shapes_config(**settings: object) -> TrainingConfig:
    """Complete settings of a run on the built-in pictures."""
    return complete(TrainingConfig.model_validate({"dataset": "shapes", **settings}))


def at(folder: Path) -> DataFolders:
    """Published datasets in that folder, and what cnnlab makes of them in another below it."""
    return DataFolders(folder, folder / "arrays")


def score(accuracy: float = 0.5, loss: float | None = None, n: int = 5_000) -> Score:
    """A score of that accuracy; the loss falls as accuracy grows where none is given."""
    return Score(loss=2.3 * (1 - accuracy) if loss is None else loss, accuracy=accuracy, n=n)


def step_record(step: int, steps_an_epoch: int = 10, **changes: float) -> StepRecord:
    """The record of that step, the first being 1; no two steps are alike."""
    plain = {
        "loss": 3 / step + 0.05 * (1 + math.sin(step)),
        "accuracy": 1 - 1 / step,
        "lr": 0.1 / step,
        "elapsed_s": step / 7,
    }
    return StepRecord(step=step, epoch=1 + (step - 1) // steps_an_epoch, **{**plain, **changes})


def step_records(first: int, last: int, steps_an_epoch: int = 10, **changes: float) -> list[StepRecord]:
    """The records of the steps from `first` to `last`, both included."""
    return [step_record(step, steps_an_epoch, **changes) for step in range(first, last + 1)]


def epoch_record(
    epoch: int,
    step: int | None = None,
    train: Score | float = 0.5,
    validation: Score | float | None = 0.5,
    **changes: float,
) -> EpochRecord:
    """The record of that epoch, after ten steps an epoch where no step is given; a number is an accuracy."""
    plain = {"step": 10 * epoch if step is None else step, "running_loss": 1.0, "elapsed_s": float(epoch)}
    return EpochRecord(
        epoch=epoch,
        train_sample=_score(train, 5_000),
        validation=None if validation is None else _score(validation, 5_000),
        **{**plain, **changes},
    )


def full_scores(
    train: Score | float = 0.8,
    test: Score | float = 0.7,
    validation: Score | float | None = None,
    epoch: int = 10,
) -> FullScores:
    """Scores on whole sets as large as those of CIFAR-10; a number is an accuracy."""
    return FullScores(
        epoch=epoch,
        train=_score(train, 45_000),
        validation=None if validation is None else _score(validation, 5_000),
        test=_score(test, 10_000),
    )


def answers_of(right: str, pictures: int = 0) -> Answers:
    """Answers to as many pictures as there are digits: 1 is a right one; `pictures` tells other pictures apart."""
    labels = np.arange(len(right), dtype=np.int16) % 10
    wrong = np.array([digit != "1" for digit in right], dtype=np.int16)
    sure = np.full(len(right), 0.6, dtype=np.float32)
    return Answers(labels, labels + wrong, sure, np.full(32, pictures, dtype=np.uint8))


def results(scores: FullScores, best: FullScores | None = None) -> Results:
    """The results of a run whose last epoch was its best, where no other is given."""
    return Results(final=scores, best=best or scores)


def _score(given: Score | float, n: int) -> Score:
    return given if isinstance(given, Score) else score(given, n=n)


def random_data(info: DatasetInfo, num_train: int, num_other: int = 100, seed: int = 0) -> Data:
    """Random pictures with a trace of their class in them, so that there is something to learn."""
    random = np.random.default_rng(seed)
    shape = (info.size_px, info.size_px, info.channels)

    def part(name: str, n: int) -> ImageSet:
        labels = random.integers(0, len(info.classes), n)
        images = random.integers(0, 200, (n, *shape), dtype=np.uint8)
        images[np.arange(n), labels % info.size_px] = 255  # one bright row tells the class
        return ImageSet(name, torch.from_numpy(images), torch.from_numpy(labels))

    train = part("train", num_train)
    sample = ImageSet("train sample", train.images[:num_other], train.labels[:num_other])
    half = (0.5,) * info.channels
    return Data(info, half, half, train, sample, part("validation", num_other), part("test", num_other))


def started_run(store: Store, steps_total: int, **settings: Any) -> Run:
    """A run of this process that has begun and has taken no step."""
    run = store.create(TrainingConfig(**settings), mine=True)
    store.start(run.id, "CPU", {}, steps_total)
    return store.get(run.id)


def insert_run(
    store: Store,
    status: RunStatus = RunStatus.FINISHED,
    epochs: int = 5,
    weights: bool = False,
    early: tuple[int, ...] = (),
    name: str | None = None,
    parent_id: str | None = None,
    **settings: Any,
) -> Run:
    """A run as its worker would have left it: `epochs` epochs of plausible scores, ended with `status`.

    `early`: the steps of epoch 1 after which weights are kept too.
    """
    config = shapes_config(**{"epochs": max(1, epochs), **settings})
    if status is RunStatus.QUEUED:
        return store.create(config, name, parent_id)
    run = store.create(config, name, parent_id, mine=True)
    store.start(run.id, "CPU", {"threads": 1}, STEPS_AN_EPOCH * config.epochs)
    if weights:
        store.commit(run.id, [], [write_weights(store, run, 0), *(write_early(store, run, step) for step in early)])
    for epoch in range(1, epochs + 1):
        last = epoch * STEPS_AN_EPOCH
        store.add_steps(run.id, _steps(last), 5_000.0)
        files = [write_weights(store, run, epoch)] if weights else []
        store.commit(run.id, [learning_epoch(epoch, config.validation_size)], files)
    if status is RunStatus.RUNNING:
        return store.get(run.id)
    finished = results(learnt(max(1, epochs), config.validation_size)) if status is RunStatus.FINISHED else None
    return store.finish(run.id, status, f"This run is {status}.", finished)


def learning_epoch(epoch: int, validation_size: int) -> EpochRecord:
    """The record of an epoch in which a network goes on learning; without validation where there is no such picture."""
    learned = 1 - math.exp(-epoch / 4)
    return epoch_record(
        epoch,
        epoch * STEPS_AN_EPOCH,
        score(0.1 + 0.6 * learned, n=validation_size or 5_000),
        score(0.1 + 0.5 * learned, n=validation_size) if validation_size else None,
        running_loss=2.3 * math.exp(-epoch / 6),
        elapsed_s=0.05 * epoch * STEPS_AN_EPOCH,
    )


def learnt(epoch: int, validation_size: int) -> FullScores:
    """The scores on whole sets of the network that `learning_epoch` tells of."""
    record = learning_epoch(epoch, validation_size)
    train = record.train_sample.accuracy
    return full_scores(score(train, n=20_000), train - 0.05, record.validation, epoch)


def _steps(last: int) -> list[StepRecord]:
    steps = range(last - STEPS_AN_EPOCH + 1, last + 1)
    return [step_record(step, STEPS_AN_EPOCH, lr=0.001, elapsed_s=0.05 * step) for step in steps]


def write_weights(store: Store, run: Run, epoch: int) -> Checkpoint:
    file = _write(store, run, f"weights-{epoch:04}", {"epoch": epoch})
    return Checkpoint(run_id=run.id, kind="weights", epoch=epoch, step=epoch * STEPS_AN_EPOCH, **vars(file))


def write_early(store: Store, run: Run, step: int) -> Checkpoint:
    """The file of a network's weights after that step of epoch 1."""
    file = _write(store, run, f"early-0000-{step:07}", {"step": step})
    return Checkpoint(run_id=run.id, kind="early", epoch=0, step=step, **vars(file))


def _write(store: Store, run: Run, name: str, meta: dict[str, int]) -> checkpoints.WrittenFile:
    network = build(run.config, DATASETS.get(run.config.dataset).info)
    return checkpoints.write(store.folder(run.id) / f"{name}.safetensors", network.state_dict(), meta)


def architectures(*large: str) -> list[Any]:
    """Every architecture as a parameter; those named `large`, which take seconds in the test, wait for the slow marker."""
    return [pytest.param(name, marks=pytest.mark.slow if name in large else ()) for name in ARCHITECTURES.names()]
