"""The Kernels page: every number on it is the checkpoint's, every view is a link, and nothing damaged breaks it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import page
from cnnlab.dashboard.widgets import tiles
from cnnlab.data import DATASETS
from cnnlab.inspection.kernels import kernels_of, moved
from cnnlab.inspection.summary import summarise
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.views import kernels
from tests.factories import learning_epoch, write_weights
from tests.page_driver import words

OpenPage = Callable[..., AppTest]
Drawn = dict[str, dict[str, Any]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What was last handed to each canvas, by its key."""
    calls: Drawn = {}
    original = tiles.tiles

    def note(**arguments: Any) -> int | None:
        calls[arguments["key"]] = arguments
        return original(**arguments)

    for module in (tiles, kernels):
        monkeypatch.setattr(module, "tiles", note)
    return calls


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """SimpleCNN with the weights of epochs 0 to 3."""
    return insert_run(epochs=3, weights=True)


def weights_of(store: Store, run: Run, epoch: int, layer: str) -> np.ndarray:
    """The kernels as they lie in the checkpoint."""
    weights = next(file for file in store.weights(run.id) if file.epoch == epoch)
    layers = summarise(run.config, DATASETS.get(run.config.dataset).info)
    return kernels_of(store.path(weights), weights, layers)[layer]


def test_an_empty_store_offers_a_run_that_fills_the_page(open_page: OpenPage, store: Store) -> None:
    """One button queues the demo; the page then waits for its first weights by itself."""
    app = open_page("kernels")
    assert not app.exception
    assert "no trained network" in words(app)
    app.button(key="demo").click().run()
    (run,) = store.list()
    assert not app.exception
    assert app.query_params["run"] == run.id
    assert "has not begun yet" in words(app)


def test_the_first_layer_is_shown_in_colour(open_page: OpenPage, store: Store, run: Run, drawn: Drawn) -> None:
    """All three input channels at once, the newest epoch, a scale symmetric about zero that is said in words."""
    app = open_page("kernels", run=run.id)
    assert not app.exception
    expected = weights_of(store, run, 3, "base.conv1")
    np.testing.assert_array_equal(drawn["kernels"]["values"], np.moveaxis(expected, 1, -1))
    size = float(np.abs(expected).max())
    assert drawn["kernels"]["limits"] == (-size, size)
    assert f"{size:.3g}" in words(app)
    assert app.query_params == {"run": run.id, "epoch": "3", "layer": "conv1", "channel": "0"}


def test_one_input_channel_of_a_deep_layer(open_page: OpenPage, store: Store, run: Run, drawn: Drawn) -> None:
    """The slice of the chosen input channel and no other; a deep kernel is said not to be a picture."""
    app = open_page("kernels", run=run.id, epoch="1", layer="conv2", input="4")
    assert not app.exception
    np.testing.assert_array_equal(drawn["kernels"]["values"], weights_of(store, run, 1, "base.conv2")[:, 4])
    assert app.slider(key="kernel_input").value == 4
    assert "shows no pattern" in words(app)
    app.slider(key="kernel_input").set_value(2).run()
    np.testing.assert_array_equal(drawn["kernels"]["values"], weights_of(store, run, 1, "base.conv2")[:, 2])
    assert app.query_params["input"] == "2"


def test_one_colour_of_the_first_layer(open_page: OpenPage, store: Store, run: Run, drawn: Drawn) -> None:
    """Green is input channel 1, as numbers on a diverging scale."""
    app = open_page("kernels", run=run.id)
    app.segmented_control(key="kernel_input_colour").set_value("1").run()
    np.testing.assert_array_equal(drawn["kernels"]["values"], weights_of(store, run, 3, "base.conv1")[:, 1])
    assert (drawn["kernels"]["palette"], app.query_params["input"]) == ("diverging", "1")


def test_each_kernel_on_its_own_scale(open_page: OpenPage, store: Store, run: Run, drawn: Drawn) -> None:
    """One pair of limits a kernel, over all its input channels; that tiles cannot be compared is said."""
    app = open_page("kernels", run=run.id, layer="conv2")
    app.segmented_control(key="kernel_scope").set_value("kernel").run()
    sizes = np.abs(weights_of(store, run, 3, "base.conv2")).max(axis=(1, 2, 3))
    np.testing.assert_allclose(drawn["kernels"]["limits"], np.stack([-sizes, sizes], axis=1))
    assert "is not the same weight" in words(app)


def test_how_far_each_has_moved(open_page: OpenPage, store: Store, run: Run) -> None:
    """The table holds |now - start| / |start| of each kernel, the farthest first."""
    app = open_page("kernels", run=run.id, epoch="2", layer="conv2")
    expected = moved(weights_of(store, run, 2, "base.conv2"), weights_of(store, run, 0, "base.conv2"))
    table = app.dataframe[0].value
    np.testing.assert_allclose(table["moved"], np.sort(expected)[::-1])
    np.testing.assert_array_equal(table["kernel"], np.argsort(-expected, kind="stable"))


def test_one_kernel_before_and_after(open_page: OpenPage, store: Store, run: Run, drawn: Drawn) -> None:
    """The chosen kernel at epoch 0, now, and the difference between the two."""
    open_page("kernels", run=run.id, epoch="2", layer="conv2", input="1", channel="5")
    before, now = (weights_of(store, run, epoch, "base.conv2")[5, 1] for epoch in (0, 2))
    np.testing.assert_array_equal(drawn["kernel_alone"]["values"], np.stack([before, now, now - before]))


def test_the_epoch_slider_steps_and_best(open_page: OpenPage, run: Run) -> None:
    """Slider and buttons lead to the same place: the epoch in the address."""
    app = open_page("kernels", run=run.id)
    app.select_slider(key="looking_epoch").set_value(1).run()
    assert app.query_params["epoch"] == "1"
    app.button(key="looking_back").click().run()
    assert app.query_params["epoch"] == "0"
    assert "nothing has moved yet" in words(app)
    assert app.button(key="looking_back").disabled
    app.button(key="looking_on").click().run()
    app.button(key="looking_best").click().run()
    assert app.query_params["epoch"] == str(run.best_epoch)
    assert not app.exception


def test_play_begins_at_the_start_and_can_be_paused(open_page: OpenPage, run: Run) -> None:
    """From the last epoch the walk begins at 0; while it plays the address stays, paused it says where one is."""
    app = open_page("kernels", run=run.id)
    app.button(key="looking_play").click().run()
    assert app.select_slider(key="looking_epoch").value == 0
    assert app.query_params["epoch"] == "3"
    app.button(key="looking_pause").click().run()
    assert app.query_params["epoch"] == "0"


def test_a_training_run_is_followed(open_page: OpenPage, insert_run: Callable[..., Run]) -> None:
    """Without an epoch in the address the newest one is shown and stays out of it; going back stays there."""
    run = insert_run(RunStatus.RUNNING, epochs=2, weights=True)
    app = open_page("kernels", run=run.id)
    assert app.select_slider(key="looking_epoch").value == 2
    assert ", live · " in words(app)
    assert "epoch" not in app.query_params
    app.select_slider(key="looking_epoch").set_value(1).run()
    assert app.query_params["epoch"] == "1"
    app.button(key="looking_live").click().run()
    assert "epoch" not in app.query_params


def test_a_click_in_the_middle_of_a_drawing_does_not_stop_the_following(
    open_page: OpenPage, store: Store, insert_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new epoch is drawn, a click cuts that short, and the browser still names the epoch before: nobody chose it."""
    run = insert_run(RunStatus.RUNNING, epochs=2, weights=True)
    app = open_page("kernels", run=run.id)
    store.commit(run.id, [learning_epoch(3, run.config.validation_size)], [write_weights(store, run, 3)])
    with monkeypatch.context() as cut_short:
        cut_short.setattr(page, "_draw", lambda *_: st.stop())
        app.run()
    assert app.session_state["looking_epoch"] == 3
    app.select_slider(key="looking_epoch").set_value(2).run()
    assert "epoch" not in app.query_params
    assert ", live · " in words(app)
    app.select_slider(key="looking_epoch").set_value(2).run()
    assert app.query_params["epoch"] == "2"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"run": "gone"}, "There is no run with this address"),
        ({"epoch": "99"}, "epoch 3, the nearest one"),
        ({"epoch": "-1"}, "not a whole number"),
        ({"epoch": "٣"}, "not a whole number"),
        ({"layer": "conv9"}, "no layer “conv9”"),
        ({"layer": "<script>alert(1)</script>"}, "no layer"),
        ({"channel": "6"}, "channels 0 to 5, not 6"),
        ({"channel": "x" * 5000}, "channels 0 to 5"),
        ({"input": "3"}, "input channels 0 to 2, not 3"),
    ],
)
def test_a_stale_link(open_page: OpenPage, run: Run, query: dict[str, str], sentence: str) -> None:
    """One sentence and the nearest sensible view; the address then says what is shown, and the sentence goes."""
    app = open_page("kernels", **({"run": run.id} | query))
    assert not app.exception
    assert sentence in words(app)
    assert app.query_params == {"run": run.id, "epoch": "3", "layer": "conv1", "channel": "0"}
    app.run()
    assert not app.warning


def test_another_run_needs_no_apology(open_page: OpenPage, run: Run, insert_run: Callable[..., Run]) -> None:
    """Who picks another run in the box gets its nearest epoch and layer without a word."""
    other = insert_run(epochs=1, weights=True, architecture="ResNet")
    app = open_page("kernels", run=run.id, epoch="3", layer="conv2", channel="15")
    app.selectbox(key="looking_run").set_value(other.id).run()
    assert not app.exception
    assert not app.warning
    assert (app.query_params["run"], app.query_params["epoch"]) == (other.id, "1")


def test_a_run_deleted_while_it_is_looked_at(open_page: OpenPage, store: Store, run: Run) -> None:
    """A sentence instead of the view, now and after the list of runs has caught up."""
    app = open_page("kernels", run=run.id)
    store.delete(run.id)
    app.run()
    assert not app.exception
    assert "deleted" in words(app)
    st.cache_resource.clear()
    app.run()
    assert not app.exception
    assert "no trained network" in words(app)


def test_a_damaged_epoch_leaves_the_others(open_page: OpenPage, store: Store, run: Run) -> None:
    """The sentence names the epoch; the slider goes on to a sound one."""
    damaged = store.path(store.weights(run.id)[2])
    damaged.write_bytes(b"garbage")
    app = open_page("kernels", run=run.id, epoch="2")
    assert not app.exception
    assert "Epoch 2 of" in app.error[0].value
    app.select_slider(key="looking_epoch").set_value(3).run()
    assert not app.error
    assert not app.exception


def test_without_epoch_0_the_rest_is_shown(open_page: OpenPage, store: Store, run: Run, drawn: Drawn) -> None:
    """A lost epoch 0 only takes the comparison away."""
    store.path(store.weights(run.id)[0]).unlink()
    app = open_page("kernels", run=run.id)
    assert not app.exception
    assert not app.error
    assert "nothing can be compared" in words(app)
    assert len(drawn["kernel_alone"]["values"]) == 1


def test_a_damaged_database_is_said(open_page: OpenPage, app_config: AppConfig) -> None:
    """Garbage where the runs should be: a sentence, no traceback."""
    app_config.home.mkdir(parents=True, exist_ok=True)
    (app_config.home / "runs.db").write_bytes(b"garbage" * 1000)
    app = open_page("kernels")
    assert not app.exception
    assert app.error


def test_a_run_whose_settings_cannot_be_read(open_page: OpenPage, run: Run, insert_run: Any) -> None:
    """It is said, and the other runs stay in the box."""
    insert_run.damage_config(run)
    app = open_page("kernels", run=run.id)
    assert not app.exception
    assert "cannot be looked into" in app.error[0].value


@pytest.mark.parametrize("dataset", ["Fashion-MNIST", "CIFAR-100"])
@pytest.mark.parametrize("architecture", ["SimpleCNN", "ResNet"])
def test_every_layer_of_other_networks(
    open_page: OpenPage, insert_run: Callable[..., Run], drawn: Drawn, dataset: str, architecture: str
) -> None:
    """Also where pictures are grey or classes many: each convolution opens, and shows its own kernels."""
    run = insert_run(epochs=1, weights=True, dataset=dataset, architecture=architecture)
    app = open_page("kernels", run=run.id)
    strip = next(one for one in app.segmented_control if one.label == "Convolution")
    for option in list(strip.options):
        label = option.split(" ")[0]
        app.segmented_control(key=strip.key).set_value(label).run()
        assert not app.exception
        assert app.query_params["layer"] == label
        assert np.isfinite(drawn["kernels"]["values"]).all()


def test_an_epoch_is_called_the_same_whichever_is_the_best(open_page: OpenPage, run: Run) -> None:
    """Streamlit takes an epoch whose label has changed for the first of all: a best epoch that moves must move nothing."""
    assert run.best_epoch
    app = open_page("kernels", run=run.id)
    assert list(app.select_slider(key="looking_epoch").options) == [str(epoch) for epoch in range(4)]
