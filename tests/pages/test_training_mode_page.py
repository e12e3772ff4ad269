"""In training? on the Feature maps page: the mask of a real batch, twenty passes of a picture, both modes of a channel."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnlab import formatting
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data import DATASETS
from cnnlab.data.tensors import normalisation_of, split
from cnnlab.inspection.networks import load_network
from cnnlab.inspection.training_mode import batch
from cnnlab.inspection.training_mode.batch_norm import AFTER, BEFORE, EVAL, TRAIN, Normalised, normalised_by
from cnnlab.inspection.training_mode.dropout import PASSES, Mask, mask_of, passes_of
from cnnlab.models import Network
from cnnlab.runs import Run, Store
from cnnlab.views.training_mode import _choosers, batch_norm, dropout_mask
from tests.page_driver import OpenPage, words

INFO = DATASETS.get("shapes").info
SIZE = 16


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """SimpleCNN on shapes with dropout and batch normalisation, batches of 16, and the weights of epochs 0 and 1."""
    return insert_run(epochs=1, weights=True, validation_size=60, batch_size=SIZE, dropout=0.3, batch_norm=True)


def network_at(store: Store, run: Run, epoch: int) -> Network:
    """The run's network at that epoch, in eval mode."""
    weights = store.weights(run.id)[epoch]
    return load_network(run.config, INFO, store.path(weights), weights)


def received(run: Run, app_config: AppConfig, number: int) -> Any:
    """A batch of the validation set as the network receives it."""
    arrays = DATASETS.get("shapes").load(app_config.data)
    places = split(run.config, len(arrays.train_labels)).validation[SIZE * number : SIZE * (number + 1)]
    return batch.received(arrays.train_images, places, *normalisation_of(run.config, INFO))


def spaces(text: str) -> str:
    """With the spaces that `words` leaves."""
    return " ".join(text.split())


def test_the_mask_of_a_real_batch(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiles are the mask of the batch and draw of the address; the numbers read out are its own; a click draws again."""
    drawn: dict[str, dict[str, Any]] = {}
    original = tiles

    def note(**arguments: Any) -> int | None:
        drawn[arguments["key"]] = arguments
        return original(**arguments)

    monkeypatch.setattr(dropout_mask, "tiles", note)
    app = open_page("feature_maps", run=run.id, view="training_dropout", batch="2", layer="dropout1")
    assert not app.exception

    def expected(seed: int) -> Mask:
        return mask_of(network_at(store, run, 1), "head.dropout1", received(run, app_config, 2), seed)

    mask = expected(0)
    scale = np.float32(1 / 0.7)
    np.testing.assert_array_equal(drawn["dropout_masks"]["values"], (mask.kept * scale).reshape(SIZE, 10, 12))
    dropped = int(mask.dropped[0])
    assert spaces(f"Here it dropped {formatting.count(dropped)} of {formatting.count(SIZE * 120)}") in words(app)
    assert f"**{spaces(formatting.percent(dropped / (SIZE * 120)))}**" in words(app)
    assert "= **1.43**" in words(app)
    assert "16 validation pictures (numbers 32 to 47 of the set), a batch of the run's own size" in words(app)
    app.number_input(key="looking_member").set_value(5).run()
    app.number_input(key="looking_channel").set_value(17).run()
    assert dropout_mask.reading(mask, 5, 17, "unit") in words(app)
    np.testing.assert_array_equal(drawn["dropout_values"]["values"].reshape(2, 120), [mask.before[5], mask.after[5]])
    app.button(key="training_draw").click().run()
    assert not app.exception
    asked = {"batch": "2", "member": "5", "channel": "17", "draw": "1"}
    assert {name: app.query_params[name] for name in asked} == asked
    np.testing.assert_array_equal(drawn["dropout_masks"]["values"], (expected(1).kept * scale).reshape(SIZE, 10, 12))


def test_two_sides_have_one_scale(open_page: OpenPage, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The values of a picture's units before and after dropout, of two epochs: the largest of all, which the page says."""
    drawn: dict[str, dict[str, Any]] = {}
    monkeypatch.setattr(
        dropout_mask, "tiles", lambda **arguments: drawn.update({side.key(arguments["key"]): arguments})
    )
    app = open_page("feature_maps", run=run.id, view="training_dropout", layer="dropout1", epoch="1", beside="0")
    assert not app.exception
    both = [drawn[key] for key in ("dropout_values", "dropout_values_beside")]
    largest = float(max(one["values"].max() for one in both))
    assert both[0]["limits"] == both[1]["limits"] == (0.0, largest)
    assert not np.array_equal(both[0]["values"], both[1]["values"])
    assert words(app).count(f"One colour scale on both sides, from 0 to {largest:.3g}, the largest size.") == 2


def test_what_is_read_out() -> None:
    """A unit is kept or dropped; of a channel's map some values may be kept."""
    kept = np.array([[1, 0, 0.25]], np.float32)
    before = np.array([[0.5, -2, 4]], np.float32)
    one = [np.array([number]) for number in (2.0, 0.5)]
    mask = Mask(kept, before, before * kept * 2, one[0], one[1], np.array([3]), np.array([1]))
    assert dropout_mask.reading(mask, 0, 0, "unit") == "Picture 0, unit 0: **kept ×2**; 0.5 becomes 1."
    assert dropout_mask.reading(mask, 0, 1, "unit") == "Picture 0, unit 1: **dropped**; −2 becomes 0."
    assert "of its values kept**; the mean of its map, 4 becomes 2." in dropout_mask.reading(mask, 0, 2, "channel")
    assert [dropout_mask.grid(units) for units in (120, 84, 4096, 7, 1)] == [
        (10, 12),
        (7, 12),
        (64, 64),
        (1, 7),
        (1, 1),
    ]


def test_twenty_passes(open_page: OpenPage, store: Store, app_config: AppConfig, run: Run) -> None:
    """Both modes are named with their own numbers: what eval mode says, the mean and the spread of the passes."""
    app = open_page("feature_maps", run=run.id, view="training_dropout_passes", picture="test:7")
    assert not app.exception
    image = np.array(DATASETS.get("shapes").load(app_config.data).test_images[7])
    seen = passes_of(network_at(store, run, 1), image, *normalisation_of(run.config, INFO), 0)
    said = int(seen.eval.argmax())
    mine = seen.dropped[:, said]
    same = int((seen.dropped.argmax(axis=1) == said).sum())
    assert f"says **{INFO.classes[said]}**, {spaces(formatting.percent(seen.eval[said]))}" in words(app)
    assert f"**{same} of {PASSES}** passes say so too" in words(app)
    assert f"**{spaces(formatting.percent(mine.mean()))}** on average" in words(app)
    assert f"**{spaces(formatting.points(mine.std()))}**" in words(app)
    assert "dropout1 and dropout2 in train mode" in words(app)
    table = app.dataframe[0].value
    assert table["Passes that say it"].sum() == PASSES
    app.button(key="training_draw").click().run()
    assert not app.exception
    other = passes_of(network_at(store, run, 1), image, *normalisation_of(run.config, INFO), 1).dropped[:, said]
    assert f"**{spaces(formatting.percent(other.mean()))}** on average" in words(app)


def test_both_modes_of_a_channel(open_page: OpenPage, store: Store, app_config: AppConfig, run: Run) -> None:
    """The tables and formulas hold the batch's and the running numbers; at epoch 0 the running ones are 0 and 1."""
    app = open_page("feature_maps", run=run.id, view="training_normalisation", layer="bn2", channel="3", batch="1")
    assert not app.exception
    seen = normalised_by(network_at(store, run, 1), "base.bn2", received(run, app_config, 1), lambda *_: None)
    for moment in (BEFORE, AFTER):
        for mode, name in ((TRAIN, "train mode"), (EVAL, "eval mode")):
            mean, spread = seen.mean[mode, moment, 3], np.sqrt(seen.var[mode, moment, 3])
            row = f"| **{name}** | {formatting.decimals(mean, 4)} | {formatting.decimals(spread, 4)} |"
            assert row in words(app)
    for line in batch_norm.formulas(seen, 3):
        assert spaces(line) in words(app)
    assert "16 validation pictures (numbers 16 to 31 of the set)" in words(app)
    table = app.dataframe[0].value
    np.testing.assert_array_equal(table["Batch mean"], seen.mean[TRAIN, BEFORE])
    np.testing.assert_array_equal(table["Running variance"], seen.running_var)
    app.number_input(key="looking_channel").set_value(4).run()
    assert "bn2, channel 4" in words(app)
    assert app.query_params["channel"] == "4"


def test_before_the_first_step(open_page: OpenPage, run: Run) -> None:
    """All running means are 0 and all variances 1, and the page says what that means."""
    app = open_page("feature_maps", run=run.id, view="training_normalisation", epoch="0")
    assert not app.exception
    assert "All running means are 0 and all running variances 1" in words(app)


def test_formulas_hold_what_they_say() -> None:
    """Each number of the formula is the channel's; a negative one stands in brackets, a negative mean is added."""
    sides = np.array([[[-0.5], [0.0]], [[-0.5], [0.25]]])
    seen = Normalised(
        mean=sides, var=np.ones((2, 2, 1)) * 4, edges=np.zeros((2, 1, 41)), counts=np.full((2, 2, 1, 40), 5),
        running_mean=np.array([-1.0]), running_var=np.array([2.0]), updated_mean=np.array([-0.95]),
        updated_var=np.array([2.2020]), gamma=np.array([-3.0]), beta=np.array([-0.125]), eps=np.array([1e-5]),
        momentum=np.array([0.1]), keeps_running=np.array([True]),
    )  # fmt: skip
    train, running, step = batch_norm.formulas(seen, 0)
    assert train == "train mode: (x + 0.5) / √(4 + 1e−05) · (−3) − 0.125"
    assert running == "eval mode: (x + 1) / √(2 + 1e−05) · (−3) − 0.125"
    assert "0.9 · (−1) + 0.1 · (−0.5) = −0.95" in step
    assert "0.9 · 2 + 0.1 · 4 · 200 / 199 = 2.202" in spaces(step)
    assert "Half of the channels have a batch mean at most **0.354** running spreads" in batch_norm.distance(
        seen, "channel"
    )


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        ("training_dropout", "This network has no dropout. VGGishCNN has it by default"),
        ("training_dropout_passes", "This network has no dropout. VGGishCNN has it by default"),
        ("training_normalisation", "no batch normalisation. ResNet and SpeedNet have it by default"),
    ],
)
def test_a_network_without(open_page: OpenPage, insert_run: Callable[..., Run], view: str, sentence: str) -> None:
    """One sentence: which architectures have such a layer, and which setting adds it."""
    run = insert_run(epochs=1, weights=True, validation_size=60)
    app = open_page("feature_maps", run=run.id, view=view)
    assert not app.exception
    assert sentence in words(app)
    assert "any other architecture gets it on the Train page by" in words(app)
    assert not [button for button in app.button if button.key == "training_draw"]


def test_a_link_that_asks_too_much(open_page: OpenPage, run: Run) -> None:
    """One sentence each, and the first."""
    app = open_page("feature_maps", run=run.id, view="training_dropout", batch="99", member="16", layer="dropout1")
    assert not app.exception
    assert "The batches of this set have the numbers 0 to 2, not “99”. Here is the first." in words(app)
    assert "The pictures of this batch have the numbers 0 to 15, not “16”. Here is the first." in words(app)
    assert not {"batch", "member"} & set(app.query_params)


def test_one_picture_is_no_batch(open_page: OpenPage, insert_run: Callable[..., Run]) -> None:
    """A set of one picture is refused with a sentence that says what to do."""
    run = insert_run(epochs=1, weights=True, validation_size=1, dropout=0.5)
    app = open_page("feature_maps", run=run.id, view="training_dropout")
    assert not app.exception
    assert "needs a batch of at least two. Choose another set." in words(app)


def test_much_work_is_measured_by_a_process(open_page: OpenPage, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a batch is much work for the network, the page offers to measure it and computes nothing."""
    monkeypatch.setattr(_choosers, "MOST_MACS", 1)
    app = open_page("feature_maps", run=run.id, view="training_normalisation")
    assert not app.exception
    assert "This has not been measured yet" in words(app)
