"""Of two networks side by side each has its own: its moment, its job, its batches, its channels, its end."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect import measured
from cnnlab.data import DATASETS
from cnnlab.inspection.summary import summarise
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, UnknownRunError
from cnnlab.runs.process.jobs import Job, JobQueue
from tests.page_driver import OpenPage, click, fill, words

INFO = DATASETS.get("shapes").info
MakeRun = Callable[..., Run]


@pytest.fixture
def run(insert_run: MakeRun) -> Run:
    """SimpleCNN with the weights of epochs 0 to 2."""
    return insert_run(epochs=2, weights=True, name="First", validation_size=40)


@pytest.fixture
def other(insert_run: MakeRun, run: Run) -> Run:
    """Another such run, of other settings."""
    return insert_run(epochs=2, weights=True, name="Second", seed=7, dropout=0.25, validation_size=40)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the jobs that are asked for; none of them ever begins, and each has another visitor who waits."""
    keys: list[str] = []
    line = JobQueue(AppConfig(), ("false",))
    monkeypatch.setattr(line, "_serve", lambda job: None)
    monkeypatch.setattr(measured, "queue", lambda: line)
    real = line.ask

    def ask(key: str, arguments: Sequence[str], *rest: Any) -> Job:
        if key not in keys:
            keys.append(key)
            real(key, arguments, "somebody else")
        return real(key, arguments, *rest)

    monkeypatch.setattr(line, "ask", ask)
    return keys


@pytest.mark.parametrize("epoch", ["1", "0"])
def test_measuring_on_the_right_leaves_the_left(
    epoch: str, open_page: OpenPage, run: Run, other: Run, asked: list[str]
) -> None:
    """The page stays at its own moment, whatever moment stands beside."""
    app = open_page("predictions", run=run.id, epoch=epoch, beside=f"{other.id}:2")
    click(app, "measured_ask_beside")
    assert len(asked) == 1
    assert (app.query_params["epoch"], app.query_params["beside"]) == (epoch, f"{other.id}:2")
    assert f"First · epoch {epoch}" in words(app)


def test_who_asks_at_epoch_0_of_a_running_training_stays_there(
    open_page: OpenPage, insert_run: MakeRun, asked: list[str]
) -> None:
    """Though the page followed the training."""
    run = insert_run(RunStatus.RUNNING, epochs=0, weights=True, validation_size=40)
    app = open_page("predictions", run=run.id)
    assert "epoch" not in app.query_params
    click(app, "measured_ask")
    assert app.query_params["epoch"] == "0"


def test_both_sides_are_cancelled(open_page: OpenPage, run: Run, other: Run, asked: list[str]) -> None:
    """Cancel on the right does not make the visitor wait again for what was cancelled on the left."""
    app = open_page("predictions", run=run.id, epoch="1", beside=f"{other.id}:2")
    for key in ("measured_ask", "measured_ask_beside", "measured_cancel", "measured_cancel_beside"):
        click(app, key)
    assert len(asked) == 2
    keys = {button.key for button in app.button}
    assert {"measured_ask", "measured_ask_beside"} <= keys
    assert not {"measured_cancel", "measured_cancel_beside"} & keys
    assert not any(len(measured.queue().find(key).waiting) > 1 for key in asked)  # type: ignore[union-attr]


def test_the_other_run_is_deleted_in_between(
    open_page: OpenPage, run: Run, other: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading of the run and that of its weights: the page says so, and shows its own run."""
    real = Store.weights

    def weights(self: Store, id: str) -> Any:
        if id == other.id:
            raise UnknownRunError("There is no such run; perhaps it was deleted.")
        return real(self, id)

    monkeypatch.setattr(Store, "weights", weights)
    app = open_page("kernels", run=run.id, beside=f"{other.id}:1")
    assert not app.exception
    assert "The run that should stand beside is not there." in words(app)
    assert "beside" not in app.query_params
    fill(app, beside_run=other.id)
    assert "beside" not in app.query_params


@pytest.mark.parametrize("view", ["training_normalisation", "training_dropout"])
def test_a_run_with_larger_batches_has_fewer(view: str, open_page: OpenPage, insert_run: MakeRun) -> None:
    """So it may have none of the chosen number: its side says so, and the other side stays."""
    settings: dict[str, Any] = {
        "validation_size": 400,
        "batch_norm": True,
        "dropout": 0.25,
        "epochs": 1,
        "weights": True,
    }
    run = insert_run(name="First", batch_size=64, **settings)
    other = insert_run(name="Second", batch_size=300, **settings)
    app = open_page("feature_maps", run=run.id, view=view, beside=f"{other.id}:1", set="validation", batch="4")
    assert not app.exception
    text = words(app)
    assert "The batches of this run have 300 pictures. There is no batch 4: the set has the batches 0 to 0." in text
    assert "64 validation pictures (numbers 256 to 319 of the set)" in text
    assert app.query_params["batch"] == "4"


def test_a_lesion_of_channels_that_only_one_network_has(open_page: OpenPage, insert_run: MakeRun) -> None:
    """The other side says which ones it has, and answers no other question."""
    run = insert_run(architecture="VGGishCNN", epochs=1, weights=True)
    other = insert_run(epochs=1, weights=True)
    app = open_page(
        "kernels",
        run=run.id,
        view="lesions",
        beside=f"{other.id}:1",
        layer="conv1",
        lesion="silence:63",
        set="validation",
    )
    assert not app.exception
    last = next(row for row in summarise(other.config, INFO) if row.name == "base.conv1").output_shape[0] - 1
    assert f"conv1 has the channels 0 to {last} here, so it has not all of the chosen ones." in words(app)
    assert "measured_ask_beside" not in {button.key for button in app.button}
