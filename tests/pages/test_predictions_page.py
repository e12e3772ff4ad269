"""The Predictions page: nothing is measured without a click, by a process of its own; its numbers are the run's."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnlab import worker
from cnnlab.analysis.predictions.by_class import confusion_matrix
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import measured, whole_set
from cnnlab.dashboard.inspect.view import VIEWS, Subject
from cnnlab.data import DATASETS
from cnnlab.inspection import kept_arrays
from cnnlab.models import complete
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.runs.process.jobs import Job, JobQueue
from cnnlab.schema import TrainingConfig
from cnnlab.views import __main__ as process

OpenPage = Callable[..., AppTest]


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """SimpleCNN on shapes with a small validation set and the weights of epochs 0 to 2."""
    return insert_run(epochs=2, weights=True, validation_size=300)


def words(app: AppTest) -> str:
    """Everything a person reads, in one text."""
    elements = [*app.markdown, *app.caption, *app.error, *app.warning, *app.header]
    return " ".join(" ".join(str(element.value).replace("\\", "").split()) for element in elements)


def subject_of(store: Store, run: Run, epoch: int, name: Any) -> Subject:
    """What the page asks about."""
    weights = next(file for file in store.weights(run.id) if file.epoch == epoch)
    info, data = DATASETS.get(run.config.dataset).info, store.app_config.data
    return Subject(run.config, info, data, store.path(weights), weights, epoch, set=name)


def measure(store: Store, run: Run, epoch: int, name: Any) -> Predictions:
    """Have it measured as the process does, and give what it has kept."""
    view, subject = VIEWS.get("confusion"), subject_of(store, run, epoch, name)
    assert process.main(list(measured.arguments_of(view, subject))) == 0
    found: Predictions | None = measured.find(store.app_config, view, subject)
    assert found is not None
    return found


def test_a_click_starts_a_process_and_its_answer_comes(open_page: OpenPage, store: Store, run: Run) -> None:
    """First an offer, then how far it is with a way out, then the matrix; the next visitor sees it at once."""
    app = open_page("predictions", run=run.id, epoch="1")
    assert not app.exception
    assert "This has not been measured yet" in words(app)
    assert not (store.app_config.home / "views").exists()
    app.button(key="measured_ask").click().run()
    assert not app.exception
    assert app.button(key="measured_cancel").label == "Cancel"
    path = measured.path_of(store.app_config, VIEWS.get("confusion"), subject_of(store, run, 1, "validation"))
    job = measured.queue().find(path.name)
    assert isinstance(job, Job)
    ended(job)
    assert job.problem is None
    assert (job.done, job.total) == (300, 300)
    for visitor in (app.run(), open_page("predictions", run=run.id, epoch="1")):
        assert not visitor.exception
        assert "Validation accuracy" in words(visitor)


def test_cancel(open_page: OpenPage, store: Store, run: Run) -> None:
    """The offer is back, the process gone."""
    app = open_page("predictions", run=run.id)
    app.button(key="measured_ask").click().run()
    path = measured.path_of(store.app_config, VIEWS.get("confusion"), subject_of(store, run, 2, "validation"))
    job = measured.queue().find(path.name)
    app.button(key="measured_cancel").click().run()
    assert not app.exception
    assert isinstance(job, Job)
    ended(job)
    assert not path.exists()
    assert "This has not been measured yet" in words(app.run())


def ended(job: Job) -> None:
    """Wait until it is over."""
    deadline = time.monotonic() + 120
    while not job.over:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_numbers_are_the_answers_own(open_page: OpenPage, store: Store, run: Run) -> None:
    """Accuracy, the largest mistake, the whole matrix, each class's accuracy: counted from the kept answers."""
    said = measure(store, run, 2, "validation")
    counts = confusion_matrix(said.labels, said.predicted, 10)
    classes = DATASETS.get("shapes").info.classes
    app = open_page("predictions", run=run.id)
    text = words(app)
    assert counts.sum() == 300
    assert f"{counts.diagonal().sum()} of 300 right" in text
    assert "eval mode, float32 on the CPU, no augmentation" in text
    table, mistakes = (app.dataframe[n].value for n in range(2))
    np.testing.assert_array_equal(table.to_numpy(), counts)
    wrong = counts - np.diag(counts.diagonal())
    truth, answer = np.unravel_index(wrong.argmax(), wrong.shape)
    assert list(mistakes.iloc[0])[:3] == [classes[truth], classes[answer], wrong.max()]
    expected = {
        name: round(100 * row[i] / row.sum(), 1) for i, (name, row) in enumerate(zip(classes, counts, strict=True))
    }
    app = open_page("predictions", run=run.id, view="each_class")
    assert "eval mode, float32 on the CPU, no augmentation" in words(app)
    by_class = next(one.value for one in app.dataframe if "Class" in one.value.columns)
    assert dict(zip(by_class["Class"], by_class["Right"], strict=True)) == pytest.approx(expected, abs=0.06)


def test_a_cell_opens_its_pictures(
    open_page: OpenPage, store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as the cell says, the surest first, each the right one of the dataset's file; a wrong cell is none."""
    drawn: dict[str, Any] = {}
    original = whole_set.tiles
    monkeypatch.setattr(whole_set, "tiles", lambda **arguments: (drawn.update(arguments), original(**arguments))[1])
    said = measure(store, run, 2, "validation")
    truth, answer = int(said.labels[0]), int(said.predicted[0])
    members = np.flatnonzero((said.labels == truth) & (said.predicted == answer))
    app = open_page("predictions", run=run.id, cell=f"{truth}.{answer}")
    assert not app.exception
    assert f": {len(members)} picture" in words(app)
    members = members[np.argsort(-said.probability[members], kind="stable")][: whole_set.MOST_PICTURES]
    pictures = subject_of(store, run, 2, "validation").pictures()
    np.testing.assert_array_equal(drawn["values"], pictures.images[pictures.places[members]])
    assert app.query_params["cell"] == f"{truth}.{answer}"
    for cell in ("10.0", "x", "1", "-1.2"):
        app = open_page("predictions", run=run.id, cell=cell)
        assert not app.exception
        assert "Pick a cell" in words(app)


def test_a_picture_of_validation_has_feature_maps(open_page: OpenPage, run: Run) -> None:
    """By its place in the training file; a place that is none is said."""
    app = open_page("feature_maps", run=run.id, picture="train:77")
    assert not app.exception
    assert "Picture 77 of the training file" in words(app)
    assert app.query_params["picture"] == "train:77"
    app = open_page("feature_maps", run=run.id, picture="train:999999")
    assert app.query_params["picture"] == "test:0"


def test_the_test_set_is_opened_by_a_click(open_page: OpenPage, store: Store, run: Run) -> None:
    """With validation it is never the first choice; without, it is the only measure there is."""
    measure(store, run, 2, "test")
    app = open_page("predictions", run=run.id)
    assert app.segmented_control(key="looking_set").value == "validation"
    assert "This has not been measured yet" in words(app)
    app.segmented_control(key="looking_set").set_value("test").run()
    assert not app.exception
    assert app.query_params["set"] == "test"
    assert "Test accuracy" in words(app)


def test_without_validation(open_page: OpenPage, insert_run: Callable[..., Run]) -> None:
    """The test set comes first; a link to a set there is not gets a sentence."""
    run = insert_run(epochs=1, weights=True, validation_size=0)
    app = open_page("predictions", run=run.id, set="validation")
    assert not app.exception
    assert "no set “validation”" in words(app)
    assert app.segmented_control(key="looking_set").value == "test"


def test_a_hundred_classes(open_page: OpenPage, insert_run: Callable[..., Run], store: Store) -> None:
    """CIFAR-100, also where its pictures are not on this machine: the matrix needs only the answers."""
    run = insert_run(epochs=1, weights=True, dataset="CIFAR-100", validation_size=300)
    random = np.random.default_rng(0)
    answer = Predictions.of(random.integers(0, 100, 300), random.random((300, 100), np.float32))
    path = measured.path_of(store.app_config, VIEWS.get("confusion"), subject_of(store, run, 1, "validation"))
    kept_arrays.write(path, answer)
    app = open_page("predictions", run=run.id)
    assert not app.exception
    assert app.dataframe[0].value.shape == (100, 100)
    assert f"{answer.right.sum()} of 300 right" in words(app)


def test_a_damaged_checkpoint_is_a_sentence(open_page: OpenPage, store: Store, run: Run) -> None:
    """The process refuses; the page says why."""
    store.path(store.weights(run.id)[2]).write_bytes(b"garbage")
    app = open_page("predictions", run=run.id, epoch="2")
    app.button(key="measured_ask").click().run()
    path = measured.path_of(store.app_config, VIEWS.get("confusion"), subject_of(store, run, 2, "validation"))
    job = measured.queue().find(path.name)
    assert isinstance(job, Job)
    ended(job)
    app.run()
    assert not app.exception
    assert "altered or damaged" in app.error[0].value


def test_a_view_of_other_arithmetic_asks_anew(store: Store, run: Run) -> None:
    """An answer that was kept is that of one version of the view."""
    view, subject = VIEWS.get("confusion"), subject_of(store, run, 2, "validation")
    path = measured.path_of(store.app_config, view, subject)
    assert measured.path_of(store.app_config, replace(view, version=view.version), subject) == path
    assert measured.path_of(store.app_config, replace(view, version=view.version + 1), subject) != path


def test_the_accuracy_is_the_one_that_the_run_recorded(store: Store, app_config: AppConfig) -> None:
    """Validation after each epoch, the test set at the end: the same pictures, the same count of right answers."""
    config = complete(
        TrainingConfig(dataset="shapes", epochs=2, train_subset=1_000, validation_size=400, augmentation="flip_crop")
    )
    run = store.create(config, mine=True)
    run = worker.work(store, app_config, run, lambda record: None)
    assert run.status is RunStatus.FINISHED
    for record in store.epochs(run.id):
        assert record.validation is not None
        assert measure(store, run, record.epoch, "validation").accuracy == record.validation.accuracy
        assert measure(store, run, record.epoch, "train sample").accuracy == record.train_sample.accuracy
    assert run.results is not None
    assert measure(store, run, 2, "test").accuracy == run.results.final.test.accuracy


def test_the_command_refuses_in_a_sentence(store: Store, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """As one JSON line; an answer that is there is not computed again."""
    view, subject = VIEWS.get("confusion"), subject_of(store, run, 1, "validation")
    gone = dataclasses.replace(subject, weights=store.app_config.home / "gone.safetensors")
    assert process.main(list(measured.arguments_of(view, gone))) == 1
    assert "cannot be read" in capsys.readouterr().out
    measure(store, run, 1, "validation")
    capsys.readouterr()
    assert process.main(list(measured.arguments_of(view, subject))) == 0
    assert capsys.readouterr().out.splitlines() == ['{"type": "written"}']


def test_who_measures_while_it_trains_stays_at_that_epoch(
    open_page: OpenPage, insert_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page follows a training; the next epoch does not take away the one that was asked about."""
    run = insert_run(RunStatus.RUNNING, epochs=2, weights=True, validation_size=300)
    monkeypatch.setattr(JobQueue, "ask", lambda *asked, **named: None)
    app = open_page("predictions", run=run.id)
    assert "epoch" not in app.query_params
    app.button(key="measured_ask").click().run()
    assert not app.exception
    assert app.query_params["epoch"] in ("2", ["2"])


def test_a_failure_is_told_to_who_asked_alone(open_page: OpenPage, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another visitor is offered to measure, and reads no error of somebody else's."""
    failed = Job(
        "key", (), gently=False, limit_s=1.0, waiting={"somebody else": 0.0}, over=True, problem="It was killed."
    )
    monkeypatch.setattr(JobQueue, "find", lambda queue, key: failed)
    app = open_page("predictions", run=run.id, epoch="1")
    assert not app.exception
    assert not app.error
    assert app.button(key="measured_ask")
