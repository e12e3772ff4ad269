"""What a server has once stays once, whoever empties Streamlit's caches."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import streamlit as st

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.state import services
from cnnlab.dashboard.state.one_a_server import one_a_server
from cnnlab.dashboard.train import draft, measurements
from cnnlab.runs import Store


def test_emptied_caches_make_no_second_one(store: Store) -> None:
    """Of two queues each would run a process of its own, and a form that somebody has typed would be gone."""
    found = [make() for make in (measurements.prober, measured.queue, services.store)]
    draft._drafts[("Ada", b"")] = ({"epochs": 3}, None)
    st.cache_resource.clear()
    st.cache_data.clear()

    assert [make() for make in (measurements.prober, measured.queue, services.store)] == found
    assert draft._drafts.pop(("Ada", b"")) == ({"epochs": 3}, None)


def test_of_many_who_ask_at_once_all_have_the_same(app_config: AppConfig) -> None:
    """Made once for each app_config, though making it takes a while."""
    made: list[AppConfig] = []
    together = threading.Barrier(8)

    @one_a_server
    def make(app_config: AppConfig) -> object:
        time.sleep(0.01)
        made.append(app_config)
        return object()

    def ask(_: int) -> object:
        together.wait()
        return make(app_config)

    with ThreadPoolExecutor(8) as people:
        assert len(set(people.map(ask, range(8)))) == 1
    other = app_config.model_copy(update={"slots": 2})
    assert make(other) is not make(app_config)
    assert made == [app_config, other]
