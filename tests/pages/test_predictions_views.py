"""The views of the Predictions page: there at once where the run kept its answers; each number counted from them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.analysis.intervals import interval95
from cnnlab.analysis.predictions import kept
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.dashboard.inspect import measured, whole_set
from cnnlab.dashboard.inspect.view import VIEWS
from cnnlab.data import DATASETS
from cnnlab.data.tensors import split
from cnnlab.formatting import percent, percent_range, tenths
from cnnlab.runs import Run, Store
from tests.page_driver import words

OpenPage = Callable[..., AppTest]
CLASSES = DATASETS.get("shapes").info.classes
ALL = ("confusion", "each_class", "mistakes", "over_epochs", "reliability")


def logits(store: Store, run: Run, epoch: int, set_name: str = "validation") -> Predictions:
    """Answers that become better with the epochs; of the set's own classes."""
    arrays, random = DATASETS.get("shapes").load(store.app_config.data), np.random.default_rng(7)
    parts = split(run.config, len(arrays.train_labels))
    labels = arrays.train_labels[parts.validation if set_name == "validation" else parts.train_sample]
    noise = random.normal(size=(len(labels), 10))
    noise[np.arange(len(labels)), labels] += 0.8 * epoch
    noise[:2] = 6 * np.eye(10)[(labels[:2] + 1) % 10]  # two that every epoch takes for the next class
    return Predictions.of(labels, noise.astype(np.float32), "bfloat16", "cuda", by_run=True)


@pytest.fixture
def run(insert_run: Callable[..., Run], store: Store) -> Run:
    """Three epochs, whose answers to the validation pictures the run has kept."""
    run = insert_run(epochs=3, weights=True, validation_size=300)
    for file in store.weights(run.id):
        if file.epoch:
            kept.write(store.path(file), file.sha256, "validation", logits(store, run, file.epoch))
    return run


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What each group of tiles was given."""
    found: dict[str, dict[str, Any]] = {}
    original = whole_set.tiles

    def draw(**arguments: Any) -> int | None:
        found[arguments["key"]] = arguments
        return original(**arguments)

    monkeypatch.setattr(whole_set, "tiles", draw)
    return found


@pytest.mark.parametrize("view", ALL)
def test_what_a_run_has_kept_is_there_at_once(open_page: OpenPage, store: Store, run: Run, view: str) -> None:
    """No button, no process; with the run's own accuracy, its set, its n, mode and precision."""
    said = logits(store, run, 3)
    app = open_page("predictions", run=run.id, view=view)
    assert not app.exception
    text = words(app)
    assert "This has not been measured yet" not in text
    right = f"Validation accuracy {percent(said.accuracy)}**: {said.right.sum()} of 300 right, at epoch 3"
    interval = f"95 % interval {percent_range(*interval95(said.accuracy, 300))}."
    assert " ".join(f"{right}; {interval}".split()) in text
    assert "eval mode, bfloat16 on the GPU, no augmentation, measured by the run itself" in text
    assert not (store.app_config.home / "views").exists()


def test_they_are_never_another_network_s(open_page: OpenPage, store: Store, run: Run) -> None:
    """Where the weights of an epoch are others, its answers are not shown."""
    last = store.weights(run.id)[-1]
    kept.write(store.path(last), "0" * 64, "validation", logits(store, run, 3))
    app = open_page("predictions", run=run.id)
    assert "This has not been measured yet" in words(app)


def test_one_measuring_serves_all_views(store: Store, run: Run) -> None:
    """They are kept on the disk under one name."""
    paths = {measured.path_of(store.app_config, VIEWS.get(name), subject(store, run)) for name in ALL}
    assert len(paths) == 1


def subject(store: Store, run: Run) -> Any:
    """The newest epoch on validation."""
    from tests.pages.test_predictions_page import subject_of

    return subject_of(store, run, 3, "validation")


def test_each_class(open_page: OpenPage, store: Store, run: Run) -> None:
    """Recall, precision, interval and n of every class; the pair that is mixed up most."""
    said = logits(store, run, 2)
    app = open_page("predictions", run=run.id, view="each_class", epoch="2")
    pairs, table = (one.value for one in app.dataframe)
    for index, name in enumerate(CLASSES):
        [row] = table[table["Class"] == name].to_dict("records")
        mine, called = said.labels == index, said.predicted == index
        hits = (mine & called).sum()
        assert (row["Right"], row["Pictures"]) == (tenths(hits / mine.sum()), mine.sum())
        assert row["True"] == tenths(hits / called.sum())
        assert row["Interval"] == percent_range(*interval95(hits / mine.sum(), int(mine.sum())))
    assert list(table["Right"]) == sorted(table["Right"])
    both = {
        f"{a} and {b}": sum(pair in ((i, j), (j, i)) for pair in zip(said.labels, said.predicted, strict=True))
        for i, a in enumerate(CLASSES)
        for j, b in enumerate(CLASSES)
        if i != j
    }  # fmt: skip
    first = pairs.iloc[0]
    assert first["Pictures"] == both[first["Pair"]] == max(both.values())
    assert first["First"] + first["Second"] == first["Pictures"]


def test_mistakes(open_page: OpenPage, store: Store, run: Run, drawn: dict[str, dict[str, Any]]) -> None:
    """The surest wrong answers first, each with its class and answer; those that all epochs contradict are a list."""
    said = logits(store, run, 3)
    app = open_page("predictions", run=run.id, view="mistakes")
    assert not app.exception
    wrong = np.flatnonzero(~said.right)
    wrong = wrong[np.argsort(-said.probability[wrong], kind="stable")]
    names = [CLASSES[said.predicted[one]] for one in wrong[: whole_set.MOST_PICTURES]]
    labels = [name if len(name) <= 10 else f"{name[:9]}…" for name in names]
    assert drawn["mistakes_confident"]["labels"] == labels
    table = app.dataframe[0].value
    assert list(table["It is"]) == [CLASSES[label] for label in said.labels[wrong[: len(table)]]]
    assert list(table["Sure, %"]) == [tenths(float(share)) for share in said.probability[wrong[: len(table)]]]
    pictures = subject(store, run).pictures()
    shown = drawn["mistakes_suspects"]["values"]
    np.testing.assert_array_equal(
        {image.tobytes() for image in shown[:2].astype(np.uint8)},
        {pictures.images[place].tobytes() for place in pictures.places[:2]},
    )
    text = words(app)
    assert "epochs 1, 2, 3 all take them" in text
    assert "not a verdict" in text
    app = open_page("predictions", run=run.id, view="mistakes", epoch="1")
    assert "one has been measured" in words(app)
    assert "mistakes" in app.query_params["view"]


def test_since_which_epoch(open_page: OpenPage, store: Store, run: Run, drawn: dict[str, dict[str, Any]]) -> None:
    """Each group counts its pictures; a link opens a group; the picture of the address tells its own way."""
    right = np.stack([logits(store, run, epoch).right for epoch in (1, 2, 3)])
    since = {
        "never": ~right.any(axis=0),
        "lost": right.any(axis=0) & ~right[2],
        "1": right.all(axis=0),
        "2": right[1] & right[2] & ~right[0],
        "3": right[2] & ~right[1],
    }
    app = open_page("predictions", run=run.id, view="over_epochs", since="2")
    assert not app.exception
    box = app.selectbox(key="over_epochs_since")
    assert box.value == "2"
    assert [int(option.split("·")[1]) for option in box.options] == [members.sum() for members in since.values()]
    pictures, said = subject(store, run).pictures(), logits(store, run, 3)
    members = np.flatnonzero(since["2"])
    members = members[np.argsort(-said.probability[members], kind="stable")][: whole_set.MOST_PICTURES]
    images = pictures.images[pictures.places[members]]
    np.testing.assert_array_equal(drawn["over_epochs_pictures"]["values"], images)
    box.set_value("never").run()
    assert app.query_params["since"] == "never"
    place = int(np.flatnonzero(since["1"])[0])
    picture = f"train:{pictures.places[place]}"
    app = open_page("predictions", run=run.id, view="over_epochs", picture=picture)
    assert "right since epoch 1**. By epoch: 1 ✓ · 2 ✓ · 3 ✓" in words(app)
    app = open_page("predictions", run=run.id, view="over_epochs", since="nonsense")
    assert not app.exception
    assert "No picture is right since “nonsense”" in words(app)
    app = open_page("predictions", run=run.id, view="over_epochs", epoch="1")
    assert "only one epoch" in words(app)


def test_reliability(open_page: OpenPage, store: Store, run: Run) -> None:
    """The error with its bins and n; every picture in one bin of the table."""
    app = open_page("predictions", run=run.id, view="reliability")
    assert not app.exception
    text = words(app)
    assert "Expected calibration error" in text
    assert "15 bins of equal width, n = 300, validation" in text
    assert app.dataframe[0].value["Pictures"].sum() == 300


def test_a_picture_opens_its_feature_maps(
    open_page: OpenPage, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell of the matrix, then a picture of it: two clicks, the same run and epoch."""
    gone: list[dict[str, Any]] = []
    monkeypatch.setattr(whole_set.url, "go", lambda page, **address: gone.append(address))
    monkeypatch.setattr(whole_set, "tiles", lambda **arguments: 0)
    said = logits(store, run, 3)
    pictures = subject(store, run).pictures()
    cell = f"{said.labels[0]}.{said.predicted[0]}"
    app = open_page("predictions", run=run.id, epoch="3", cell=cell)
    assert not app.exception
    members = np.flatnonzero((said.labels == said.labels[0]) & (said.predicted == said.predicted[0]))
    surest = members[np.argmax(said.probability[members])]
    assert gone[0]["picture"] == f"train:{pictures.places[surest]}"
    assert (gone[0]["run"], gone[0]["epoch"], gone[0]["view"]) == (run.id, "3", None)


def test_other_pictures_than_were_measured_are_not_shown(open_page: OpenPage, store: Store, run: Run) -> None:
    """As where the dataset on the disk was altered: a sentence instead."""
    last, said = store.weights(run.id)[-1], logits(store, run, 3)
    shifted = Predictions(np.roll(said.labels, 1), said.logits, said.how)
    kept.write(store.path(last), last.sha256, "validation", shifted)
    app = open_page("predictions", run=run.id, view="mistakes")
    assert not app.exception
    assert "not those that were measured" in words(app)
