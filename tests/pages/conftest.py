"""Runs as a worker leaves them in the store, and the pages under Streamlit's test driver."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS
from cnnlab.models import build, complete
from cnnlab.records import EpochRecord, FullScores, Results, RunStatus, Score, StepRecord
from cnnlab.runs import Checkpoint, Run, Store
from cnnlab.runs.store import tables
from cnnlab.schema import TrainingConfig

ROUTER = Path(__file__).resolve().parents[2] / "cnnlab" / "dashboard" / "app" / "router.py"
PAGES = Path(__file__).resolve().parents[2] / "pages"
STEPS_AN_EPOCH = 20


@pytest.fixture
def store(app_config: AppConfig) -> Iterator[Store]:
    """An empty store, and no memory of another test's."""
    st.cache_resource.clear()
    st.cache_data.clear()
    yield Store(app_config)
    st.cache_resource.clear()


class RunMaker:
    """Puts runs into the store as their workers would have."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __call__(
        self, status: RunStatus = RunStatus.FINISHED, epochs: int = 5, weights: bool = False, **kwargs: Any
    ) -> Run:
        """A run with `epochs` epochs of scores; `kwargs` are settings, and `name` and `parent_id`."""
        return insert_into(self.store, status, epochs, weights, **kwargs)

    def overfitting(self, **kwargs: Any) -> Run:
        """A finished run whose validation loss rises while train goes on."""
        run = insert_into(self.store, RunStatus.RUNNING, 12, **kwargs)
        for epoch in range(6, 13):
            record = _epoch(epoch, run.config.validation_size)
            bad = Score(loss=1.5 + 0.1 * epoch, accuracy=0.4, n=5_000)
            self.store.commit(run.id, [record.model_copy(update={"validation": bad})], [])
        scores = _full(12, run.config.validation_size)
        return self.store.finish(run.id, RunStatus.FINISHED, "Finished.", Results(final=scores, best=scores))

    def damage_config(self, run: Run) -> None:
        """Leave settings behind that no cnnlab can read."""
        with self.store.database.writing() as connection:
            text = run.config.model_dump_json().replace('"adam"', '"of another age"')
            connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(config=text))


@pytest.fixture
def insert_run(store: Store) -> RunMaker:
    """Makes runs in an otherwise empty store."""
    return RunMaker(store)


@pytest.fixture
def open_page(store: Store) -> Callable[..., AppTest]:
    """Opens `pages/<name>.py` behind the router, with the given parameters in the address."""
    return open_page_at


def insert_into(
    store: Store,
    status: RunStatus,
    epochs: int,
    weights: bool = False,
    name: str | None = None,
    parent_id: str | None = None,
    **settings: Any,
) -> Run:
    """A run with `epochs` epochs of plausible scores, ended with `status`."""
    config = complete(TrainingConfig.model_validate({"epochs": max(1, epochs), "dataset": "shapes", **settings}))
    if status is RunStatus.QUEUED:
        return store.create(config, name, parent_id)
    run = store.create(config, name, parent_id, mine=True)
    store.start(run.id, "CPU", {"threads": 1}, STEPS_AN_EPOCH * config.epochs)
    if weights:
        store.commit(run.id, [], [_weights(store, run, 0)])
    for epoch in range(1, epochs + 1):
        steps = [_step(step) for step in range((epoch - 1) * STEPS_AN_EPOCH + 1, epoch * STEPS_AN_EPOCH + 1)]
        store.add_steps(run.id, steps, images_per_s=5_000.0)
        files = [_weights(store, run, epoch)] if weights else []
        store.commit(run.id, [_epoch(epoch, config.validation_size)], files)
    if status is RunStatus.RUNNING:
        return store.get(run.id)
    results = None
    if status is RunStatus.FINISHED:
        scores = _full(max(1, epochs), config.validation_size)
        results = Results(final=scores, best=scores)
    return store.finish(run.id, status, f"This run is {status}.", results)


def open_page_at(name: str, **query: str) -> AppTest:
    """The page `pages/<name>.py` behind the router, opened with `query` in its address."""
    app = AppTest.from_file(str(ROUTER), default_timeout=30)
    for parameter, value in query.items():
        app.query_params[parameter] = value
    return app.switch_page(str(PAGES / f"{name}.py")).run()


def _step(step: int) -> StepRecord:
    loss = 2.3 * math.exp(-step / 200) + 0.05 * math.sin(step)
    return StepRecord(
        step=step, epoch=1 + (step - 1) // STEPS_AN_EPOCH, loss=loss, accuracy=0.5, lr=0.001, elapsed_s=0.05 * step
    )


def _score(accuracy: float, n: int) -> Score:
    return Score(loss=2.3 * (1 - accuracy), accuracy=accuracy, n=n)


def _epoch(epoch: int, validation: int) -> EpochRecord:
    learnt = 1 - math.exp(-epoch / 4)
    return EpochRecord(
        epoch=epoch,
        step=epoch * STEPS_AN_EPOCH,
        running_loss=2.3 * math.exp(-epoch / 6),
        train_sample=_score(0.1 + 0.6 * learnt, validation or 5_000),
        validation=_score(0.1 + 0.5 * learnt, validation) if validation else None,
        elapsed_s=0.05 * epoch * STEPS_AN_EPOCH,
    )


def _full(epoch: int, validation: int) -> FullScores:
    record = _epoch(epoch, validation)
    train = _score(record.train_sample.accuracy, 20_000)
    return FullScores(
        epoch=epoch, train=train, validation=record.validation, test=_score(train.accuracy - 0.05, 10_000)
    )


def _weights(store: Store, run: Run, epoch: int) -> Checkpoint:
    network = build(run.config, DATASETS.get(run.config.dataset).info)
    path = store.folder(run.id) / f"weights-{epoch:04}.safetensors"
    file = checkpoints.write(path, network.state_dict(), {"epoch": epoch})
    step = epoch * STEPS_AN_EPOCH
    return Checkpoint(
        run_id=run.id, kind="weights", epoch=epoch, step=step, name=file.name, sha256=file.sha256, bytes=file.bytes
    )
