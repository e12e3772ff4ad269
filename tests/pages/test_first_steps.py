"""The first steps of epoch 1 on the slider of epochs: each has its own weights, its own link, and a loss that is so called."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.bar import loss_curve
from cnnlab.dashboard.inspect.view import VIEWS
from cnnlab.data import DATASETS
from cnnlab.formatting import NARROW, loss4, percent
from cnnlab.inspection import feature_maps
from cnnlab.inspection.networks import load_network
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.runs.run import Checkpoint
from cnnlab.views import kernels as kernels_view
from tests.page_driver import OpenPage, words

STEPS = (1, 2, 4, 8)


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """Two epochs of twenty steps."""
    return insert_run(epochs=2, weights=True, early=STEPS)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was last handed to each canvas of kernels, by its key."""
    calls: dict[str, Any] = {}
    original = kernels_view.tiles

    def note(**arguments: Any) -> int | None:
        calls[arguments["key"]] = arguments
        return original(**arguments)

    monkeypatch.setattr(kernels_view, "tiles", note)
    return calls


def kernels(store: Store, weights: Checkpoint, layer: str = "base.conv1") -> npt.NDArray[np.float32]:
    """The kernels that lie in a file."""
    tensors, _ = checkpoints.read(store.path(weights), weights)
    return np.asarray(tensors[f"{layer}.weight"].numpy())


def test_the_slider_has_them_between_epoch_0_and_epoch_1(open_page: OpenPage, run: Run) -> None:
    """Evenly spaced, so a log scale; the newest is still the last epoch."""
    app = open_page("kernels", run=run.id)
    slider = app.select_slider(key="looking_epoch")
    assert list(slider.options) == ["0", "step 1", "step 2", "step 4", "step 8", "1", "2"]
    assert (slider.value, app.query_params["epoch"]) == (2, "2")
    assert "step" not in app.query_params


def test_each_shows_its_own_weights(open_page: OpenPage, store: Store, run: Run, drawn: dict[str, Any]) -> None:
    """And is a link, which another visitor opens cold."""
    app = open_page("kernels", run=run.id)
    for weights in store.early(run.id):
        app.select_slider(key="looking_epoch").set_value(f"step {weights.step}").run()
        assert not app.exception
        assert app.query_params["step"] == str(weights.step)
        assert "epoch" not in app.query_params
        expected = np.moveaxis(kernels(store, weights), 1, -1)
        np.testing.assert_array_equal(drawn["kernels"]["values"], expected)
        cold = open_page("kernels", run=run.id, step=str(weights.step))
        np.testing.assert_array_equal(drawn["kernels"]["values"], expected)
        assert str(cold.select_slider(key="looking_epoch").value) == f"step {weights.step}"
    app.select_slider(key="looking_epoch").set_value(1).run()
    assert app.query_params["epoch"] == "1"
    assert "step" not in app.query_params


def test_a_kernel_s_way_from_its_start(open_page: OpenPage, store: Store, run: Run, drawn: dict[str, Any]) -> None:
    """It is compared with epoch 0, and is not called untrained."""
    app = open_page("kernels", run=run.id, step="4", input="1", channel="3")
    before, now = (kernels(store, weights)[3, 1] for weights in (store.weights(run.id)[0], store.early(run.id)[2]))
    np.testing.assert_array_equal(drawn["kernel_alone"]["values"], np.stack([before, now, now - before]))
    assert drawn["kernel_alone"]["labels"][1] == "step 4 of epoch 1"
    assert "nothing has moved yet" not in words(app)
    assert "untrained" not in words(app)


def test_the_loss_is_that_of_the_batches_around_it_and_said_so(
    open_page: OpenPage, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the line of numbers and on the curve; an epoch's numbers are not there."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(loss_curve, "_curve", lambda **said: told.append(said["data"]))
    app = open_page("kernels", run=run.id, step="4")
    mean = float(np.mean([record.loss for record in store.steps(run.id)[2:8]]))
    said = f"loss in training, mean of steps 3 to 8: {loss4(mean)}"

    assert "**After 4 steps** of epoch 1" in words(app)
    assert said in words(app)
    assert "train sample" not in words(app).split("best epoch")[0]
    data = told[-1]
    assert data["moments"][3] == data["at"] == "step 4 of epoch 1"
    assert data["batches"][3] == pytest.approx(mean)
    assert data["batches_said"][3] == said
    assert data["batches"][0] is data["train"][3] is data["validation"][3] is None
    assert "Within epoch 1" in data["description"]


def test_buttons_and_play_walk_through_them(open_page: OpenPage, run: Run) -> None:
    """Back and Next by one; Play from the start; Pause stays at the step."""
    app = open_page("kernels", run=run.id, epoch="1")
    app.button(key="looking_back").click().run()
    assert app.query_params["step"] == "8"
    app.button(key="looking_on").click().run()
    assert app.query_params["epoch"] == "1"
    app.session_state["looking_playing"] = app.session_state["looking_epoch"]
    app.button(key="looking_back").click().run()
    app.button(key="looking_play").click().run()
    assert (str(app.select_slider(key="looking_epoch").value), app.query_params["step"]) == ("step 8", "8")
    app.button(key="looking_pause").click().run()
    assert app.query_params["step"] == "8"
    assert not app.exception


@pytest.mark.parametrize(
    ("query", "sentence", "shown"),
    [
        ({"step": "5"}, "Step 5 of epoch 1 is not kept for this run. Here is step 4 of epoch 1", "step 4"),
        ({"step": "4000"}, "Here is epoch 2, the nearest one", "2"),
        ({"step": "many"}, "not a whole number", "2"),
        ({"epoch": "1", "step": "2"}, "", "step 2"),
    ],
)
def test_a_link_to_a_step_that_is_not_kept(
    open_page: OpenPage, run: Run, query: dict[str, str], sentence: str, shown: str
) -> None:
    """It says so, and shows the nearest."""
    app = open_page("kernels", run=run.id, **query)
    assert not app.exception
    assert sentence in words(app)
    assert str(app.select_slider(key="looking_epoch").value) == shown


def test_a_run_without_them_looks_as_ever(open_page: OpenPage, insert_run: Callable[..., Run]) -> None:
    """An older one; a link to a step shows its nearest epoch."""
    run = insert_run(epochs=2, weights=True)
    app = open_page("kernels", run=run.id, step="4")
    assert list(app.select_slider(key="looking_epoch").options) == ["0", "1", "2"]
    assert "Here is epoch 0, the nearest one" in words(app)


def test_a_run_within_epoch_1_is_followed(open_page: OpenPage, insert_run: Callable[..., Run]) -> None:
    """The newest weights are those of a step."""
    run = insert_run(RunStatus.RUNNING, epochs=0, weights=True, early=(1, 2))
    app = open_page("kernels", run=run.id)
    assert str(app.select_slider(key="looking_epoch").value) == "step 2"
    assert " · live" in words(app)
    assert app.query_params["run"] == run.id
    assert not {"epoch", "step"} & set(app.query_params)


@pytest.mark.parametrize("name", ["feature_maps", "formula", "grad_cam", "movement", "top_activations", "over_epochs"])
def test_views_open_there(open_page: OpenPage, run: Run, name: str) -> None:
    """Those of a whole set offer to measure it, and say at which moment."""
    view = VIEWS.get(name)
    app = open_page(view.page, run=run.id, step="2", view=name)
    assert not app.exception
    assert app.query_params["step"] == "2"
    if view.cost == "dataset" and "epoch" in view.needs:
        assert "has not been measured yet after 2 steps of epoch 1" in words(app)


def test_who_has_it_measured_stays_there(open_page: OpenPage, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is given the weights of that step."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(measured.JobQueue, "ask", lambda self, key, arguments, *rest: asked.append(arguments))
    app = open_page("predictions", run=run.id, step="2")
    app.button(key="measured_ask").click().run()
    assert any("early-0000-0000002.safetensors" in argument for argument in asked[0])
    assert app.query_params["step"] == "2"


def test_the_numbers_of_a_picture_are_those_of_that_network(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run
) -> None:
    """Its answer, computed beside the page."""
    info, weights = DATASETS.get("shapes").info, store.early(run.id)[1]
    picture = np.array(DATASETS.get("shapes").load(app_config.data).test_images[0])
    network = load_network(run.config, info, store.path(weights), weights)
    sure = feature_maps.compute(network, picture, (0.5,) * 3, (0.5,) * 3).probabilities.max()
    app = open_page("feature_maps", run=run.id, step="2", picture="test:0")
    assert "After 2 steps of epoch 1 it says" in words(app)
    assert f"({percent(float(sure)).replace(NARROW, ' ')})" in words(app)
