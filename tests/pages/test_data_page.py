"""The Data page: its counts and pictures are the dataset's, with a run or without, and a wrong address gets a sentence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from cnnlab import checkpoints
from cnnlab.analysis.pictures.channels import ChannelCounts, count_values
from cnnlab.analysis.pictures.duplicates import Alike
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.view import VIEWS, Subject
from cnnlab.dashboard.state import query_params
from cnnlab.data import DATASETS, Arrays
from cnnlab.data.tensors import prepare_sets, to_network
from cnnlab.formatting import count
from cnnlab.inspection import kept_arrays
from cnnlab.models import build
from cnnlab.runs import Imported, Run, Store
from cnnlab.schema import TrainingConfig
from cnnlab.training.augmentation import draws
from cnnlab.views import __main__ as process
from cnnlab.views.data import augmentation, duplicates, normalisation, pictures
from tests.factories import shapes_config
from tests.page_driver import words

OpenPage = Callable[..., AppTest]
Drawn = dict[str, dict[str, Any]]
INFO = DATASETS.get("shapes").info


@pytest.fixture
def arrays() -> Arrays:
    """The drawn dataset."""
    return DATASETS.get("shapes").load(AppConfig().data)


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """A run with settings of its own."""
    return insert_run(
        epochs=1, weights=True, validation_size=300, train_subset=1_000, seed=5, normalisation="dataset",
        augmentation="flip_crop", batch_size=48,
    )  # fmt: skip


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What each canvas of tiles was given, by its key; "click" names a tile to click on, by the key of its canvas."""
    drawn: Drawn = {}

    def record(**arguments: Any) -> int | None:
        drawn[arguments["key"]] = arguments
        clicked: int | None = drawn.get("click", {}).get(arguments["key"])
        return clicked

    for module in (augmentation, duplicates, normalisation, pictures):
        monkeypatch.setattr(module, "tiles", record)
    return drawn


def subject_of(app_config: AppConfig, config: TrainingConfig) -> Subject:
    """What a view of the page asks about."""
    return Subject(config, DATASETS.get(config.dataset).info, app_config.data, None, None)


@pytest.mark.parametrize("with_run", [True, False])
def test_counts_and_pictures_are_the_datasets_own(
    open_page: OpenPage, run: Run, arrays: Arrays, drawn: Drawn, with_run: bool
) -> None:
    """Of each set, as the trainer cuts it; a sheet shows the very pixels, in the order of the file."""
    config = run.config if with_run else TrainingConfig(dataset="shapes")
    data = prepare_sets(config, arrays, INFO, torch.device("cpu"))
    assert data.validation is not None
    at = {"run": run.id} if with_run else {"dataset": "shapes"}
    app = open_page("data", **at, members=INFO.classes[1])
    assert not app.exception
    member = 1
    table = app.dataframe[0].value
    for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        assert table[name].tolist() == np.bincount(part.labels.numpy(), minlength=len(INFO.classes)).tolist()
    sizes = f"train {count(len(data.train))}, validation {count(len(data.validation))}, test {count(3_000)}"
    assert " ".join(sizes.split()) in words(app)
    wanted = data.train.images[data.train.labels == member].numpy()
    np.testing.assert_array_equal(drawn["data_sheet_tiles"]["values"], wanted[: pictures.SHEET])
    assert ("not used" in table) == with_run
    if with_run:
        assert table["not used"].sum() == INFO.num_train - 1_300
    app.number_input(key="data_sheet").set_value(2).run()
    assert not app.exception
    assert app.query_params["sheet"] == "2"
    np.testing.assert_array_equal(drawn["data_sheet_tiles"]["values"], wanted[pictures.SHEET : 2 * pictures.SHEET])
    app.segmented_control(key="data_set").set_value("test").run()
    assert "sheet" not in app.query_params
    wanted = data.test.images[data.test.labels == member].numpy()
    np.testing.assert_array_equal(drawn["data_sheet_tiles"]["values"], wanted[: pictures.SHEET])


def test_a_picture_opens_its_feature_maps(
    open_page: OpenPage, run: Run, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its place in its file, at the same run."""
    gone: list[dict[str, Any]] = []
    monkeypatch.setattr(query_params, "go", lambda page, **address: gone.append(address))
    drawn["click"] = {"data_sheet_tiles": 3}
    app = open_page("data", run=run.id, set="validation")
    assert not app.exception
    places = np.sort(np.random.RandomState(5).permutation(INFO.num_train)[:300])
    assert gone[0]["picture"] == f"train:{places[3]}"
    assert gone[0]["run"] == run.id


def test_sizes(open_page: OpenPage, run: Run, arrays: Arrays) -> None:
    """Of the run's own batch, and of an epoch of it."""
    app = open_page("data", run=run.id, view="sizes")
    assert not app.exception
    text, table = words(app), app.dataframe[0].value
    assert "One picture is 3 072 numbers".replace(" ", "") in text.replace(" ", "").replace(
        "\N{NARROW NO-BREAK SPACE}", ""
    )
    assert table["One batch, for the network"].tolist()[0] == "48 × 3 × 32 × 32"
    assert table["One batch, for the network"].tolist()[2] == count(48 * 3 * 32 * 32 * 4)
    assert "An epoch is 21 steps" in text
    assert "in the last one 40" in text  # 1000 = 20 · 48 + 40


def test_one_picture_is_normalised_as_the_network_gets_it(
    open_page: OpenPage, run: Run, arrays: Arrays, drawn: Drawn
) -> None:
    """Before: its pixels; after: the tensor, with the scale that holds every value there can be."""
    app = open_page("data", run=run.id, view="normalisation", picture="test:9")
    assert not app.exception
    image = np.array(arrays.test_images[9])
    tensor = to_network(torch.from_numpy(image)[None], INFO.mean, INFO.std)[0].numpy()
    np.testing.assert_array_equal(drawn["data_before"]["values"], np.moveaxis(image, -1, 0))
    np.testing.assert_array_equal(drawn["data_after"]["values"], tensor)
    assert drawn["data_after"]["limits"][1] >= np.abs(tensor).max()
    assert f"({image[16, 16, 0]} / 255" in words(app)
    assert app.dataframe[0].value["Mean, after"].tolist()[2] == f"{tensor[2].mean():.4f}".replace("-", "−")


@pytest.mark.parametrize("kind", ["flip_crop", "alternating", "none"])
def test_augmentation_is_the_trainers(open_page: OpenPage, run: Run, arrays: Arrays, drawn: Drawn, kind: str) -> None:
    """What the page shows is `draws`, which tests/training/test_draws.py holds against the trainer's own batch."""
    app = open_page("data", run=run.id, view="augmentation", picture="train:12", augmentation=kind)
    assert not app.exception
    picture = torch.from_numpy(np.array(arrays.train_images[12]))
    for draw in range(2):
        shown = drawn["data_draws"]["values"]
        np.testing.assert_array_equal(shown[0], picture)
        np.testing.assert_array_equal(shown[1:], draws(picture, kind, draw, 16).numpy())  # type: ignore[arg-type]
        app.button(key="data_draw").click().run()
        assert not app.exception
    assert app.query_params["draw"] == "2"
    assert ("augmentation" in app.query_params) == (kind != "flip_crop")  # the run's own needs no word in the address


def test_statistics_are_measured_once_for_all_settings(
    open_page: OpenPage, app_config: AppConfig, run: Run, arrays: Arrays
) -> None:
    """Whoever asks, with whatever settings: one answer on the disk; the page compares it with the run's own numbers."""
    view = VIEWS.get("channel_statistics")
    app = open_page("data", run=run.id, view="channel_statistics")
    assert "This has not been measured yet. Every value of all" in words(app)
    assert app.button(key="measured_ask")
    assert process.main(list(measured.arguments_of(view, subject_of(app_config, run.config)))) == 0
    others = TrainingConfig(dataset="shapes", lr=0.5, seed=9)
    found = measured.find(app_config, view, subject_of(app_config, others))
    assert isinstance(found, ChannelCounts)
    np.testing.assert_array_equal(found.counts, count_values(arrays.train_images, lambda *_: None).counts)
    app.run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table["Mean"].tolist() == [f"{mean:.4f}" for mean in found.mean]
    assert table["Taken off"].tolist() == [f"{mean:.4f}" for mean in INFO.mean]
    half = open_page("data", dataset="shapes", view="channel_statistics")
    assert half.dataframe[0].value["Divided by"].tolist() == ["0.5000"] * 3


def test_duplicates_between_the_sets_of_the_run(
    open_page: OpenPage, app_config: AppConfig, run: Run, arrays: Arrays, drawn: Drawn
) -> None:
    """Pairs that were found in the files are told apart by the run's own sets; a slider leaves out the less alike."""
    order = np.random.RandomState(5).permutation(INFO.num_train)
    validation, train, unused = order[0], order[300], order[1_300]
    tests = INFO.num_train + np.arange(4)
    copy_of = np.arange(INFO.num_train + INFO.num_test, dtype=np.int32)
    copy_of[tests[0]] = train  # the same pixels
    listed = {
        (train, tests[1]): 0.995,
        (train, tests[2]): 0.98,
        (validation, tests[3]): 0.99,
        (unused, tests[3]): 0.999,
    }
    answer = Alike(
        np.array([one for one, _ in listed], np.int32),
        np.array([other for _, other in listed], np.int32),
        np.array(list(listed.values()), np.float32),
        np.array([0.9], np.float32),
        copy_of,
    )
    path = measured.path_of(app_config, VIEWS.get("duplicates"), subject_of(app_config, run.config))
    kept_arrays.write(path, answer)
    app = open_page("data", run=run.id, view="duplicates")
    assert not app.exception
    assert "1 pair with the very same pixels, 2 pairs with a similarity of 0.970 or more" in words(app).replace(
        "**", ""
    )
    assert "3 of 3" in words(app)
    shown = drawn["data_pairs"]
    assert shown["labels"] == ["same", "0.995", "0.980"]
    np.testing.assert_array_equal(shown["values"][1][:, :32], arrays.train_images[train])
    np.testing.assert_array_equal(shown["values"][1][:, 34:], arrays.test_images[1])
    app.select_slider(key="data_alike").set_value(990).run()
    assert not app.exception
    assert drawn["data_pairs"]["labels"] == ["same", "0.995"]
    assert app.query_params["alike"] == "990"
    app.selectbox(key="data_between").set_value("validation-test").run()
    assert not app.exception
    np.testing.assert_array_equal(drawn["data_pairs"]["values"][0][:, :32], arrays.train_images[validation])
    app.selectbox(key="data_between").set_value("train-validation").run()
    assert "0 pairs with the very same pixels" in words(app).replace("**", "")


HOSTILE = {
    "run": ("nobody", "There is no run with this address"),
    "dataset": ("<b>MNIST", "There is no dataset “<b>MNIST”"),
    "members": ("dragon", "has no class “dragon”"),
    "sheet": ("99999", "There are the sheets 1 to"),
    "set": ("everything", "There is no set “everything”"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_wrong_address_gets_a_sentence(open_page: OpenPage, name: str) -> None:
    """What there is instead is shown, and the address says that."""
    asked, sentence = HOSTILE[name]
    app = open_page("data", **({"dataset": "shapes"} | {name: asked}))
    assert not app.exception
    assert sentence in words(app)
    assert asked not in app.query_params.values()


@pytest.mark.parametrize(
    ("view", "name", "asked", "sentence"),
    [
        ("augmentation", "augmentation", "melt", "There is no augmentation “melt”"),
        ("augmentation", "draw", "-3", "A draw is a whole number from 0"),
        ("augmentation", "draw", "4294967296", "A draw is a whole number from 0"),
        ("duplicates", "between", "us", "There is nothing to compare “us”"),
        ("duplicates", "alike", "12", "The similarity goes from"),
    ],
)
def test_a_wrong_address_of_a_view(
    open_page: OpenPage, app_config: AppConfig, view: str, name: str, asked: str, sentence: str
) -> None:
    """Likewise."""
    nothing = np.empty(0, np.int32)
    numbers = np.arange(INFO.num_train + INFO.num_test, dtype=np.int32)
    answer = Alike(nothing, nothing, np.empty(0, np.float32), np.array([0.9], np.float32), numbers)
    config = TrainingConfig(dataset="shapes")
    kept_arrays.write(measured.path_of(app_config, VIEWS.get("duplicates"), subject_of(app_config, config)), answer)
    app = open_page("data", **{"dataset": "shapes", "view": view, name: asked})
    assert not app.exception
    assert sentence in words(app)
    assert asked not in app.query_params.values()


@pytest.mark.parametrize("view", [None, "sizes", "normalisation", "augmentation", "channel_statistics", "duplicates"])
def test_a_dataset_that_is_not_here(open_page: OpenPage, without_datasets: None, view: str | None) -> None:
    """Each view says how to fetch it."""
    app = open_page("data", dataset="CIFAR-100", **({"view": view} if view else {}))
    assert not app.exception
    text = words(app)
    if view in (None, "sizes"):
        assert "Fetch them with: python -m cnnlab data CIFAR-100" in text
    else:
        assert "not on this machine" in text or "This has not been measured yet" in text


def test_weights_whose_training_pictures_nobody_knows(open_page: OpenPage, store: Store, app_config: AppConfig) -> None:
    """Their sets are not made up."""
    config = shapes_config()
    tensors = build(config, INFO).state_dict()
    facts = Imported(file="mine.safetensors", stated=False, epoch=None)
    run = store.bring(config, lambda path: checkpoints.write(path, tensors, {}), facts)
    app = open_page("data", run=run.id)
    assert not app.exception
    assert "nobody knows on which pictures they were trained" in words(app)
    assert app.query_params["run"] == run.id


def test_choosing_another_dataset_leaves_the_run(open_page: OpenPage, run: Run) -> None:
    """And the form's settings can be chosen in place of a run's."""
    app = open_page("data", run=run.id)
    assert app.selectbox(key="data_dataset").value == "shapes"
    app.selectbox(key="data_run").set_value("").run()
    assert not app.exception
    assert "run" not in app.query_params
    assert app.query_params["dataset"] == "shapes"
    app.selectbox(key="data_run").set_value(run.id).run()
    assert app.query_params["run"] == run.id
    app.selectbox(key="data_dataset").set_value("CIFAR-100").run()
    assert not app.exception
    assert "run" not in app.query_params
    assert app.query_params["dataset"] == "CIFAR-100"


@pytest.mark.parametrize(
    ("complete_from", "first", "said"),
    [
        (0.9, "0.900", "2 pairs with a similarity of 0.970 or more"),
        (0.9712, "0.975", "2 pairs with a similarity of 0.975 or more"),
        (0.9995, "0.999", "3 pairs with a similarity of 0.9995 or more"),
    ],
)
def test_no_pair_is_counted_where_the_list_is_not_complete(
    open_page: OpenPage, app_config: AppConfig, drawn: Drawn, complete_from: float, first: str, said: str
) -> None:
    """The slider begins above the similarity from which every pair was kept; so does the count."""
    config = TrainingConfig(dataset="shapes", validation_size=0)
    tests = INFO.num_train + np.arange(3, dtype=np.int32)
    correlation = np.array([0.9999, 0.9996, complete_from], np.float32)
    numbers = np.arange(INFO.num_train + INFO.num_test, dtype=np.int32)
    answer = Alike(np.arange(3, dtype=np.int32), tests, correlation, np.array([complete_from], np.float32), numbers)
    kept_arrays.write(measured.path_of(app_config, VIEWS.get("duplicates"), subject_of(app_config, config)), answer)
    app = open_page("data", dataset="shapes", view="duplicates", between="train-test", alike="1")
    assert not app.exception
    assert app.select_slider(key="data_alike").options[0] == first
    assert "The similarity goes from" in words(app)
    assert said in words(app).replace("**", "")
