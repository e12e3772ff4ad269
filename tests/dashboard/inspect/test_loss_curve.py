"""The loss under the slider of epochs: what it draws and says is what was measured."""

from collections.abc import Mapping
from typing import Any

import pytest

from cnnlab.dashboard.inspect.bar import loss_curve
from cnnlab.dashboard.inspect.selection import Selection
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from tests.factories import epoch_record, insert_run, score


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What the browser is told."""
    told: list[Mapping[str, Any]] = []
    monkeypatch.setattr(loss_curve, "_curve", lambda **said: told.append(said["data"]))
    return told


def selection(store: Store, run: Run, epoch: int) -> Selection:
    """The run with that epoch on the screen."""
    saved = tuple(store.weights(run.id))
    return Selection(run, saved, next(one for one in saved if one.epoch == epoch), [], follows=False)


def test_each_kept_epoch_has_its_losses(store: Store, sent: list[Mapping[str, Any]]) -> None:
    """Epoch 0 has none; a loss that is no number leaves a gap."""
    run = insert_run(store, epochs=3, weights=True)
    records = store.epochs(run.id)
    records[1] = records[1].model_copy(update={"train_sample": score(0.1, loss=float("nan"))})
    loss_curve.draw(selection(store, run, 2), records)

    (data,) = sent
    assert data["moments"] == ["epoch 0", "epoch 1", "epoch 2", "epoch 3"]
    assert (data["at"], data["best"]) == ("epoch 2", f"epoch {run.best_epoch}")
    assert data["train"] == [None, records[0].train_sample.loss, None, records[2].train_sample.loss]
    assert data["validation"] == [None, *(record.validation.loss for record in records if record.validation)]


@pytest.mark.parametrize(("status", "epochs"), [(RunStatus.RUNNING, 0), (RunStatus.IMPORTED, 0)])
def test_one_state_has_no_curve(store: Store, sent: list[Mapping[str, Any]], status: RunStatus, epochs: int) -> None:
    """A run that has just begun, and weights from a file."""
    run = insert_run(store, status, epochs=epochs, weights=True)
    loss_curve.draw(selection(store, run, store.weights(run.id)[-1].epoch), store.epochs(run.id))
    assert sent == []


def test_the_words_say_how_the_losses_went() -> None:
    """With the set and the mode they were measured in."""
    records = [
        epoch_record(1).model_copy(update={"train_sample": score(loss=2.0), "validation": score(loss=2.1)}),
        epoch_record(2).model_copy(update={"train_sample": score(loss=1.0), "validation": score(loss=1.5)}),
    ]
    assert loss_curve.describe(records) == (
        "Loss from epoch 1 to 2, evaluation mode: train sample from 2.0000 to 1.0000; validation from 2.1000 to 1.5000."
    )
    assert loss_curve.describe([]) == "No epoch has been measured yet."
