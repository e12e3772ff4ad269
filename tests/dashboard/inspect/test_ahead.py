"""The arrays of neighbouring epochs are computed ahead, once for everybody, and only while nobody waits for a network."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import streamlit as st

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import cache
from cnnlab.dashboard.inspect import subject as subject_module
from cnnlab.dashboard.inspect.computing import ahead
from cnnlab.dashboard.inspect.computing.ahead import MOST_VISITORS, Ahead, neighbours
from cnnlab.dashboard.inspect.selection import KeptWeights
from cnnlab.dashboard.inspect.subject import SHARED
from cnnlab.dashboard.inspect.view import VIEWS, Subject, View
from cnnlab.data import DATASETS
from cnnlab.inspection import feature_maps
from cnnlab.runs import Store
from tests.factories import insert_run
from tests.waiting import eventually

INFO = DATASETS.get("shapes").info
MAPS = VIEWS.get("feature_maps")


@pytest.fixture
def subject(app_config: AppConfig) -> Subject:
    """A picture, and a run with the weights of epochs 0 to 3, of which epoch 1 is on the screen."""
    st.cache_data.clear()
    store = Store(app_config)
    run = insert_run(store, epochs=3, weights=True)
    history = tuple(KeptWeights(one.epoch, store.path(one), one) for one in store.weights(run.id))
    picture = np.array(DATASETS.get("shapes").load(app_config.data).test_images[0])
    at = history[1]
    return Subject(
        run.config, INFO, app_config.data, at.path, at.file, at.epoch, picture=picture, channel=0, history=history
    )


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that takes the name of each thread that computes feature maps."""
    names: list[str] = []
    real: Callable[..., Any] = feature_maps.compute

    def compute(*arguments: Any) -> Any:
        names.append(threading.current_thread().name)
        return real(*arguments)

    monkeypatch.setattr(feature_maps, "compute", compute)
    return names


@pytest.fixture
def begun() -> Ahead:
    """One that takes wishes."""
    one = Ahead()
    one.begin()
    return one


def epochs(subjects: list[Subject]) -> list[int | None]:
    """The epochs of these subjects."""
    return [one.epoch for one in subjects]


def test_the_next_epoch_comes_first_then_the_one_before(subject: Subject) -> None:
    """As far as there are such; a walk that leaves some out ends at the last one."""
    first, last = (
        replace(subject, weights=kept.path, file=kept.file, epoch=kept.epoch)
        for kept in (subject.history[0], subject.history[-1])
    )
    assert epochs(neighbours(subject, subject.history)) == [2, 0]
    assert epochs(neighbours(first, first.history)) == [1]
    assert epochs(neighbours(last, last.history)) == [2]
    assert epochs(neighbours(first, first.history, stride=9)) == [3]
    assert neighbours(subject, ()) == []


def test_a_scrub_to_the_neighbour_computes_nothing_anew(subject: Subject, begun: Ahead, computed: list[str]) -> None:
    """And it finds the very numbers that the page would have computed."""
    wanted = neighbours(subject, subject.history)
    begun.wish("ada", MAPS, wanted)
    begun.join()
    assert computed == ["cnnlab-ahead"] * 2
    found = [cache.arrays_of(MAPS, one) for one in wanted]
    assert len(computed) == 2
    for one, seen in zip(wanted, found, strict=True):
        for mine, other in zip(seen.layers, MAPS.compute(one).layers, strict=True):
            np.testing.assert_array_equal(mine.maps, other.maps)
    assert not np.array_equal(found[0].layers[0].maps, found[1].layers[0].maps)


def test_nothing_is_computed_ahead_for_a_class(subject: Subject, begun: Ahead, computed: list[str]) -> None:
    """Two share one computation; with a third, all is forgotten, until only two are left who click."""
    wanted = neighbours(subject, subject.history)
    with SHARED.turn():
        for visitor in range(MOST_VISITORS + 1):
            begun.wish(f"visitor {visitor}", MAPS, wanted)
    begun.join()
    assert not computed
    begun.wish("visitor 0", MAPS, wanted)
    begun.join()
    assert not computed, "the others clicked a moment ago"
    begun._clicked_s = {who: at - ahead.PRESENT_S for who, at in begun._clicked_s.items()}
    with SHARED.turn():
        for visitor in range(MOST_VISITORS):
            begun.wish(f"visitor {visitor}", MAPS, wanted)
    begun.join()
    assert computed == ["cnnlab-ahead"] * 2


def test_it_waits_while_somebody_uses_a_network(subject: Subject, begun: Ahead, computed: list[str]) -> None:
    """A visitor's turn comes first, however long it lasts; what the visitor wished meanwhile counts."""
    with SHARED.turn():
        begun.wish("ada", MAPS, neighbours(subject, subject.history))
        begun.wish("ada", MAPS, neighbours(subject, subject.history)[:1])
        threading.Event().wait(3 * ahead.LOOK_AGAIN_S)
        assert not computed
    begun.join()
    assert len(computed) == 1


def test_it_gives_way_in_the_middle(subject: Subject, begun: Ahead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor comes while the weights are read: the visitor never waits, and the neighbour is computed afterwards."""
    come, gave_way = threading.Event(), threading.Event()
    seen: list[str] = []

    def visit() -> None:
        come.wait()
        with SHARED.turn():
            seen.append("visitor")
            gave_way.wait()

    def compute(subject: Subject) -> Any:
        if not come.is_set():
            come.set()
            eventually(lambda: bool(seen))
            try:
                with subject.network():
                    seen.append("computed beside a visitor")
            finally:
                gave_way.set()
        seen.append("computed")
        return real(subject)

    real = MAPS.compute
    view: View[Any] = replace(MAPS, compute=compute)
    monkeypatch.setitem(VIEWS._things, MAPS.name, view)
    visitor = threading.Thread(target=visit)
    visitor.start()
    begun.wish("ada", view, neighbours(subject, subject.history)[:1])
    begun.join()
    visitor.join()
    assert seen == ["visitor", "computed"]


def test_it_leaves_what_is_kept_for_visitors(subject: Subject, begun: Ahead) -> None:
    """Its networks are its own: no visitor's network is dropped for them, and none is used by two."""
    before = list(SHARED._kept)
    begun.wish("ada", MAPS, neighbours(subject, subject.history))
    begun.join()
    assert list(SHARED._kept) == before


def test_what_a_visitor_has_just_used_stays(
    subject: Subject, begun: Ahead, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory holds no further network, the neighbours wait until nobody has used the kept one for a while."""
    monkeypatch.setattr(SHARED, "most_bytes", 10 << 20)
    with SHARED.turn():
        while SHARED._kept:
            del SHARED._used_s[SHARED._kept.popitem()[0]]
        SHARED.get("large", SHARED.most_bytes, lambda: "a visitor's network")
    begun.wish("ada", MAPS, neighbours(subject, subject.history)[:1])
    threading.Event().wait(3 * ahead.LOOK_AGAIN_S)
    assert "large" in SHARED._kept
    assert not computed
    monkeypatch.setattr(subject_module, "UNUSED_S", 0.0)
    begun.join()
    assert "large" not in SHARED._kept
    assert len(computed) == 1


def test_a_damaged_neighbour_is_nobodys_trouble(subject: Subject, begun: Ahead, computed: list[str]) -> None:
    """Whoever goes there is told; the other neighbour is computed."""
    subject.history[2].path.write_bytes(b"torn")
    begun.wish("ada", MAPS, neighbours(subject, subject.history))
    begun.join()
    assert len(computed) == 1


def test_nothing_is_computed_outside_a_server(subject: Subject, computed: list[str]) -> None:
    """A command, or a test of a page, takes no wishes."""
    one = Ahead()
    one.wish("ada", MAPS, neighbours(subject, subject.history))
    one.join()
    assert not computed


def test_a_network_that_no_memory_holds_is_not_waited_for(
    subject: Subject, computed: list[str], begun: Ahead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread ends, and what visitors use stays."""
    with SHARED.turn():
        SHARED.get("in use", 100, object)
    monkeypatch.setattr(SHARED, "most_bytes", 1_000)
    begun.wish("somebody", MAPS, neighbours(subject, subject.history))
    assert begun._thread is None
    assert not computed
    assert "in use" in SHARED._kept
