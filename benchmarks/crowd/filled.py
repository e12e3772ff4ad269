"""A store full of runs that have ended, as a school has it after some weeks: what pages list, draw and look inside.

The curves and scores are invented, by a formula, to measure with; nobody takes them for results.
"""

import os

import numpy as np
import torch

from cnnlab import checkpoints
from cnnlab.analysis.predictions import kept
from cnnlab.data import DATASETS
from cnnlab.data.tensors import normalisation_of
from cnnlab.data_folders import DataFolders
from cnnlab.inspection.networks import load_network
from cnnlab.inspection.predictions import predict
from cnnlab.models import build, complete
from cnnlab.records import EpochRecord, FullScores, Results, RunStatus, Score, StepRecord
from cnnlab.runs import Run, Store
from cnnlab.runs.run import Checkpoint
from cnnlab.schema import TrainingConfig

EPOCHS, STEPS = 10, 782


def fill(store: Store, runs: int, with_steps: int = 100) -> list[Run]:
    """Add so many finished runs of 10 epochs to the store; the newest `with_steps` have a record for each step."""
    return [ended(store, number, whole=runs - number <= with_steps) for number in range(runs)]


def ended(store: Store, number: int, *, whole: bool) -> Run:
    """Add a finished run of the tutorial's network."""
    config = complete(TrainingConfig(seed=number, lr=0.0001 * (1 + number % 9), dropout=0.1 * (number % 4)))
    run = begun(store, config)
    store.add_steps(run.id, RECORDS if whole else RECORDS[STEPS - 1 :: STEPS])
    store.commit(run.id, [epoch(at, RECORDS[at * STEPS - 1]) for at in range(1, EPOCHS + 1)], [])
    accuracy = 0.6 + 0.0002 * (number % 500)
    final = FullScores(
        epoch=EPOCHS,
        train=Score(loss=0.8, accuracy=accuracy + 0.1, n=45_000),
        validation=Score(loss=1.0, accuracy=accuracy, n=5_000),
        test=Score(loss=1.0, accuracy=accuracy, n=10_000),
    )
    return store.finish(run.id, RunStatus.FINISHED, "Filled in to measure with.", Results(final=final, best=final))


def untrained(store: Store, architecture: str, epochs: int = 2) -> Run:
    """Add a stopped run with the weights of epoch 0 and of so many more, drawn at random: enough to look inside."""
    config = complete(TrainingConfig(architecture=architecture))
    run = begun(store, config)
    for at in range(epochs + 1):
        torch.manual_seed(at)
        records = [step(at * STEPS)] if at else []
        store.add_steps(run.id, records)
        network = build(config, DATASETS.get(config.dataset).info)
        meta = {"place": {"epoch": at, "step": at * STEPS}, "config": config.model_dump(mode="json")}
        path = store.folder(run.id) / f"weights-{at:04d}.safetensors"
        written = checkpoints.write(path, network.state_dict(), meta)
        file = Checkpoint(run_id=run.id, kind="weights", epoch=at, step=at * STEPS, **vars(written))
        store.commit(run.id, [epoch(at, record) for record in records], [file])
    return store.finish(run.id, RunStatus.STOPPED, "Filled in to measure with.")


def predicted(store: Store, run: Run, folders: DataFolders) -> None:
    """Keep what the run's networks say of the test set, as its worker would have when it measured."""
    info = DATASETS.get(run.config.dataset).info
    pictures = DATASETS.get(run.config.dataset).load(folders)
    where = np.arange(len(pictures.test_labels))
    for weights in store.weights(run.id):
        network = load_network(run.config, info, store.path(weights), weights)
        labels, normalisation = np.array(pictures.test_labels), normalisation_of(run.config, info)
        said = predict(network, pictures.test_images, where, labels, *normalisation, progress=lambda done, total: None)
        kept.write(store.path(weights), weights.sha256, "test", said)


def begun(store: Store, config: TrainingConfig) -> Run:
    """Add a run that this process has claimed."""
    run = store.create(config, mine=True)
    assert run.status is RunStatus.RUNNING, os.getpid()
    store.start(run.id, "cpu", {}, EPOCHS * STEPS)
    return run


def step(number: int) -> StepRecord:
    """Invent the record of a step."""
    at = (number - 1) // STEPS + 1
    loss = 2.3 / number**0.1
    return StepRecord(step=number, epoch=at, loss=loss, accuracy=0.5, lr=0.001, elapsed_s=number / 99)


def epoch(at: int, last: StepRecord) -> EpochRecord:
    """Invent the record of an epoch."""
    score = Score(loss=1.5 / at, accuracy=0.06 * at, n=5_000)
    at_last = {"step": last.step, "elapsed_s": last.elapsed_s}
    return EpochRecord(epoch=at, running_loss=1.0, train_sample=score, validation=score, **at_last)


RECORDS = [step(number) for number in range(1, EPOCHS * STEPS + 1)]
