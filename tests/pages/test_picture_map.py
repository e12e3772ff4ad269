"""The maps of the Predictions page: what is drawn is what was measured, a picture has its place, and a link holds it all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.view import VIEWS, Subject
from cnnlab.dashboard.picture_map import card, plane
from cnnlab.dashboard.picture_map.page import read
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data import DATASETS
from cnnlab.formatting import percent, tenths
from cnnlab.inspection import kept_arrays
from cnnlab.inspection.picture_map import tsne, turning
from cnnlab.inspection.picture_map.features import features_of
from cnnlab.inspection.picture_map.pca import PcaMap
from cnnlab.inspection.picture_map.tsne import TsneMap
from cnnlab.runs import Run, Store
from cnnlab.views import __main__ as process
from tests.page_driver import words
from tests.pages.test_predictions_page import subject_of

OpenPage = Callable[..., AppTest]
CLASSES = DATASETS.get("shapes").info.classes


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """SimpleCNN on shapes with a small validation set and the weights of epochs 0 to 2."""
    return insert_run(epochs=2, weights=True, validation_size=60)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the browser was sent for the plane, and what the tiles of the card were given."""
    found: dict[str, Any] = {}
    original = plane._plane

    def send(**arguments: Any) -> Any:
        found.update(arguments["data"])
        return original(**arguments)

    def draw(**arguments: Any) -> Any:
        found[arguments["key"]] = arguments
        return tiles(**arguments)

    monkeypatch.setattr(plane, "_plane", send)
    monkeypatch.setattr(card, "tiles", draw)
    return found


def pca_of(store: Store, run: Run, epoch: int) -> tuple[Subject, PcaMap]:
    """The map that a page shows, computed apart."""
    subject, view = subject_of(store, run, epoch, "validation"), VIEWS.get("map_pca")
    return subject, view.compute(subject.only(view.needs))


def columns(drawn: dict[str, Any]) -> dict[str, np.ndarray]:
    """The table of points that the browser was sent."""
    return {name: drawn["points"][name].to_numpy() for name in drawn["points"].column_names}


def test_the_points_are_the_arrays(open_page: OpenPage, store: Store, run: Run, drawn: dict[str, Any]) -> None:
    """A small set is there without a click: places, classes, answers, how sure; the sentences say the same numbers."""
    subject, found = pca_of(store, run, 2)
    app = open_page("predictions", run=run.id, view="map_pca")
    assert not app.exception
    sent, said = columns(drawn), Predictions.of(found.labels, found.logits)
    np.testing.assert_array_equal(np.stack([sent["x"], sent["y"]], axis=1), found.points)
    np.testing.assert_array_equal(sent["label"], subject.pictures().labels)
    np.testing.assert_array_equal(sent["said"], said.predicted)
    np.testing.assert_array_equal(sent["number"], subject.pictures().places)
    np.testing.assert_allclose(sent["sure"], [tenths(float(share)) for share in said.probability], rtol=1e-6)
    text = words(app)
    assert (
        "All 60 **validation** pictures, at epoch 2, eval mode: each placed by the 84 numbers that go into **fc3**"
        in text
    )
    assert f"component 1, **{percent(found.shares[0])}**".replace("\u202f", " ") in text
    assert f"**{percent(found.kinship.mean())}** of a picture's 12 nearest".replace("\u202f", " ") in text
    table = app.dataframe[0].value
    for index, name in enumerate(CLASSES):
        mine = found.labels == index
        for [row] in [table[table["Class"] == name].to_dict("records")] if mine.any() else []:
            assert row["Pictures"] == mine.sum()
            assert row["Own class near, %"] == tenths(float(found.kinship[mine].mean()))
            assert row["Middle, component 1"] == pytest.approx(found.points[mine, 0].mean(), abs=1e-3)


def test_a_picture_of_the_set_has_its_own_point(
    open_page: OpenPage, store: Store, run: Run, drawn: dict[str, Any]
) -> None:
    """Its class, what the network says of it, and the pictures whose features are nearest, worked out by NumPy."""
    subject, found = pca_of(store, run, 2)
    pictures, point = subject.pictures(), 7
    key = f"train:{pictures.places[point]}"
    app = open_page("predictions", run=run.id, view="map_pca", picture=key)
    assert not app.exception
    assert (drawn["chosen"], drawn["placed"]) == (point, None)
    distances = np.linalg.norm(found.features.astype(float) - found.features[point], axis=1)
    near = distances.argsort(kind="stable")[1:13]
    shown = drawn["picture_map_neighbours"]
    np.testing.assert_array_equal(shown["values"], pictures.images[pictures.places[near]])
    answer = CLASSES[found.said.predicted[point]]
    assert f"It is **{CLASSES[found.labels[point]]}**, " in words(app)
    assert f"the network says **{answer}**, {percent(float(found.said.probability[point]))} sure".replace(
        "\u202f", " "
    ) in words(app)
    assert app.number_input(key="picture_map_number").value == point
    app.number_input(key="picture_map_number").set_value(9).run()
    assert not app.exception
    assert drawn["chosen"] == 9
    assert app.query_params["picture"] == f"train:{pictures.places[9]}"
    shown["on_pick"]


def test_another_picture_is_placed(open_page: OpenPage, store: Store, run: Run, drawn: dict[str, Any]) -> None:
    """A test picture on the map of the validation pictures: projected by the same axes."""
    subject, found = pca_of(store, run, 2)
    app = open_page("predictions", run=run.id, view="map_pca", picture="test:4")
    assert not app.exception
    image = DATASETS.get("shapes").load(store.app_config.data).test_images[[4]]
    with subject.network() as network:
        features = features_of(network, image, np.zeros(1, np.int64), *subject.normalisation).features[0]
    expected = (features - found.features.mean(axis=0, dtype=float)) @ found.axes.T
    assert drawn["chosen"] is None
    assert [drawn["placed"]["x"], drawn["placed"]["y"]] == pytest.approx(expected, rel=1e-4)
    assert "It is none of the map's pictures" in words(app)
    np.testing.assert_array_equal(drawn["picture_map_chosen"]["values"][0], image[0])


def test_epochs_lie_alike(open_page: OpenPage, store: Store, run: Run, drawn: dict[str, Any]) -> None:
    """An earlier epoch is turned by the quarter turn that brings it nearest to the newest; the axes keep their names."""
    (_, first), (_, last) = pca_of(store, run, 1), pca_of(store, run, 2)
    app = open_page("predictions", run=run.id, view="map_pca", epoch="1")
    sent = columns(drawn)
    shown = np.stack([sent["x"], sent["y"]], axis=1)
    nearest = min(
        (first.points @ turn.T for turn in turning.QUARTERS),
        key=lambda places: np.square(places - places.mean(0) - last.points + last.points.mean(0)).sum(),
    )
    np.testing.assert_allclose(shown, nearest, rtol=1e-6)
    assert "to lie as at epoch 2" in words(app)
    for axis, name in enumerate(drawn["axes"]):
        component = int(name.split()[-1]) - 1
        np.testing.assert_allclose(np.abs(shown[:, axis]), np.abs(first.points[:, component]))


def test_the_link_holds_what_is_shown(open_page: OpenPage, run: Run, drawn: dict[str, Any]) -> None:
    """Only the wrong ones, and some classes hidden; nonsense in the address is no trouble."""
    app = open_page("predictions", run=run.id, view="map_pca", show="wrong", hidden="5")
    assert not app.exception
    assert drawn["wrongOnly"]
    assert drawn["hidden"] == [0, 2]
    assert (app.query_params["show"], app.query_params["hidden"]) == ("wrong", "5")
    for nonsense in ("zz", "-1", "f" * 60, "0x1"):
        app = open_page("predictions", run=run.id, view="map_pca", hidden=nonsense, show="nothing", picture="test:no")
        assert not app.exception
        assert drawn["hidden"] == []
        assert not drawn["wrongOnly"]
        text = words(app)
        assert "Pick a point" in text
        for sentence in ("no picture “test:no”", f"no classes to hide by “{nonsense}”", "nothing to show by “nothing”"):
            assert sentence in text


def test_tsne_is_measured_beside_the_page(
    open_page: OpenPage, store: Store, run: Run, drawn: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """First an offer; kept by the process; then every picture has the place that was kept, and says how it came there."""
    monkeypatch.setattr(tsne, "EARLY", 20)
    monkeypatch.setattr(tsne, "LATE", 20)
    app = open_page("predictions", run=run.id, view="map_tsne", picture="test:4")
    assert not app.exception
    assert app.button(key="measured_ask").label == "Measure: 60 pictures"
    view, subject = VIEWS.get("map_tsne"), subject_of(store, run, 2, "validation")
    assert process.main(list(measured.arguments_of(view, subject))) == 0
    found = measured.find(store.app_config, view, subject)
    assert isinstance(found, TsneMap)
    monkeypatch.setattr(tsne, "installed", lambda: False)  # what is kept is drawn all the same
    app = open_page("predictions", run=run.id, view="map_tsne", picture="test:4")
    assert not app.exception
    sent = columns(drawn)
    np.testing.assert_array_equal(np.stack([sent["x"], sent["y"]], axis=1), found.points)
    assert drawn["axes"] == []
    text = words(app)
    assert "the median of the places of its 15 nearest" in text
    assert f"perplexity {found.perplexity[0]:.3g}" in text
    members, _, seen = read(subject)
    np.testing.assert_array_equal(members, found.members)
    np.testing.assert_array_equal(seen.features, found.features)


def test_without_the_extra_there_is_one_command(
    open_page: OpenPage, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page names the file that installs it, and offers no button; the process refuses with the same sentence."""
    monkeypatch.setitem(__import__("sys").modules, "openTSNE", None)
    assert not tsne.installed()
    app = open_page("predictions", run=run.id, view="map_tsne")
    assert not app.exception
    [command] = [one.value for one in app.info]
    assert "`pip install -r requirements-tsne.txt`" in command
    assert (Path(__file__).parents[2] / "requirements-tsne.txt").is_file()
    assert not [one for one in app.button if one.key == "measured_ask"]
    view, subject = VIEWS.get("map_tsne"), subject_of(store, run, 2, "validation")
    assert process.main(list(measured.arguments_of(view, subject))) == 1
    assert kept_arrays.read(measured.path_of(store.app_config, view, subject), TsneMap) is None


def test_a_large_set_is_looked_at_in_part(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evenly spread, the same ones at every epoch and on both maps; a picture between them has no point of its own."""
    monkeypatch.setattr("cnnlab.dashboard.picture_map.page.PICTURES", 20)
    for epoch in (0, 2):
        _, found = pca_of(store, run, epoch)
        np.testing.assert_array_equal(found.members, np.arange(20) * 3)
        assert found.point_of(4) is None
