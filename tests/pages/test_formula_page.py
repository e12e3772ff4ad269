"""The Formula view under Streamlit's test driver: what travels, what the address keeps, what a wrong address is told."""

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.dataframe_util import convert_anything_to_arrow_bytes
from streamlit.testing.v1 import AppTest

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS
from cnnlab.data.tensors import normalisation_of
from cnnlab.inspection.formula import explain
from cnnlab.inspection.networks import load_network
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.views import formula
from tests.page_driver import words

OpenPage = Callable[..., AppTest]
Sent = list[dict[str, Any]]
INFO = DATASETS.get("shapes").info


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What was handed to the browser, in order."""
    messages: Sent = []
    original = formula._formula

    def note(**arguments: Any) -> Any:
        messages.append(arguments["data"])
        return original(**arguments)

    monkeypatch.setattr(formula, "_formula", note)
    return messages


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """SimpleCNN on shapes with the weights of epochs 0 and 1."""
    return insert_run(epochs=1, weights=True)


def bytes_of(message: dict[str, Any]) -> int:
    """The size of a message as Streamlit packs it: numbers as Arrow, the rest as JSON."""
    described = {name: value for name, value in message.items() if name != "numbers"}
    return len(convert_anything_to_arrow_bytes(message["numbers"])) + len(json.dumps(described))


def test_the_numbers_of_the_chosen_value(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, sent: Sent
) -> None:
    """The tensor's value at the address's place is what `explain` finds at that epoch, for that picture."""
    query = {"layer": "conv2", "channel": "3", "row": "4", "column": "5", "picture": "test:7"}
    app = open_page("feature_maps", run=run.id, view="formula", **query)
    assert not app.exception
    assert {name: app.query_params[name] for name in query} == query
    weights = store.weights(run.id)[1]
    network = load_network(run.config, INFO, store.path(weights), weights)
    picture = np.array(DATASETS.get("shapes").load(app_config.data).test_images[7])
    expected = explain(network, picture, *normalisation_of(run.config, INFO), "base.conv2", 3, 4, 5)

    stage = sent[-1]["parcel"]["stages"][0]
    numbers = sent[-1]["numbers"]["numbers"].to_numpy()
    height, width = stage["output"]["shape"]
    assert sent[-1]["start"] == [4, 5]
    assert numbers[stage["output"]["begin"] + 4 * width + 5] == np.float32(expected.tensor)
    assert abs(expected.value - expected.tensor) <= 1e-4
    assert (height, width) == (10, 10)


@pytest.mark.parametrize("architecture", ["ResNet", pytest.param("VGGishCNN", marks=pytest.mark.slow)])
def test_at_most_300_kb_travel(
    open_page: OpenPage, insert_run: Callable[..., Run], sent: Sent, architecture: str
) -> None:
    """For the layers whose input is largest; nothing is left out."""
    run = insert_run(epochs=1, weights=True, architecture=architecture, batch_norm=True)
    for layer in ("conv2", "fc1") if architecture == "VGGishCNN" else ("block1.conv2", "fc1"):
        app = open_page("feature_maps", run=run.id, view="formula", layer=layer)
        assert not app.exception
        assert bytes_of(sent[-1]) <= 300_000
        assert sent[-1]["parcel"]["stages"][0]["left_out"] == 0


@pytest.mark.parametrize("label", ["pool1", "flatten", "fc1", "fc3", "relu2"])
def test_any_layer(open_page: OpenPage, run: Run, sent: Sent, label: str) -> None:
    """Also those that have no maps; the classes stand beside the last layer's numbers."""
    app = open_page("feature_maps", run=run.id, view="formula", layer=label)
    assert not app.exception
    assert sent[-1]["parcel"]["stages"][0]["label"] == label
    assert (sent[-1]["names"] == list(INFO.classes)) == (label == "fc3")


def test_a_layer_of_an_unknown_kind(open_page: OpenPage, insert_run: Callable[..., Run], sent: Sent) -> None:
    """Its tensor, and the sentence."""
    run = insert_run(epochs=1, weights=True, architecture="OddNet", batch_norm=True)
    app = open_page("feature_maps", run=run.id, view="formula", layer="neighbours1")
    assert not app.exception
    (stage, *_) = sent[-1]["parcel"]["stages"]
    assert stage["rule"] == "unknown"
    assert "no formula here" in stage["sentence"]


def test_a_network_that_overflowed(
    open_page: OpenPage, store: Store, insert_run: Callable[..., Run], sent: Sent
) -> None:
    """What JSON cannot carry travels as null, and the page stands."""
    run = insert_run(RunStatus.RUNNING, epochs=1, weights=True)
    newest = store.weights(run.id)[-1]
    tensors, meta = checkpoints.read(store.path(newest), newest)
    file = checkpoints.write(
        store.path(newest), {name: torch.full_like(one, torch.nan) for name, one in tensors.items()}, meta
    )
    store.commit(run.id, [], [replace(newest, sha256=file.sha256)])
    app = open_page("feature_maps", run=run.id, view="formula", layer="conv1", epoch="1")
    assert not app.exception
    described = {name: value for name, value in sent[-1].items() if name != "numbers"}
    assert "NaN" not in json.dumps(described)
    assert sent[-1]["parcel"]["stages"][0]["bias"] is None


@pytest.mark.parametrize("place", [{"row": "99", "column": "0"}, {"row": "x", "column": "1"}, {"row": "3"}])
def test_a_stale_place(open_page: OpenPage, run: Run, sent: Sent, place: dict[str, str]) -> None:
    """One sentence, and the map's largest value in its stead; the address says no place then."""
    app = open_page("feature_maps", run=run.id, view="formula", layer="conv2", **place)
    assert not app.exception
    assert "rows 0 to 9 and the columns 0 to 9" in words(app)
    assert sent[-1]["start"] == list(sent[-1]["parcel"]["strongest"])
    assert "row" not in app.query_params


def test_another_map_is_chosen(open_page: OpenPage, run: Run, sent: Sent) -> None:
    """By its number; the address follows, and other numbers travel."""
    app = open_page("feature_maps", run=run.id, view="formula", layer="conv2")
    app.number_input(key="looking_channel").set_value(9).run()
    assert not app.exception
    assert app.query_params["channel"] == "9"
    assert sent[-1]["channel"] == 9
    assert sent[-1]["key"] != sent[0]["key"]


def test_what_was_picked_in_the_browser_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start stays as it was, so that Streamlit sends no number twice; another place, by a link or Back, is sent."""
    state: dict[str, Any] = {}
    kept: dict[str, int] = {}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(formula.url, "keep", lambda **values: kept.update(values))
    assert formula._start("sent", "a", (1, 2)) == ((1, 2), 1)
    state["formula"] = SimpleNamespace(picked={"row": 3, "column": 4})
    formula._picked("formula", "sent")
    assert kept == {"row": 3, "column": 4}
    assert formula._start("sent", "a", (3, 4)) == ((1, 2), 1)
    assert formula._start("sent", "a", (1, 2)) == ((1, 2), 2)  # Back: the browser stands elsewhere, and is told
    assert formula._start("sent", "a", (1, 2)) == ((1, 2), 2)
    assert formula._start("sent", "b", (0, 0)) == ((0, 0), 3)


@pytest.mark.parametrize(
    "junk", [None, 3, "row", {"row": -1, "column": 2}, {"row": "1", "column": 2}, {"channel": 1.5}]
)
def test_junk_from_a_browser(monkeypatch: pytest.MonkeyPatch, junk: object) -> None:
    """Nothing reaches the address."""
    kept: list[object] = []
    monkeypatch.setattr(st, "session_state", {"formula": SimpleNamespace(picked=junk)})
    monkeypatch.setattr(formula.url, "keep", lambda **values: kept.append(values))
    formula._picked("formula", "sent")
    assert kept == []
