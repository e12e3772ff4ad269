"""The Feature maps page: the maps are the network's, the picture is the one it receives, also a person's own."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import picture
from cnnlab.dashboard.widgets import tiles
from cnnlab.data import DATASETS
from cnnlab.data.images import decode, fit_to
from cnnlab.data.tensors import normalisation_of
from cnnlab.inspection.feature_maps import FeatureMaps, compute
from cnnlab.inspection.networks import load_network
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.views import feature_maps
from tests.page_driver import words

PAGES = Path(__file__).resolve().parents[2] / "pages"
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

    for module in (tiles, feature_maps, picture):
        monkeypatch.setattr(module, "tiles", note)
    return calls


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """SimpleCNN on shapes with the weights of epochs 0 to 2."""
    return insert_run(epochs=2, weights=True)


def seen_by(store: Store, app_config: AppConfig, run: Run, epoch: int, picture: np.ndarray) -> FeatureMaps:
    """What the network of that epoch makes of the picture, computed beside the page."""
    weights = next(file for file in store.weights(run.id) if file.epoch == epoch)
    info = DATASETS.get(run.config.dataset).info
    network = load_network(run.config, info, store.path(weights), weights)
    return compute(network, picture, *normalisation_of(run.config, info))


def picture_of(app_config: AppConfig, run: Run, index: int) -> np.ndarray:
    """A picture of the run's test set."""
    return np.array(DATASETS.get(run.config.dataset).load(app_config.data).test_images[index])


def file_of(picture: np.ndarray, kind: str) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=kind)
    return buffer.getvalue()


def upload(app: AppTest, name: str, data: bytes) -> AppTest:
    """Choose a file as a person would."""
    return app.file_uploader(key="picture_upload").set_value((name, data, "image/png")).run()


def test_an_empty_store_offers_a_run_that_fills_the_page(open_page: OpenPage, store: Store) -> None:
    """As on the Kernels page: one button, and the page waits."""
    app = open_page("feature_maps")
    assert not app.exception
    app.button(key="demo").click().run()
    assert not app.exception
    assert len(store.list()) == 1
    assert "has not begun yet" in words(app)


def test_every_layer_shows_the_networks_own_numbers(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, drawn: Drawn
) -> None:
    """All maps of every layer, and the tensor that goes in, equal what the network computes, number for number."""
    app = open_page("feature_maps", run=run.id, epoch="1", picture="test:7")
    expected = seen_by(store, app_config, run, 1, picture_of(app_config, run, 7))
    np.testing.assert_array_equal(drawn["network_input"]["values"][0], np.moveaxis(expected.network_input, 0, -1))
    assert len(expected.layers) == 6
    strip = next(one for one in app.segmented_control if one.label == "Layer")
    for layer in expected.layers:
        app.segmented_control(key=strip.key).set_value(layer.label).run()
        assert not app.exception
        np.testing.assert_array_equal(drawn["maps"]["values"], layer.maps)
        np.testing.assert_array_equal(drawn["map_alone"]["values"], layer.maps[:1])
        assert app.query_params["layer"] == layer.label


def test_the_verdict(open_page: OpenPage, store: Store, app_config: AppConfig, run: Run) -> None:
    """The most probable class, its probability, and whether that is the label."""
    info = DATASETS.get("shapes").info
    labels = DATASETS.get("shapes").load(app_config.data).test_labels
    verdicts = set()
    for index in range(12):
        probabilities = seen_by(store, app_config, run, 2, picture_of(app_config, run, index)).probabilities
        said = int(probabilities.argmax())
        text = words(open_page("feature_maps", run=run.id, picture=f"test:{index}"))
        assert f"**{info.classes[said]}** ({100 * probabilities[said]:.1f}" in text
        right = said == labels[index]
        assert ("Right." in text, "Wrong: it is" in text) == (right, not right)
        verdicts.add(right)
    assert False in verdicts


def test_one_map_enlarged_with_its_numbers(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, drawn: Drawn
) -> None:
    """Smallest, largest, mean and share of zeros of the chosen channel, and its own large picture."""
    app = open_page("feature_maps", run=run.id, layer="relu2", channel="9", picture="test:3")
    layer = next(
        one for one in seen_by(store, app_config, run, 2, picture_of(app_config, run, 3)).layers if one.label == "relu2"
    )
    one = layer.maps[9]
    np.testing.assert_array_equal(drawn["map_alone"]["values"], one[np.newaxis])
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Largest"] == f"{one.max():.4f}"
    assert shown["Smallest"] == f"{one.min():.4f}"
    assert shown["Mean"] == f"{one.mean(dtype=np.float64):.4f}"
    assert shown["Zeros"].startswith(f"{100 * (one == 0).mean():.1f}")


@pytest.mark.parametrize("layer", ["conv1", "relu1"])
def test_the_three_scales(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, drawn: Drawn, layer: str
) -> None:
    """The limits hold the largest value of the map, of the layer, of the network; the words say which."""
    app = open_page("feature_maps", run=run.id, layer=layer, picture="test:0")
    everything = seen_by(store, app_config, run, 2, picture_of(app_config, run, 0)).layers
    maps = next(one for one in everything if one.label == layer).maps
    signed = layer == "conv1"
    assert drawn["maps"]["palette"] == ("diverging" if signed else "viridis")
    for scope, size, said in (
        ("layer", float(np.abs(maps).max()), f"All maps of {layer} share one colour scale"),
        ("network", max(float(np.abs(one.maps).max()) for one in everything), "All layers share one colour scale"),
    ):
        app.segmented_control(key="map_scope").set_value(scope).run()
        both_ways = signed or scope == "network"
        assert drawn["maps"]["limits"] == (-size if both_ways else 0.0, size)
        assert drawn["maps"]["palette"] == ("diverging" if both_ways else "viridis")
        assert said in words(app)
        assert f"{size:.3g}" in words(app)
    app.segmented_control(key="map_scope").set_value("map").run()
    sizes = np.abs(maps).max(axis=(1, 2))
    np.testing.assert_allclose(drawn["maps"]["limits"][:, 1], np.where(sizes > 0, sizes, 1.0))
    assert "Each map has a colour scale of its own" in words(app)


def test_choosing_a_test_picture(open_page: OpenPage, app_config: AppConfig, run: Run, drawn: Drawn) -> None:
    """By number, the next, the one before, by class: the address and the canvas follow."""
    labels = np.asarray(DATASETS.get("shapes").load(app_config.data).test_labels)
    classes = DATASETS.get("shapes").info.classes
    app = open_page("feature_maps", run=run.id)
    app.number_input(key="picture_index").set_value(41).run()
    assert app.query_params["picture"] == "test:41"
    app.button(key="picture_on").click().run()
    assert app.query_params["picture"] == "test:42"
    app.button(key="picture_back").click().run()
    assert app.query_params["picture"] == "test:41"
    assert drawn["picture_strip"]["selected"] == 41 % picture.STRIP
    app.selectbox(key="picture_class").set_value(classes[5]).run()
    members = np.flatnonzero(labels == 5)
    assert app.query_params["picture"] == f"test:{members[0]}"
    assert all(classes[5] in label for label in drawn["picture_strip"]["labels"])
    app.button(key="picture_back").click().run()
    assert app.query_params["picture"] == f"test:{members[-1]}"
    app.button(key="picture_any").click().run()
    assert labels[int(app.query_params["picture"].split(":")[1])] == 5
    assert not app.exception


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_own_picture_survives_epochs_pages_and_a_reload(
    open_page: OpenPage, store: Store, app_config: AppConfig, run: Run, drawn: Drawn, kind: str
) -> None:
    """It is sized for the network, stays through every change, and its link opens it in another browser."""
    data = file_of(np.random.default_rng(0).integers(0, 255, (48, 80, 3), dtype=np.uint8), kind)
    app = upload(open_page("feature_maps", run=run.id), "mine.png", data)
    assert not app.exception
    link = app.query_params["picture"]
    assert link.startswith("upload:")
    expected = seen_by(store, app_config, run, 2, fit_to(decode(data).pixels, 32, 3))
    np.testing.assert_array_equal(drawn["maps"]["values"], expected.layers[0].maps)
    assert "80×48" in words(app)
    app.select_slider(key="looking_epoch").set_value(0).run()
    assert app.query_params["picture"] == link
    drawn.clear()
    other = open_page("feature_maps", run=run.id, epoch="2", picture=link)
    assert not other.exception
    np.testing.assert_array_equal(drawn["maps"]["values"], expected.layers[0].maps)


def shape_of_own(app: AppTest, side: int, left: int, top: int) -> None:
    """Choose the square as a person would, one slider after the other."""
    for key, value in (("own_side", side), ("own_left", left), ("own_top", top)):
        app.slider(key=key).set_value(value).run()


def test_the_square_is_chosen(open_page: OpenPage, run: Run, drawn: Drawn) -> None:
    """By three sliders; the network gets that square, and the link has it."""
    pixels = np.random.default_rng(0).integers(0, 255, (48, 80, 3), dtype=np.uint8)
    app = upload(open_page("feature_maps", run=run.id), "mine.png", file_of(pixels, "PNG"))
    shape_of_own(app, 50, 100, 0)
    assert not app.exception
    assert app.query_params["picture"].endswith("-80x48~50-100-0")
    seen = (fit_to(pixels[:24, 56:], 32, 3).astype(np.float32) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(drawn["network_input"]["values"][0], seen, atol=1e-6)
    drawn.clear()
    other = open_page("feature_maps", run=run.id, picture=app.query_params["picture"])
    assert not other.exception
    np.testing.assert_allclose(drawn["network_input"]["values"][0], seen, atol=1e-6)


def test_the_size_of_a_photograph_is_its_own(open_page: OpenPage, run: Run) -> None:
    """Three thousand by four thousand, though fewer pixels are kept; and what the answer cannot be is said."""
    photograph = io.BytesIO()
    Image.new("RGB", (3_000, 4_000), "green").save(photograph, "JPEG")
    app = upload(open_page("feature_maps", run=run.id), "IMG_1.jfif", photograph.getvalue())
    assert "3000×4000 pixels" in words(app)
    assert "It can only answer with one of its 10 classes, whatever the picture shows" in words(app)


@pytest.mark.parametrize("size", [(3_000, 10), (10, 3_000), (5_000, 1), (1, 1)])
def test_a_picture_of_a_few_lines_is_shown(open_page: OpenPage, run: Run, size: tuple[int, int]) -> None:
    """Streamlit draws no picture that is less than a pixel high, which one of 3000×10 would be."""
    app = upload(
        open_page("feature_maps", run=run.id), "line.png", file_of(np.zeros((*size[::-1], 3), np.uint8), "PNG")
    )
    assert not app.exception
    assert f"{size[0]}×{size[1]} pixels" in words(app)


def test_an_own_picture_stays_after_next(open_page: OpenPage, run: Run, drawn: Drawn) -> None:
    """First in the strip, one click away, and in no link to another picture."""
    data = file_of(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8), "PNG")
    app = upload(open_page("feature_maps", run=run.id), "mine.png", data)
    app.button(key="picture_on").click().run()
    assert app.query_params["picture"].startswith("test:")
    strip = drawn["picture_strip"]
    assert (strip["labels"][0], len(strip["labels"]), strip["selected"]) == ("uploaded", picture.STRIP, 1)
    assert "own" not in app.query_params
    open_page("feature_maps", **dict(app.query_params))
    assert drawn["picture_strip"]["labels"][0] != "uploaded"
    assert len(drawn["picture_strip"]["labels"]) == picture.STRIP


def test_an_own_picture_has_one_name_wherever_it_is_opened(open_page: OpenPage, run: Run, drawn: Drawn) -> None:
    """Here, after a reload, and by a link: nobody can tell whose it is, so that it is called what is known."""
    data = file_of(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8), "PNG")
    mine = upload(open_page("feature_maps", run=run.id), "mine.png", data)
    assert drawn["picture_strip"]["labels"][0] == "uploaded"
    assert "The uploaded picture, 40×40 pixels" in words(mine)
    other = open_page("feature_maps", **dict(mine.query_params))
    assert drawn["picture_strip"]["labels"][0] == "uploaded"
    assert "The uploaded picture, 40×40 pixels" in words(other)
    other.button(key="picture_on").click().run()
    assert other.query_params["picture"].startswith("test:")
    assert drawn["picture_strip"]["labels"][0] == "uploaded"
    assert f"upload:{other.session_state['own_last']}" == mine.query_params["picture"]


@pytest.fixture
def on_black(open_page: OpenPage, insert_run: Callable[..., Run], without_datasets: None) -> AppTest:
    """The page of a network that was trained on Fashion-MNIST, whose pictures are light on black."""
    return open_page(
        "feature_maps", run=insert_run(RunStatus.STOPPED, epochs=1, weights=True, dataset="Fashion-MNIST").id
    )


def test_a_dark_drawing_is_inverted_on_a_click(on_black: AppTest, drawn: Drawn) -> None:
    """Said, offered, and then light on dark; a drawing that is so already gets no hint."""
    paper = np.full((56, 56, 3), 255, np.uint8)
    paper[20:36, 20:36] = 0
    app = upload(on_black, "drawing.png", file_of(paper, "PNG"))
    assert not app.exception
    assert "have a black background. This picture has the opposite" in words(app)
    app.button(key="own_invert").click().run()
    assert app.query_params["picture"].endswith("~inverted")
    assert app.toggle(key="own_inverted").value
    assert drawn["network_input"]["values"][0, 0, 0, 0] == -1.0
    assert "has the opposite" not in words(app)


def test_a_picture_that_was_inverted_by_mistake_is_taken_as_it_is(on_black: AppTest, drawn: Drawn) -> None:
    """Light on dark, then inverted: the captions and the button say which of the two is which."""
    chalk = np.zeros((56, 56, 3), np.uint8)
    chalk[20:36, 20:36] = 255
    app = upload(on_black, "chalk.png", file_of(chalk, "PNG"))
    app.toggle(key="own_inverted").set_value(True).run()
    captions = [caption for image in app.get("image") for caption in image.captions if caption]
    assert captions == ["inverted", "as it is"]
    button = app.button(key="own_invert")
    assert button.label == "Use it as it is"
    button.click().run()
    assert not app.query_params["picture"].endswith("~inverted")
    assert drawn["network_input"]["values"][0, 0, 0, 0] == -1.0


def test_transparent_parts_are_black_for_a_set_on_black(on_black: AppTest, drawn: Drawn) -> None:
    """And the page says so."""
    clear = np.zeros((40, 40, 4), np.uint8)
    clear[10:30, 10:30] = 255
    app = upload(on_black, "sticker.webp", file_of(clear, "WEBP"))
    assert "transparent parts are filled with black, as in the training pictures" in words(app)
    assert drawn["network_input"]["values"][0, 0, 0, 0] == -1.0


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x89PNG\r\n\x1a\n" + b"0" * 100, b"<svg/>", b"GIF89a" + b"0" * 5])
def test_a_file_that_is_no_picture(open_page: OpenPage, run: Run, data: bytes) -> None:
    """One sentence, which a redraw of the page does not take away; the picture before it stays."""
    app = upload(open_page("feature_maps", run=run.id, picture="test:4"), "x.png", data)
    assert not app.exception
    assert len(app.error) == 1
    app.run()  # a run in training redraws the page at each epoch
    assert len(app.error) == 1
    good = upload(app, "x.png", file_of(np.zeros((8, 8, 3), np.uint8), "PNG"))
    assert not good.error
    app = upload(open_page("feature_maps", run=run.id, picture="test:4"), "x.png", data)
    assert app.query_params["picture"] == "test:4"


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        ("test:999999", "has the test pictures 0 to"),
        ("test:-1", "has the test pictures 0 to"),
        ("test:", "has the test pictures 0 to"),
        ("nonsense", "has the test pictures 0 to"),
        ("upload:" + "0" * 32, "no longer kept"),
        ("upload:../../etc/passwd", "no longer kept"),
    ],
)
def test_a_stale_picture(open_page: OpenPage, run: Run, picture: str, sentence: str) -> None:
    """One sentence and the first test picture."""
    app = open_page("feature_maps", run=run.id, picture=picture)
    assert not app.exception
    assert sentence in words(app)
    assert app.query_params["picture"] == "test:0"


def test_the_view_is_the_same_on_both_pages(open_page: OpenPage, run: Run) -> None:
    """Run and epoch chosen on one page are those of the other, opened by the sidebar; relu2 becomes its conv2."""
    app = open_page("feature_maps", run=run.id, epoch="1", layer="relu2", channel="3", picture="test:5")
    app.query_params.clear()  # as the sidebar's links do
    app.switch_page(str(PAGES / "kernels.py")).run()
    assert not app.exception
    view = {"run": run.id, "epoch": "1", "channel": "3", "picture": "test:5", "input": "0"}
    assert app.query_params == view | {"layer": "conv2"}
    app.query_params.clear()
    app.switch_page(str(PAGES / "feature_maps.py")).run()
    assert app.query_params == view | {"layer": "conv2"}


def test_two_browsers_do_not_disturb_each_other(open_page: OpenPage, run: Run, drawn: Drawn) -> None:
    """Each has its own epoch and picture, though the arrays come from one cache."""
    mine = open_page("feature_maps", run=run.id, epoch="1", picture="test:1")
    first = drawn["maps"]["values"].copy()
    drawn["maps"]["values"][:] = 0  # whatever one session does to its arrays
    other = open_page("feature_maps", run=run.id, epoch="2", picture="test:2")
    mine.run()
    np.testing.assert_array_equal(drawn["maps"]["values"], first)
    assert (mine.query_params["epoch"], other.query_params["epoch"]) == ("1", "2")


def test_a_damaged_epoch_leaves_the_others(open_page: OpenPage, store: Store, run: Run) -> None:
    """The sentence names the epoch; the slider goes on to a sound one."""
    store.path(store.weights(run.id)[1]).write_bytes(b"garbage")
    app = open_page("feature_maps", run=run.id, epoch="1")
    assert not app.exception
    assert "Epoch 1 of" in app.error[0].value
    app.select_slider(key="looking_epoch").set_value(2).run()
    assert not app.error
    assert not app.exception


def test_weights_that_are_no_numbers(open_page: OpenPage, store: Store, insert_run: Callable[..., Run]) -> None:
    """A network that has broken down can still be looked into, on both pages."""
    run = insert_run(RunStatus.RUNNING, epochs=1, weights=True)
    newest = store.weights(run.id)[-1]
    tensors, meta = checkpoints.read(store.path(newest), newest)
    broken = {name: torch.full_like(tensor, torch.nan) for name, tensor in tensors.items()}
    file = checkpoints.write(store.path(newest), broken, meta)
    store.commit(run.id, [], [replace(newest, sha256=file.sha256)])
    for page in ("feature_maps", "kernels"):
        app = open_page(page, run=run.id, epoch="1")
        assert not app.exception
        assert not app.error


def test_a_damaged_database_is_said(open_page: OpenPage, app_config: AppConfig) -> None:
    """Garbage where the runs should be: a sentence, no traceback."""
    app_config.home.mkdir(parents=True, exist_ok=True)
    (app_config.home / "runs.db").write_bytes(b"garbage" * 1000)
    app = open_page("feature_maps")
    assert not app.exception
    assert app.error


@pytest.mark.usefixtures("without_datasets")
def test_without_the_test_set_an_own_picture_will_do(
    open_page: OpenPage, insert_run: Callable[..., Run], drawn: Drawn
) -> None:
    """Fashion-MNIST not on this machine: said, nothing is downloaded, and a grey network takes a colour picture."""
    run = insert_run(RunStatus.STOPPED, epochs=1, weights=True, dataset="Fashion-MNIST")
    app = open_page("feature_maps", run=run.id)
    assert not app.exception
    assert "not on this machine" in words(app)
    data = file_of(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8), "PNG")
    upload(app, "mine.png", data)
    assert not app.exception
    grey = fit_to(decode(data).pixels, 28, 1).astype(np.float32)
    np.testing.assert_allclose(
        drawn["network_input"]["values"][0], np.repeat((grey / 255 - 0.5) / 0.5, 3, axis=2), rtol=1e-6
    )


@pytest.mark.parametrize("architecture", ["ResNet", "VGGishCNN"])
def test_every_layer_of_the_larger_networks(
    open_page: OpenPage, insert_run: Callable[..., Run], drawn: Drawn, architecture: str
) -> None:
    """Every fifth button of a long strip opens its layer."""
    run = insert_run(epochs=0, weights=True, architecture=architecture, normalisation="dataset")
    app = open_page("feature_maps", run=run.id)
    strip = next(one for one in app.segmented_control if one.label == "Layer")
    assert len(strip.options) > 8
    for option in list(strip.options)[::5]:
        label = option.removeprefix("▸ ")
        app.segmented_control(key=strip.key).set_value(label).run()
        assert not app.exception
        assert app.query_params["layer"] == label
        assert np.isfinite(drawn["maps"]["values"]).all()


def test_scores_in_fewer_digits_are_said(run: Run) -> None:
    """A run that was computed in bfloat16 beside maps in float32; a run of which nothing is known says nothing."""
    for environment, said in (
        ({"plan": {"precision": "bfloat16"}}, True),
        ({"plan": {"precision": "float32"}}, False),
        ({"plan": "nonsense"}, False),
        ({}, False),
    ):
        assert feature_maps.computed_shorter(replace(run, environment=environment)) is said
