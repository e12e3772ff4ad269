"""Grad-CAM on the Feature maps page: the strip of views, the class chooser, and the tensor's own numbers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.why import panel
from cnnlab.data import DATASETS
from cnnlab.data.tensors import normalisation_of
from cnnlab.inspection.attribution.answer import Attribution
from cnnlab.inspection.attribution.grad_cam import GradCam, compute
from cnnlab.inspection.networks import load_network
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from tests.page_driver import OpenPage, words
from tests.pages.why.conftest import Drawn

INFO = DATASETS.get("shapes").info


def expected(store: Store, app_config: AppConfig, run: Run, layer: str, class_index: int | None) -> GradCam:
    """Grad-CAM of test picture 7 at epoch 1, computed beside the page."""
    weights = store.weights(run.id)[1]
    picture = np.array(DATASETS.get("shapes").load(app_config.data).test_images[7])
    network = load_network(run.config, INFO, store.path(weights), weights)
    return compute(network, picture, *normalisation_of(run.config, INFO), layer, class_index)


def test_the_map_is_the_networks_own(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, drawn: Drawn
) -> None:
    """For the class that it says, then for one that is chosen: number for number; the address follows."""
    app = open_page("feature_maps", run=run.id, view="grad_cam", layer="relu2", picture="test:7")
    said = expected(store, app_config, run, "base.relu2", None)
    assert not app.exception
    np.testing.assert_array_equal(drawn["grad_cam"]["values"][0], said.map)
    assert f"it says **{INFO.classes[said.class_index]}**" in words(app)
    other = (said.class_index + 1) % 10
    app.selectbox(key="looking_class").set_value(INFO.classes[other]).run()
    assert not app.exception
    np.testing.assert_array_equal(
        drawn["grad_cam"]["values"][0], expected(store, app_config, run, "base.relu2", other).map
    )
    assert app.query_params["class"] == INFO.classes[other]
    assert f"speaks for {INFO.classes[other]}" in words(app)
    app.selectbox(key="looking_class").set_value(None).run()
    assert "class" not in app.query_params


def test_the_strip_of_views(open_page: OpenPage, run: Run, drawn: Drawn) -> None:
    """The page's first view is not in the address, another one is; layer and picture stay."""
    app = open_page("feature_maps", run=run.id, layer="pool1", picture="test:7")
    assert "view" not in app.query_params
    app.segmented_control(key="looking_view_of_feature_maps").set_value("grad_cam").run()
    assert not app.exception
    assert drawn
    assert {name: app.query_params[name] for name in ("view", "layer", "picture")} == {
        "view": "grad_cam",
        "layer": "pool1",
        "picture": "test:7",
    }
    app.segmented_control(key="looking_view_of_feature_maps").set_value("feature_maps").run()
    assert "view" not in app.query_params


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"view": "nonsense"}, "no view “nonsense”"),
        ({"view": "kernels"}, "no view “kernels”"),
        ({"view": "grad_cam", "class": "unicorn"}, "no class “unicorn”"),
    ],
)
def test_a_stale_link(open_page: OpenPage, run: Run, query: dict[str, str], sentence: str) -> None:
    """One sentence, and what is shown instead; the address then says what that is."""
    app = open_page("feature_maps", **({"run": run.id} | query))
    assert not app.exception
    assert sentence in words(app)
    assert app.query_params.get("view", "") == ("grad_cam" if query["view"] == "grad_cam" else "")
    assert "class" not in app.query_params


def test_a_map_of_zeros_is_said(
    open_page: OpenPage, store: Store, insert_run: Callable[..., Run], drawn: Drawn
) -> None:
    """A network whose weights are all zero has nothing that speaks for any class; the scale still has two ends."""
    run = insert_run(RunStatus.RUNNING, epochs=1, weights=True)
    newest = store.weights(run.id)[-1]
    tensors, meta = checkpoints.read(store.path(newest), newest)
    file = checkpoints.write(
        store.path(newest), {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}, meta
    )
    store.commit(run.id, [], [replace(newest, sha256=file.sha256)])
    app = open_page("feature_maps", run=run.id, view="grad_cam", layer="pool2", epoch="1")
    assert not app.exception
    assert "zero everywhere" in words(app)
    assert drawn["grad_cam"]["limits"] == (0.0, 1.0)


def test_the_largest_value_of_two_maps() -> None:
    """It is 0 where both maps are zero, though the colours then end at 1: the page names the value, not the colours' end."""
    flat, other = (
        Attribution(np.zeros((3, 32, 32), np.float32), values, 0, np.zeros(10, np.float32))
        for values in (np.zeros((2, 2), np.float32), np.array([[0, -0.25], [0.125, 0]], np.float32))
    )
    assert (panel.largest_in(flat, flat), panel.limit_of(flat, flat)) == (0.0, 1.0)
    assert panel.largest_in(flat, other) == panel.limit_of(other, flat) == 0.25
