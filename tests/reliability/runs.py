"""Runs in which every random state matters, what must hold of one at any moment, and what makes two of them equal."""

from typing import Any
from unittest import mock

import torch

from cnnlab import checkpoints, worker
from cnnlab.analysis.predictions import names
from cnnlab.records import EpochRecord, Plan
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.worker import job
from tests.worker.helpers import OnRecord, answers_of, facts, files_of, named_by, scores, small

SHORT = {"train_subset": 160, "batch_size": 32, "validation_size": 100, "device": "cpu"}
RECIPES: dict[str, dict[str, Any]] = {
    "adam": {"dropout": 0.5, "augmentation": "flip_crop", "schedule": "one_cycle", "batch_norm": True},
    "sgd": {"dropout": 0.3, "augmentation": "alternating", "optimizer": "sgd", "lr": 0.02, "schedule": "cosine"},
    "muon": {"dropout": 0.2, "augmentation": "flip", "optimizer": "muon", "lr": 0.02, "mode": "exact"},
}
"""Five steps an epoch; dropout, augmentation and order draw random numbers, the optimizers keep moments."""
EAGER, LAZY = {"FLUSH_S": 0.02}, {"AHEAD_BYTES": 0}
"""Ways of the writer: steps kept nearly one by one; epochs that share a state because the disk is slower."""


def recipe(name: str, epochs: int) -> TrainingConfig:
    """One of RECIPES."""
    return small(**SHORT, epochs=epochs, **RECIPES[name])


def plan(config: Any, data: object, device: torch.device, app_config: object) -> tuple[Plan, None]:
    """In the place of measuring how to compute, which finds another plan each time."""
    return default_plan(config, device, steps_per_record=2), None


def work(store: Store, run: Run, on_record: OnRecord | None = None) -> Run:
    """Train a claimed run in this process; Stop is heard at once."""
    with mock.patch.object(job, "choose", plan), mock.patch.object(job, "LISTEN_S", 0.0):
        return worker.work(store, store.app_config, run, on_record)


def must_hold(
    store: Store,
    run: Run,
    shown: list[EpochRecord],
    whole: list[dict[str, Any]] | None = None,
    *,
    disk_was_full: bool = False,
) -> None:
    """Of a run without a process: nothing that was `shown` is lost or trained again, nothing is torn or doubled.

    `whole`: the facts of the same run left alone; what there is must be their beginning. Where the `disk_was_full`, what
    the network says of its sets may be missing: no row promises it, and whoever looks has it measured again.
    """
    run = store.get(run.id)
    epochs, steps = store.epochs(run.id), store.steps(run.id)
    assert epochs[: len(shown)] == shown, "an epoch that was shown is lost, or was trained again"
    assert [record.epoch for record in epochs] == list(range(1, len(epochs) + 1)), "a gap, or one twice"
    numbers = [record.step for record in steps]
    assert numbers == sorted(set(numbers))
    if whole is not None:
        of_steps, of_epochs = [f for f in whole if "lr" in f], [f for f in whole if "lr" not in f]
        now = facts(store, run)
        assert now[: len(steps)] == of_steps[: len(steps)], "other steps, or a gap between them"
        assert now[len(steps) :] == of_epochs[: len(epochs)], "other epochs"
    assert run.last_epoch == (epochs[-1] if epochs else None)
    assert run.step >= (epochs[-1].step if epochs else 0)
    begun = {path.name for path in store.folder(run.id).iterdir() if path.suffix in (".safetensors", ".tmp")}
    said = {path.name: names.owner_of(path) for path in store.folder(run.id).iterdir() if names.owner_of(path)}
    assert answers_of(run) <= files_of(store, run), "scores without the answers that they count"
    named = named_by(store, run)
    promised = {name for name in named if not name.startswith("predictions-")}
    assert begun | answers_of(run) == promised, "a file that no row names, or a row without its file"
    assert set(said.values()) <= named, "what a network says that no row names"
    assert disk_was_full or named - promised <= set(said), "what a network says is lost"
    states = store.checkpoints(run.id, "state")
    for file in [*store.weights(run.id), *store.early(run.id), *states]:
        checkpoints.verified(store.path(file), file)
    last, newest = (max((found.step for found in some), default=0) for some in (epochs, states))
    assert newest >= last, "it would train an epoch again that was shown"
    the_store_is_sound(store)


def the_store_is_sound(store: Store) -> None:
    """As SQLite itself looks at it."""
    with store.database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def must_be_equal(store: Store, run: Run, other_store: Store, other: Run) -> None:
    """Bit for bit: every record, the scores, the weights of every epoch and of epoch 1's steps, the optimizer and the random
    states.
    """
    run, other = store.get(run.id), other_store.get(other.id)
    assert (run.status, other.status) == ("finished", "finished")
    assert facts(store, run) == facts(other_store, other)
    assert scores(run) == scores(other)
    assert (run.best_epoch, run.step, run.epoch) == (other.best_epoch, other.step, other.epoch)
    mine, theirs = ({file.epoch: file for file in s.weights(r.id)} for s, r in ((store, run), (other_store, other)))
    assert {0, run.config.epochs} <= mine.keys() & theirs.keys()
    for epoch in mine.keys() & theirs.keys():
        same_tensors(store, mine[epoch], other_store, theirs[epoch])
    early, others_early = store.early(run.id), other_store.early(other.id)
    assert [file.step for file in early] == [file.step for file in others_early]
    for file, other_file in zip(early, others_early, strict=True):
        same_tensors(store, file, other_store, other_file)
    mine_last, theirs_last = store.checkpoints(run.id, "state")[-1], other_store.checkpoints(other.id, "state")[-1]
    same_tensors(store, mine_last, other_store, theirs_last)


def same_tensors(store: Store, file: Any, other_store: Store, other: Any) -> None:
    """Of two checkpoints; and their places in the run, without the clock."""
    tensors, meta = checkpoints.read(store.path(file), file)
    others, other_meta = checkpoints.read(other_store.path(other), other)
    assert list(tensors) == list(others)
    for name in tensors:
        assert torch.equal(tensors[name], others[name]), name
    for place in (meta["place"], other_meta["place"]):
        place.pop("elapsed_s")
    assert meta == other_meta
