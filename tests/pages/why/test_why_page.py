"""Why this class? on the Feature maps page: one button, a line of ways, and the sanity check; the tensors' own numbers."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect.view import VIEWS
from cnnlab.dashboard.why import panel
from cnnlab.data import DATASETS
from cnnlab.data.tensors import normalisation_of
from cnnlab.inspection.attribution import integrated_gradients, saliency
from cnnlab.inspection.attribution.randomised import randomise
from cnnlab.inspection.networks import load_network
from cnnlab.models import Network
from cnnlab.runs import Run, Store
from tests.page_driver import OpenPage, words
from tests.pages.why.conftest import Drawn

INFO = DATASETS.get("shapes").info
WAYS = [view.name for view in VIEWS if view.family == "Why?"]


def network_of(store: Store, run: Run) -> Network:
    """The network of epoch 1."""
    weights = store.weights(run.id)[1]
    return load_network(run.config, INFO, store.path(weights), weights)


def picture(app_config: AppConfig) -> np.ndarray:
    """Test picture 7."""
    return np.array(DATASETS.get("shapes").load(app_config.data).test_images[7])


def test_six_ways_behind_one_button(open_page: OpenPage, run: Run, drawn: Drawn) -> None:
    """The strip of views has the question; the ways have a line of their own, each a link."""
    app = open_page("feature_maps", run=run.id, picture="test:7")
    strip = app.segmented_control(key="looking_view_of_feature_maps")
    assert "Why?" in strip.options
    assert not {VIEWS.get(name).title for name in WAYS} & set(strip.options)
    strip.set_value("grad_cam").run()
    line = app.segmented_control(key="looking_way_of_grad_cam")
    assert len(line.options) == len(WAYS) == 6
    for name in WAYS:
        app.segmented_control(key="looking_way_of_grad_cam").set_value(name).run()
        assert not app.exception
        assert app.query_params["view"] == name
        assert drawn[name]["values"].any()
        assert drawn[f"{name}_overlay"]["values"].shape == (1, 32, 32, 3)
        assert "**It can say**" in words(app)
        assert "**It cannot say**" in words(app)


def test_integrated_gradients_say_their_sum(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, drawn: Drawn
) -> None:
    """The map, the sum and the difference of the logits; another baseline is another address and another map."""
    network, normalisation = network_of(store, run), normalisation_of(run.config, INFO)
    app = open_page(
        "feature_maps", run=run.id, view="integrated_gradients", picture="test:7", **{"class": INFO.classes[3]}
    )
    for baseline in ("black", "white"):
        app.segmented_control(key="looking_baseline").set_value(baseline).run()
        seen = integrated_gradients.compute(network, picture(app_config), *normalisation, 3, baseline)
        np.testing.assert_array_equal(drawn["integrated_gradients"]["values"][0], seen.map)
        assert f"The sum of the map is {panel.short(seen.total)}." in words(app)
        assert f"It should be {panel.short(seen.rise)}" in words(app)
        assert app.query_params.get("baseline", "black") == baseline


def test_the_sanity_check(open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, drawn: Drawn) -> None:
    """A button: all weights fresh, the same class, the number; then only the last layer; then the trained ones again."""
    network, normalisation = network_of(store, run), normalisation_of(run.config, INFO)
    app = open_page("feature_maps", run=run.id, view="saliency", picture="test:7")
    given = saliency.compute(network, picture(app_config), *normalisation)
    assert "saliency_random" not in drawn
    app.button(key="sanity_begin").click().run()
    assert app.query_params["random"] == "conv1"
    for label, name in (("conv1", "base.conv1"), ("fc3", "head.fc3")):
        app.select_slider(key="sanity_depth").set_value(label).run()
        assert not app.exception
        fresh = randomise(network, run.config, INFO, name)
        expected = saliency.compute(fresh, picture(app_config), *normalisation, given.class_index)
        np.testing.assert_array_equal(drawn["saliency"]["values"][0], given.map)
        np.testing.assert_array_equal(drawn["saliency_random"]["values"][0], expected.map)
        alike = spearmanr(given.map.ravel(), expected.map.ravel()).statistic
        assert f"(Spearman): {alike:.2f}".replace("-", "−") in words(app)
        assert app.query_params["random"] == label
    app.button(key="sanity_end").click().run()
    assert "random" not in app.query_params


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"view": "saliency", "random": "pool1"}, "no layer with weights “pool1”"),
        ({"view": "integrated_gradients", "baseline": "pink"}, "no baseline “pink”"),
    ],
)
def test_a_stale_link(open_page: OpenPage, run: Run, query: dict[str, str], sentence: str) -> None:
    """One sentence, and what is shown instead; the address then says what that is."""
    app = open_page("feature_maps", run=run.id, **query)
    assert not app.exception
    assert sentence in words(app)
    assert not {"random", "baseline"} & set(app.query_params)
