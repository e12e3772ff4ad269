"""Runs as a worker leaves them in the store, and the pages under Streamlit's test driver."""

from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import update

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.runs.store import tables
from tests import factories
from tests.page_driver import OpenPage, open_page_at


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

    def __call__(self, status: RunStatus = RunStatus.FINISHED, *arguments: Any, **named: Any) -> Run:
        """A run with scores; what may be given stands at `factories.insert_run`."""
        return factories.insert_run(self.store, status, *arguments, **named)

    def overfitting(self, **kwargs: Any) -> Run:
        """A finished run whose validation loss rises while train goes on."""
        run = self(RunStatus.RUNNING, 12, **kwargs)
        for epoch in range(6, 13):
            bad = factories.score(0.4, loss=1.5 + 0.1 * epoch)
            record = factories.learning_epoch(epoch, run.config.validation_size)
            self.store.commit(run.id, [record.model_copy(update={"validation": bad})], [])
        scores = factories.learnt(12, run.config.validation_size)
        return self.store.finish(run.id, RunStatus.FINISHED, "Finished.", factories.results(scores))

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
def open_page(store: Store) -> OpenPage:
    """Opens `pages/<name>.py` behind the router, with the given parameters in the address."""
    return open_page_at
