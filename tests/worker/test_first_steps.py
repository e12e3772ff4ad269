"""The weights after the first steps of epoch 1: the right ones, for nothing, and the same again after a stop."""

import itertools

import pytest
import torch

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS
from cnnlab.data.tensors import prepare_sets
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.worker import epoch_commits
from tests.reliability.runs import same_tensors
from tests.worker.helpers import asking, facts, files_of, named_by, resume, scores, small, train

CPU = torch.device("cpu")


def longer(**changes: object) -> TrainingConfig:
    """Two epochs of thirteen steps, the last of them short."""
    return small(epochs=2, train_subset=200, batch_size=16, augmentation="flip", **{"batch_norm": True, **changes})


def steps_of(store: Store, run: Run) -> list[int]:
    """After which the run keeps weights."""
    return [file.step for file in store.early(run.id)]


def test_training_is_the_same_with_and_without_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit: every record, the scores, the weights of every epoch, the optimizer and the random states."""
    kept = train(store, longer())
    monkeypatch.setattr(epoch_commits, "early_steps", lambda *_: [])
    none = train(store, longer())

    assert (steps_of(store, kept), steps_of(store, none)) == ([1, 2, 4, 8], [])
    assert facts(store, kept) == facts(store, none)
    assert scores(kept) == scores(none)
    mine, others = ([*store.weights(run.id), *store.checkpoints(run.id, "state")] for run in (kept, none))
    assert len(mine) == len(others) > 3
    for one, other in zip(mine, others, strict=True):
        same_tensors(store, one, store, other)


def test_they_are_the_weights_after_those_steps(store: Store, app_config: AppConfig) -> None:
    """As a training of their own has them, which takes one step after another; without the optimizer's state."""
    run = train(store, longer())
    dataset = DATASETS.get("shapes")
    sets = prepare_sets(run.config, dataset.load(app_config.data), dataset.info, CPU)
    training = fit(run.config, sets, CPU, plan=default_plan(run.config, CPU, steps_per_record=1))
    expected = {}
    for record in itertools.islice(training, 12):
        expected[record.step] = {name: value.clone() for name, value in training.model.state_dict().items()}

    assert steps_of(store, run) == [1, 2, 4, 8]
    for file in store.early(run.id):
        tensors, meta = checkpoints.read(store.path(file), file)
        assert tensors.keys() == expected[file.step].keys()
        assert all(torch.equal(tensors[name], value) for name, value in expected[file.step].items())
        assert (file.epoch, meta["place"]["step"]) == (0, file.step)
        assert file.bytes < 1.1 * store.weights(run.id)[0].bytes
    assert files_of(store, run) == named_by(store, run)


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize("stop", [1, 3, 4, 10])
def test_a_stop_within_epoch_1_changes_none_of_them(store: Store, stop: int) -> None:
    """Those before it stay as they are, and those after it are as they would have been."""
    whole = train(store, longer())
    halted = train(store, longer(), asking(store, "stop", step=stop))
    assert halted.status is RunStatus.STOPPED
    assert steps_of(store, halted) == [step for step in (1, 2, 4, 8) if step <= stop]
    before = store.early(halted.id)
    resumed = resume(store, halted)

    assert store.early(resumed.id)[: len(before)] == before
    assert steps_of(store, resumed) == [1, 2, 4, 8]
    for one, other in zip(store.early(resumed.id), store.early(whole.id), strict=True):
        same_tensors(store, one, store, other)
    assert files_of(store, resumed) == named_by(store, resumed)


@pytest.mark.usefixtures("hearing")
def test_a_run_that_begins_anew_writes_the_same_again(store: Store) -> None:
    """Its state cannot be read, so it is trained from its first step."""
    whole = train(store, longer())
    halted = train(store, longer(), asking(store, "stop", step=10))
    for file in store.checkpoints(halted.id, "state"):
        store.path(file).write_bytes(b"damaged")
    resumed = resume(store, halted)

    assert steps_of(store, resumed) == [1, 2, 4, 8]
    for one, other in zip(store.early(resumed.id), store.early(whole.id), strict=True):
        same_tensors(store, one, store, other)
    assert files_of(store, resumed) == named_by(store, resumed)


def test_what_diverges_keeps_the_steps_before_it_did(store: Store) -> None:
    """That is where somebody wants to look."""
    run = train(store, longer(lr=10.0, weight_decay=1.0, optimizer="sgd", batch_norm=False))

    assert run.status is RunStatus.DIVERGED
    assert steps_of(store, run)[:1] == [1]
    assert files_of(store, run) == named_by(store, run)


def test_a_large_network_keeps_none(app_config: AppConfig) -> None:
    """A fiftieth of the run's budget has no room for it."""
    store = Store(app_config.model_copy(update={"run_budget_bytes": 5_000_000}))

    assert steps_of(store, train(store, longer())) == []
