"""Promise 3: a run starts once, however many want to start it."""

import threading

import pytest
import streamlit as st
from streamlit.runtime import Runtime
from streamlit.testing.v1 import AppTest

from cnnlab.records import RunStatus
from cnnlab.runs import Store
from tests.page_driver import open_page_at
from tests.reliability.starts import Claimers

PER_CHANGE = 50


@pytest.mark.parametrize("processes", [2, 8])
def test_of_many_who_start_a_run_at_once_one_does(store: Store, processes: int) -> None:
    """Launchers' workers and command lines at the same moment: 50 rounds, each run started exactly once."""
    with Claimers(store, processes) as claimers:
        assert claimers.rounds(PER_CHANGE) == {1: PER_CHANGE}


@pytest.fixture
def runtime_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit's test driver takes its runtime away once a page is drawn, also from a page that is still being drawn."""
    made: list[Runtime] = []

    def instance(cls: type[Runtime]) -> Runtime:
        if cls._instance is not None:
            made.append(cls._instance)
        return made[-1]

    monkeypatch.setattr(Runtime, "instance", classmethod(instance))


@pytest.mark.usefixtures("runtime_that_stays")
def test_two_people_who_press_start_at_once_have_a_run_each(store: Store) -> None:
    """Two sessions of one server, the same settings, the same moment: two runs, each in the queue once."""
    st.cache_resource.clear()
    apps = [open_page_at("train"), open_page_at("train")]
    together = threading.Barrier(len(apps))

    def press(app: AppTest) -> None:
        together.wait()
        app.button(key="train").click().run()

    threads = [threading.Thread(target=press, args=(app,)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not any(app.exception for app in apps)
    assert sorted(run.status for run in store.list()) == [RunStatus.QUEUED] * 2
    assert sorted(store.queue_position(run.id) or 0 for run in store.list()) == [1, 2]
    assert {app.query_params["run"] for app in apps} == {run.id for run in store.list()}
