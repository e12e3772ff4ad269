"""Robust? on the Feature maps page: sliders that the answer follows, and a curve that a process of its own measures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnlab import formatting
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.view import VIEWS, Subject
from cnnlab.data import DATASETS
from cnnlab.data.tensors import normalisation_of
from cnnlab.inspection.networks import load_network
from cnnlab.inspection.robustness import looks
from cnnlab.runs import Run, Store
from cnnlab.views import __main__ as process
from cnnlab.views.robust import one_picture, whole_set

OpenPage = Callable[..., AppTest]
INFO = DATASETS.get("shapes").info


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """SimpleCNN on shapes with a small validation set and the weights of epochs 0 and 1."""
    return insert_run(epochs=1, weights=True, validation_size=60)


def percent(share: float) -> str:
    """As the page writes it, with the spaces that `words` leaves."""
    return " ".join(formatting.percent(share).split())


def words(app: AppTest) -> str:
    """Everything a person reads, in one text."""
    elements = [*app.markdown, *app.caption, *app.error, *app.warning, *app.header]
    return " ".join(" ".join(str(element.value).replace("\\", "").split()) for element in elements)


def test_the_answer_follows_the_sliders(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The changed picture, its probability and its maps are the network's own; the address is a link; one button undoes all."""
    drawn: dict[str, dict[str, Any]] = {}
    original = one_picture.tiles

    def note(**arguments: Any) -> int | None:
        drawn[arguments["key"]] = arguments
        return original(**arguments)

    monkeypatch.setattr(one_picture, "tiles", note)
    app = open_page("feature_maps", run=run.id, view="robust", picture="test:7", layer="pool1")
    assert not app.exception
    assert "Move a slider" in words(app)
    app.select_slider(key="robust_shift").set_value(5).run()
    app.select_slider(key="robust_fgsm").set_value(3).run()
    assert not app.exception
    assert (app.query_params["shift"], app.query_params["fgsm"]) == ("5", "3")
    arrays = DATASETS.get("shapes").load(app_config.data)
    weights = store.weights(run.id)[1]
    network = load_network(run.config, INFO, store.path(weights), weights)
    given, label = np.array(arrays.test_images[7]), int(arrays.test_labels[7])
    normalisation = normalisation_of(run.config, INFO)
    seen = looks.compute(network, given, *normalisation, "base.pool1", {"shift": 5, "fgsm": 3}, label)
    np.testing.assert_array_equal(drawn["robust_after"]["values"][0], seen.after.picture)
    np.testing.assert_array_equal(drawn["robust_maps_before"]["values"], seen.before.maps)
    np.testing.assert_array_equal(drawn["robust_maps_after"]["values"], seen.after.maps)
    assert drawn["robust_maps_before"]["limits"] == drawn["robust_maps_after"]["limits"]
    said = int(seen.after.logits.argmax())
    assert (
        f"With shift 5 px, FGSM 3/255: **{INFO.classes[said]}** ({percent(seen.after.probabilities[said])})"
        in words(app)
    )
    assert f"loss for **{INFO.classes[label]}**, which it is" in words(app)
    app.button(key="robust_reset").click().run()
    assert not {"shift", "fgsm"} & set(app.query_params)
    np.testing.assert_array_equal(drawn["robust_after"]["values"][0], given)


def test_a_link_beyond_a_slider(open_page: OpenPage, run: Run) -> None:
    """One sentence, and 0."""
    app = open_page("feature_maps", run=run.id, view="robust", blur="900", change="melted")
    assert not app.exception
    assert "Blur goes from 0 to 3 px, not “900”. Here is 0." in words(app)
    assert "blur" not in app.query_params
    app = open_page("feature_maps", run=run.id, view="robust_curve", change="melted")
    assert "no change “melted”" in words(app)


@pytest.mark.parametrize(
    ("last", "words"), [(0.07, "3.0 points less"), (0.13, "3.0 points more"), (0.1, "0.0 points less")]
)
def test_more_is_not_called_less(last: float, words: str) -> None:
    """A network may get more changed pictures right than unchanged ones: by luck, or untrained."""
    said = whole_set._sentence("test", ["0 px", "12 px"], [0.1, last], None, 100, "at epoch 0")
    assert f"{words}. n = 100." in " ".join(said.split())


def test_the_curve_is_measured_by_a_process(open_page: OpenPage, store: Store, app_config: AppConfig, run: Run) -> None:
    """Each change has an answer of its own, for everybody; the page says n and the interval of the very counts."""
    view = VIEWS.get("robust_curve")
    app = open_page("feature_maps", run=run.id, view="robust_curve", change="fgsm")
    assert "This has not been measured yet" in words(app)
    weights = store.weights(run.id)[1]
    subjects = {
        change: Subject(
            run.config, INFO, app_config.data, store.path(weights), weights, 1, set="validation",
            options=() if change == "shift" else (("change", change),),
        )
        for change in ("fgsm", "shift")
    }  # fmt: skip
    for subject in subjects.values():
        assert process.main(list(measured.arguments_of(view, subject))) == 0
    fgsm, shift = (measured.find(app_config, view, subject) for subject in subjects.values())
    assert fgsm is not None
    assert shift is not None
    assert fgsm.right[0] == shift.right[0]
    assert fgsm.right.tolist() == view.compute(subjects["fgsm"].only(view.needs)).right.tolist()
    app.run()
    assert not app.exception
    first, last = (percent(int(right) / 60) for right in fgsm.right[[0, -1]])
    assert f"**Validation accuracy {first}** as the pictures are (95 % interval" in words(app)
    assert f"**{last}** at 32/255" in words(app)
    assert "n = 60" in words(app)
    assert app.query_params["change"] == "fgsm"
    app.segmented_control(key="looking_change").set_value("shift").run()
    assert f"**{percent(int(shift.right[-1]) / 60)}** at 12 px" in words(app)
