"""The views of what a channel looks for, and the Lesion lab: nothing is measured unasked, and every number is the answer's."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.analysis.significance.lesions import effects
from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.selection import KeptWeights
from cnnlab.dashboard.inspect.view import VIEWS, Subject
from cnnlab.data import DATASETS
from cnnlab.formatting import percent, points, tenths
from cnnlab.inspection.channels import activation_maximisation as climbing
from cnnlab.inspection.channels.top_activations import TopActivations
from cnnlab.inspection.kernels import kernels_of, moved
from cnnlab.inspection.summary import summarise
from cnnlab.runs import Run, Store
from cnnlab.views import __main__ as process
from cnnlab.views.channels import activation_maximisation, top_activations
from tests.page_driver import words

OpenPage = Callable[..., AppTest]
Drawn = dict[str, dict[str, Any]]
SET = 60


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """SimpleCNN on shapes with a small validation set and the weights of epochs 0 to 3."""
    return insert_run(epochs=3, weights=True, validation_size=SET)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What was last handed to each canvas, by its key."""
    calls: Drawn = {}
    original = top_activations.tiles

    def note(**arguments: Any) -> int | None:
        calls[arguments["key"]] = arguments
        return original(**arguments)

    for module in (top_activations, activation_maximisation):
        monkeypatch.setattr(module, "tiles", note)
    return calls


def measure(store: Store, run: Run, name: str, **chosen: Any) -> Any:
    """Have a view measured by its process, and give what it has kept."""
    weights = store.weights(run.id)
    history = tuple(KeptWeights(one.epoch, store.path(one), one) for one in weights)
    info, last = DATASETS.get(run.config.dataset).info, weights[-1]
    subject = Subject(
        run.config, info, store.app_config.data, store.path(last), last, last.epoch,
        **{"layer": "base.conv1", "channel": 0, "set": "validation", "start": history[0], "history": history, **chosen},
    )  # fmt: skip
    view = VIEWS.get(name)
    assert process.main(list(measured.arguments_of(view, subject))) == 0
    found = measured.find(store.app_config, view, subject)
    assert found is not None
    return found


def test_what_excites_a_channel(open_page: OpenPage, store: Store, run: Run, drawn: Drawn) -> None:
    """First an offer; then crops of the dataset's own pixels, the answers below them, and the table of all channels."""
    app = open_page("kernels", run=run.id, view="top_activations", channel="2")
    assert not app.exception
    assert "This has not been measured yet at epoch 3, on the validation pictures" in words(app).replace("**", "")
    found = measure(store, run, "top_activations")
    app = open_page("kernels", run=run.id, view="top_activations", channel="2")
    assert not app.exception
    images, places = pictures_of(store, run)
    for rank in range(9):
        image = images[places[found.picture[0, 2, rank]]]
        row, column = found.row[0, 2, rank], found.column[0, 2, rank]
        seen = drawn["top_most_pictures"]["values"][rank]
        np.testing.assert_array_equal(
            seen[row : row + 5, column : column + 5], image[row : row + 5, column : column + 5]
        )
        outside = np.ones((32, 32), bool)
        outside[row : row + 5, column : column + 5] = False
        np.testing.assert_allclose(seen[outside], 0.35 * image[outside].astype(np.float32), rtol=1e-5)
    best = images[places[found.picture[0, 4, 0]]]
    row, column = found.row[0, 4, 0], found.column[0, 4, 0]
    np.testing.assert_array_equal(drawn["top_crops"]["values"][4], best[row : row + 5, column : column + 5])
    np.testing.assert_array_equal(app.dataframe[0].value["Largest"], found.value[0, :, 0])
    assert f"Above zero in {found.positive[2]} of {SET}" in words(app)
    assert app.query_params == {
        "run": run.id, "epoch": "3", "view": "top_activations", "layer": "conv1", "channel": "2", "set": "validation"
    }  # fmt: skip


def pictures_of(store: Store, run: Run) -> tuple[np.ndarray, np.ndarray]:
    """The pictures of the file that holds the validation set, and the places of the set in it."""
    info = DATASETS.get(run.config.dataset).info
    pictures = Subject(run.config, info, store.app_config.data, None, None, set="validation").pictures()
    return pictures.images, pictures.places


@pytest.mark.parametrize("layer", ["conv2", "fc1", "fc3"])
def test_deeper_layers_and_units(open_page: OpenPage, store: Store, run: Run, drawn: Drawn, layer: str) -> None:
    """Crops as large as the receptive field, or the whole picture; grey beyond the picture's edge alone."""
    measure(store, run, "top_activations", layer=f"{'head' if layer.startswith('fc') else 'base'}.{layer}")
    app = open_page("kernels", run=run.id, view="top_activations", layer=layer, channel="9")
    assert not app.exception
    side = 14 if layer == "conv2" else 32
    assert drawn["top_crops"]["values"].shape[1:] == (side, side, 3)
    if layer == "fc1":
        assert len(drawn["top_crops"]["values"]) == top_activations.MOST_TILES
        app = open_page("kernels", run=run.id, view="top_activations", layer=layer, channel="100")
        assert drawn["top_crops"]["labels"][0] == "channel 64"
        assert drawn["top_crops"]["selected"] == 36


def test_a_crop_opens_its_picture(open_page: OpenPage, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One click on a crop, and the feature maps of that picture are on the screen, at the same layer and channel."""
    found = measure(store, run, "top_activations")
    original = top_activations.tiles
    monkeypatch.setattr(
        top_activations,
        "tiles",
        lambda **arguments: (original(**arguments), 4 if arguments["key"] == "top_least_crops" else None)[1],
    )
    app = open_page("kernels", run=run.id, view="top_activations", channel="3")
    assert not app.exception
    place = pictures_of(store, run)[1][found.picture[1, 3, 4]]
    assert app.query_params["picture"] == f"train:{place}"
    assert (app.query_params["layer"], app.query_params["channel"]) == ("conv1", "3")
    assert not app.warning


def test_made_pictures_beside_real_ones(
    open_page: OpenPage, store: Store, run: Run, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the real ones are measured that is said; afterwards their largest answer stands beside."""
    monkeypatch.setattr(climbing, "STEPS", 5)
    made = measure(store, run, "activation_maximisation", channel=1)
    app = open_page("kernels", run=run.id, view="activation_maximisation")
    assert not app.exception
    assert "This has not been measured yet at epoch 3." in words(app)
    app.number_input(key="looking_channel").set_value(1).run()
    assert not app.exception
    assert app.query_params["channel"] == "1"
    np.testing.assert_array_equal(drawn["made_pictures"]["values"], made.pictures)
    assert "has not been measured yet on the validation pictures" in words(app)
    found = measure(store, run, "top_activations")
    text = words(open_page("kernels", run=run.id, view="activation_maximisation", channel="1"))
    assert f"validation pictures up to **{float(found.value[0, 1, 0]):.3g}**" in text.replace("\N{MINUS SIGN}", "-")
    assert f"**{float(made.reached[:-1].max()):.3g}**" in text.replace("\N{MINUS SIGN}", "-")


def test_when_a_kernel_moved(open_page: OpenPage, store: Store, run: Run) -> None:
    """At once where the run's checkpoints are small: the sentence and the table are those of the checkpoints."""
    app = open_page("kernels", run=run.id, view="movement", layer="conv2", channel="7")
    assert not app.exception
    rows = summarise(run.config, DATASETS.get(run.config.dataset).info)
    kept = [kernels_of(store.path(one), one, rows)["base.conv2"] for one in store.weights(run.id)]
    steps = [float(np.linalg.norm(b[7] - a[7]) / np.linalg.norm(kept[0][7])) for a, b in pairwise(kept)]
    fastest = int(np.argmax(steps))
    text = words(app).replace("**", "")
    assert f"Kernel 7 moved most between epochs {fastest} and {fastest + 1}: {steps[fastest]:.3f} of its length" in text
    np.testing.assert_allclose(app.dataframe[0].value["In all"], moved(kept[-1], kept[0]), rtol=1e-6)


def test_a_run_with_one_epoch_cannot_tell(open_page: OpenPage, insert_run: Callable[..., Run]) -> None:
    """A sentence, no empty chart."""
    app = open_page("kernels", run=insert_run(epochs=0, weights=True).id, view="movement")
    assert not app.exception
    assert "nobody can tell when its kernels moved" in words(app)


def test_the_ranking(open_page: OpenPage, store: Store, run: Run) -> None:
    """Each channel silenced in turn, the most damage first; the chosen one's classes beside; a click chooses another."""
    damage = measure(store, run, "lesions", options=(("lesion", "silence:each"),))
    app = open_page("kernels", run=run.id, view="lesions", channel="4")
    assert not app.exception
    ranked = effects(damage.labels, damage.before, damage.after)
    table, classes = app.dataframe[0].value, app.dataframe[1].value
    order = sorted(range(6), key=lambda channel: (ranked[channel].change, channel))
    assert list(table["Channel"]) == order
    assert list(table["Change"]) == [tenths(ranked[channel].change) for channel in order]
    text = words(app)
    assert (
        f"Without a lesion: **{percent(ranked[0].before)}** right, on all {SET} validation pictures"
        in percent_plain(text)
    )
    assert f"**{percent(ranked[4].after)}**, {points(ranked[4].change)}" in percent_plain(text)
    names = DATASETS.get(run.config.dataset).info.classes
    right = {
        name: damage.after[4][damage.labels == c] == c for c, name in enumerate(names) if (damage.labels == c).any()
    }
    assert dict(zip(classes["Class"], classes["After"], strict=True)) == {k: tenths(v.mean()) for k, v in right.items()}
    assert app.query_params["lesion"] == "silence:each"


def percent_plain(text: str) -> str:
    """With the narrow spaces that `words` makes plain ones put back."""
    return text.replace(" %", "\N{NARROW NO-BREAK SPACE}%").replace(" points", "\N{NO-BREAK SPACE}points")


def test_one_lesion_by_its_widgets(open_page: OpenPage, store: Store, run: Run) -> None:
    """What the widgets say stands in the address, and the address brings the widgets back; then its numbers."""
    app = open_page("kernels", run=run.id, view="lesions", channel="2")
    app.segmented_control(key="lesion_kind").set_value("scale").run()
    assert app.query_params["lesion"] == "scale:each:0.5"
    app.segmented_control(key="lesion_which").set_value("some").run()
    assert app.query_params["lesion"] == "scale:2:0.5"
    app.number_input(key="lesion_factor").set_value(-1.25).run()
    app.multiselect(key="lesion_channels").set_value([5, 1]).run()
    assert not app.exception
    assert app.query_params["lesion"] == "scale:1.5:-1.25"
    damage = measure(store, run, "lesions", options=(("lesion", "scale:1.5:-1.25"),))
    app = open_page("kernels", run=run.id, view="lesions", lesion="scale:1.5:-1.25")
    assert app.number_input(key="lesion_factor").value == -1.25
    (effect,) = effects(damage.labels, damage.before, damage.after)
    assert "conv1: channels 1, 5 scaled by \N{MINUS SIGN}1.25" in words(app)
    assert f"**{percent(effect.after)}**" in percent_plain(words(app))


def test_back_at_epoch_0(open_page: OpenPage, store: Store, run: Run) -> None:
    """Offered where epoch 0 is kept; where it is not, a link to it gets a sentence and the ranking."""
    measure(store, run, "lesions", options=(("lesion", "start:0.1.2.3.4.5"),))
    app = open_page("kernels", run=run.id, view="lesions", lesion="start:0.1.2.3.4.5")
    assert not app.exception
    assert "back at epoch 0" in words(app)
    text = words(open_page("kernels", run=run.id, view="lesions", lesion="start:99"))
    assert "Nobody can do “start:99” to conv1" in text


def test_dead_channels_and_near_duplicates_are_named() -> None:
    """Those that never pass the ReLU, and each pair once; a long list is cut short and says so."""
    likeness = np.eye(20, dtype=np.float32)
    likeness[3, 7] = likeness[7, 3] = 0.96
    shape = (2, 20, 1)
    positive = np.array([0, 4, *[0] * 18])
    places = (np.zeros(shape, np.int64),) * 3
    found = TopActivations(np.zeros(shape, np.float32), *places, positive, likeness, likeness)
    text = top_activations.in_all(found, has_relu=True)
    assert "ReLU on these pictures): 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 7 more." in text
    assert "0.95 or more): 3 and 7." in text
    assert "Never above zero" in top_activations.in_all(found, has_relu=False)


def test_epoch_0_that_is_not_kept_is_a_sentence(store: Store, run: Run) -> None:
    """Where somebody asks for it all the same, by the command inspect."""
    weights = store.weights(run.id)[-1]
    info = DATASETS.get(run.config.dataset).info
    subject = Subject(
        run.config, info, store.app_config.data, store.path(weights), weights, 3,
        layer="base.conv1", set="validation", options=(("lesion", "start:1"),),
    )  # fmt: skip
    with pytest.raises(CheckpointError, match="epoch 0 are not kept"):
        VIEWS.get("lesions").compute(subject)
