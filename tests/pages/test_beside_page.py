"""Another epoch or another run stands beside: every view twice, on one scale, with what differs named and subtracted."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import streamlit as st

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.beside import difference
from cnnlab.dashboard.inspect.selection import KeptWeights, Other
from cnnlab.dashboard.inspect.subject import Subject
from cnnlab.dashboard.inspect.view import VIEWS
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets import tiles
from cnnlab.data import DATASETS
from cnnlab.inspection import kept_arrays
from cnnlab.inspection.channels import activation_maximisation
from cnnlab.inspection.channels.matching import Matching
from cnnlab.inspection.kernels import kernels_of
from cnnlab.inspection.summary import summarise
from cnnlab.runs import Run, Store
from cnnlab.views import __main__ as process
from cnnlab.views import feature_maps as maps_view
from cnnlab.views import kernels as kernels_view
from tests.page_driver import OpenPage, behind_router, click, fill, words

OPTIONS = {"lesions": (("lesion", "silence:each"),)}
"""What the choosers of a view say before anybody has touched them."""
INFO = DATASETS.get("shapes").info
Drawn = dict[str, dict[str, Any]]
MakeRun = Callable[..., Run]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What was last handed to each canvas, by its key on its side."""
    calls: Drawn = {}
    original = tiles.tiles

    def note(**arguments: Any) -> int | None:
        calls[side.key(arguments["key"])] = arguments
        return original(**arguments)

    for module in (tiles, difference, kernels_view, maps_view):
        monkeypatch.setattr(module, "tiles", note)
    return calls


@pytest.fixture
def run(insert_run: MakeRun) -> Run:
    """SimpleCNN with the weights of epochs 0 to 2."""
    return insert_run(epochs=2, weights=True, name="First", validation_size=40)


@pytest.fixture
def other(insert_run: MakeRun, run: Run) -> Run:
    """Another such run, of other settings."""
    return insert_run(epochs=2, weights=True, name="Second", seed=7, dropout=0.25, validation_size=40)


def kernels_at(store: Store, run: Run, epoch: int, layer: str) -> np.ndarray:
    """The kernels as they lie in the checkpoint."""
    weights = next(file for file in store.weights(run.id) if file.epoch == epoch)
    return kernels_of(store.path(weights), weights, summarise(run.config, INFO))[layer]


def subject_at(app_config: AppConfig, store: Store, run: Run, epoch: int, **chosen: Any) -> Subject:
    """What a view is given for an epoch of a run, which keeps all of them."""
    saved = [KeptWeights(file.epoch, store.path(file), file) for file in store.weights(run.id)]
    now = saved[epoch]
    kept = {**chosen, "start": saved[0], "history": tuple(saved)}
    return Subject(run.config, INFO, app_config.data, now.path, now.file, now.epoch, **kept)


def keep(app_config: AppConfig, subject: Subject, view: str) -> Any:
    """Have the answer of a view of a whole set on the disk, as the process beside the page leaves it."""
    found = VIEWS.get(view).compute(subject.only(VIEWS.get(view).needs))
    kept_arrays.write(measured.path_of(app_config, VIEWS.get(view), subject), found)
    return found


def test_every_view_stands_twice(
    open_page: OpenPage, app_config: AppConfig, store: Store, insert_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without two widgets of one key; the address names what is beside, and the head of each side whose it is."""
    monkeypatch.setattr(activation_maximisation, "STEPS", 2)
    settings: dict[str, Any] = {"validation_size": 40, "batch_norm": True, "dropout": 0.25}  # each kind of layer
    run, other = (insert_run(epochs=2, weights=True, name=name, **settings) for name in ("First", "Second"))
    rows = summarise(run.config, INFO)
    app = behind_router()
    for view in VIEWS:
        if "beside" in view.needs or view.page == "data":  # a view of the Data page looks at no network
            continue
        layer = next(row for row in rows if view.layers.among(row))
        for one, epoch in ((run, 2), (other, 1)):
            chosen = {"layer": layer.name, "channel": 0, "set": "validation", "options": OPTIONS.get(view.name, ())}
            subject = subject_at(app_config, store, one, epoch, **chosen)
            if not view.in_a_page(subject):
                keep(app_config, subject, view.name)
        asked = {"layer": layer.label, "set": "validation", "beside": f"{other.id}:1"}
        app = open_page(view.page, app, run=run.id, view=view.name, **asked)
        assert not app.exception, view.name
        assert app.query_params["beside"] == f"{other.id}:1"
        assert "First · epoch 2" in words(app)
        assert "Second · epoch 1" in words(app)
        assert "This has not been measured" not in words(app), view.name


def test_kernels_of_two_epochs(open_page: OpenPage, store: Store, run: Run, drawn: Drawn) -> None:
    """Each side has its own numbers, both have one scale, and the difference is left minus right, to the last bit."""
    app = open_page("kernels", run=run.id, epoch="2", beside="0", layer="conv1")
    assert not app.exception
    now, start = (np.moveaxis(kernels_at(store, run, epoch, "base.conv1"), 1, -1) for epoch in (2, 0))
    np.testing.assert_array_equal(drawn["kernels"]["values"], now)
    np.testing.assert_array_equal(drawn["kernels_beside"]["values"], start)
    size = float(max(np.abs(now).max(), np.abs(start).max()))
    assert drawn["kernels"]["limits"] == drawn["kernels_beside"]["limits"] == (-size, size)
    assert "One scale for these three, of this side alone" in words(app)
    away = drawn["kernels_difference"]
    np.testing.assert_array_equal(away["values"], now - start)
    assert away["limits"] == (-np.abs(now - start).max(), np.abs(now - start).max())
    assert away["palette"] == "diverging"
    text = words(app)
    assert "**First · epoch 2** minus **First · epoch 0**" in text
    assert f"{np.abs(now - start).max():.3g}, the largest difference" in text
    assert "they differ in the epoch alone" in text
    assert "number their channels by chance" not in text


def test_one_input_channel_counts_for_both(open_page: OpenPage, store: Store, run: Run, drawn: Drawn) -> None:
    """The chooser stands once."""
    app = open_page("kernels", run=run.id, epoch="2", beside="0", layer="conv2", input="3")
    assert not app.exception
    now, start = (kernels_at(store, run, epoch, "base.conv2")[:, 3] for epoch in (2, 0))
    np.testing.assert_array_equal(drawn["kernels_beside"]["values"], start)
    np.testing.assert_array_equal(drawn["kernels_difference"]["values"], now - start)
    assert [slider.key for slider in app.slider] == ["kernel_input"]


@pytest.mark.parametrize("scope", ["map", "layer", "network"])
def test_feature_maps_of_two_runs(
    scope: str, open_page: OpenPage, app_config: AppConfig, store: Store, run: Run, other: Run, drawn: Drawn
) -> None:
    """The same picture through both; one scale, whatever it is for; the difference is exact, and by number."""
    app = open_page("feature_maps", run=run.id, beside=f"{other.id}:2", layer="conv2", picture="test:5")
    app.segmented_control(key="map_scope").set_value(scope).run()
    assert not app.exception
    picture = DATASETS.get("shapes").load(app_config.data).test_images[5]
    mine, theirs = (
        VIEWS.get("feature_maps").compute(subject_at(app_config, store, one, 2, picture=picture))
        for one in (run, other)
    )
    first, second = (next(one.maps for one in seen.layers if one.name == "base.conv2") for seen in (mine, theirs))
    np.testing.assert_array_equal(drawn["maps"]["values"], first)
    np.testing.assert_array_equal(drawn["maps_beside"]["values"], second)
    np.testing.assert_array_equal(drawn["maps_difference"]["values"], first - second)
    np.testing.assert_array_equal(drawn["maps"]["limits"], drawn["maps_beside"]["limits"])
    assert drawn["maps"]["palette"] == drawn["maps_beside"]["palette"]
    low, high = np.array(drawn["maps"]["limits"]).T
    assert low.min() <= min(first.min(), 0 if first.min() >= 0 else second.min())
    assert high.max() >= max(first.max(), second.max())
    assert "number their channels by chance" in words(app)
    assert len([one for one in app.segmented_control if one.key == "map_scope"]) == 1


def test_the_settings_that_differ_are_named(open_page: OpenPage, run: Run, other: Run) -> None:
    """And no others; their values stand in a table. The accuracies of both epochs say their set."""
    app = open_page("feature_maps", run=run.id, epoch="2", beside=f"{other.id}:1")
    (line,) = (one.label for one in app.expander if "differ" in one.label)
    assert line.replace("\\", "") == "2 settings differ: dropout, seed"
    (table,) = (one.value for one in app.table)
    assert table.index.tolist() == ["Dropout", "Seed"]
    assert [value.replace("\\", "") for value in table["Second"]] == ["0.25", "7"]
    assert "**Epoch 1** of 2 · train sample" in words(app)


def test_the_control_in_the_bar(open_page: OpenPage, run: Run, other: Run, insert_run: MakeRun) -> None:
    """Nothing, this run, and the others of the same pictures; a run comes with its best epoch, which can be changed."""
    cifar = insert_run(epochs=1, weights=True, name="Colours", dataset="CIFAR-10")
    app = open_page("kernels", run=run.id)
    chooser = app.selectbox(key="beside_run")
    assert chooser.options == ["nothing", "another epoch of this run", "Second"]
    fill(app, beside_run=other.id)
    assert app.query_params["beside"] == f"{other.id}:{other.best_epoch}"
    fill(app, beside_epoch=0)
    assert app.query_params["beside"] == f"{other.id}:0"
    fill(app, beside_run=run.id)
    assert app.query_params["beside"] == "0"  # the best epoch stands on the page itself
    fill(app, beside_run="")
    assert "beside" not in app.query_params
    assert cifar.name not in words(app)


def test_a_run_of_other_pictures_is_refused(open_page: OpenPage, run: Run, insert_run: MakeRun) -> None:
    """It is said, the page shows the run alone, and the address forgets the other."""
    cifar = insert_run(epochs=1, weights=True, name="Colours", dataset="CIFAR-10")
    app = open_page("kernels", run=run.id, beside=f"{cifar.id}:1")
    assert not app.exception
    assert "Colours was trained on CIFAR-10, and First on shapes" in words(app)
    assert "beside" not in app.query_params


@pytest.mark.parametrize(
    ("asked", "said", "stands"),
    [
        ("1", "", "1"),
        ("77", "Epoch 77 of First is not kept. Beside stands epoch 2", "2"),
        ("gone:1", "It may have been deleted", None),
        ("<b>", "names no epoch to put beside", "0"),
        (":", "", "0"),
    ],
)
def test_what_an_address_may_ask(asked: str, said: str, stands: str | None, open_page: OpenPage, run: Run) -> None:
    """A wrong value gets a sentence, and the nearest thing that there is."""
    app = open_page("kernels", run=run.id, epoch="2", beside=asked)
    assert not app.exception
    assert said in words(app)
    assert bool(said) == bool(app.warning)
    assert dict(app.query_params).get("beside") == stands


def test_a_network_without_the_layer(open_page: OpenPage, run: Run, insert_run: MakeRun) -> None:
    """It says so and offers the layers that both have; one click goes to such a layer."""
    normalised = insert_run(epochs=1, weights=True, name="Normalised", batch_norm=True)
    app = open_page("feature_maps", run=normalised.id, beside=f"{run.id}:2", layer="bn1")
    assert not app.exception
    assert "no layer bn1 to show here" in words(app)
    click(app, "beside_layer_conv2")
    assert app.query_params["layer"] == "conv2"
    assert "The difference" in words(app)


def test_layers_of_other_sizes(open_page: OpenPage, run: Run, insert_run: MakeRun) -> None:
    """What is of another size stands side by side, and is not subtracted."""
    residual = insert_run(epochs=1, weights=True, name="Residual", architecture="ResNet")
    app = open_page("kernels", run=run.id, beside=f"{residual.id}:1", layer="conv1")
    assert not app.exception
    assert "are 6×3×5×5 numbers in one network and 32×3×3×3 in the other" in words(app)


def test_a_view_of_all_epochs_stands_once(open_page: OpenPage, run: Run) -> None:
    """Beside another epoch of the same run it would be the same twice."""
    app = open_page("kernels", run=run.id, view="movement", beside="0")
    assert not app.exception
    assert "shows all epochs of the run at once" in words(app)
    assert words(app).count("when kernel 0 moved") == 1


def test_the_answers_to_the_same_pictures(
    open_page: OpenPage, app_config: AppConfig, store: Store, run: Run, other: Run
) -> None:
    """Accuracies, who is right alone, and the matrix: left minus right, cell by cell."""
    mine, theirs = (
        keep(app_config, subject_at(app_config, store, one, 2, set="test"), "confusion") for one in (run, other)
    )
    app = open_page("predictions", run=run.id, beside=f"{other.id}:2", set="test")
    assert not app.exception
    text = words(app)
    alone = int((mine.right & ~theirs.right).sum()), int((theirs.right & ~mine.right).sum())
    assert f"by First · epoch 2 alone: {alone[0]}; by Second · epoch 2 alone: {alone[1]}" in text
    tables = [one.value for one in app.dataframe if one.value.shape == (len(INFO.classes),) * 2]
    np.testing.assert_array_equal(tables[-1].to_numpy(), tables[0].to_numpy() - tables[1].to_numpy())
    app = open_page("predictions", app, run=run.id, beside=f"{other.id}:2", set="test", view="each_class")
    assert not app.exception
    (table,) = (one.value for one in app.dataframe if "Left, %" in one.value)
    np.testing.assert_allclose(table["Difference"], table["Left, %"] - table["Right, %"], atol=0.11)


def test_other_pictures_are_not_subtracted(
    open_page: OpenPage, app_config: AppConfig, store: Store, run: Run, other: Run
) -> None:
    """The seed also draws the validation set: the two sets hold other pictures, which is said."""
    for one in (run, other):
        keep(app_config, subject_at(app_config, store, one, 2, set="validation"), "confusion")
    app = open_page("predictions", run=run.id, beside=f"{other.id}:2", set="validation")
    assert not app.exception
    assert "have other validation pictures" in words(app)
    assert "Answered right by" not in words(app)


def test_matched_channels(open_page: OpenPage, app_config: AppConfig, store: Store, run: Run, other: Run) -> None:
    """Without a network beside it says what to do; with one the table holds the pairs, and a row is a channel."""
    app = open_page("kernels", run=run.id, view="matched")
    assert "Choose the second one with the button Beside" in words(app)
    there = subject_at(app_config, store, other, 1)
    assert there.weights is not None
    assert there.file is not None
    beside = Other(other.config, there.weights, there.file)
    subject = subject_at(app_config, store, run, 2, set="validation", layer="base.conv1", beside=beside)
    assert process.main(list(measured.arguments_of(VIEWS.get("matched"), subject))) == 0
    answer = measured.find(app_config, VIEWS.get("matched"), subject)
    assert isinstance(answer, Matching)
    np.testing.assert_array_equal(answer.correlation, VIEWS.get("matched").compute(subject).correlation)
    st.cache_data.clear()
    app = open_page("kernels", app, run=run.id, view="matched", beside=f"{other.id}:1", layer="conv1", channel="4")
    assert not app.exception
    (table,) = (one.value for one in app.dataframe if "Partner" in one.value)
    np.testing.assert_array_equal(np.sort(table["Channel"]), np.arange(6))
    for row in table.itertuples(index=False):
        assert row.r == answer.correlation[row.Channel, row.Partner]
    assert f"r = {answer.alike.mean():.2f}".replace("-", "−") in words(app)
