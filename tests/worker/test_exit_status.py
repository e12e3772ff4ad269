"""What goes wrong with a run is its status and one sentence that says what to do."""

import math
import resource
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from sqlalchemy import Connection

from cnnlab import worker
from cnnlab.data import Dataset, _download
from cnnlab.data_folders import DataFolders
from cnnlab.formatting import count
from cnnlab.models import complete
from cnnlab.records import EpochRecord, RunStatus, StepRecord
from cnnlab.runs import Store
from cnnlab.runs.store import history, tables
from cnnlab.runs.store.transactions import RUNS
from cnnlab.schema import TrainingConfig
from cnnlab.training import Fit
from cnnlab.worker import exit_status
from tests.worker.helpers import facts, files_of, named_by, resume, small, train


@pytest.mark.usefixtures("waiting_for_the_disk")
def test_a_damaged_best_epoch_does_not_fail_the_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores of the last network count; that the best could not be measured is said."""

    def damage(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord) and record.epoch == 1:
            store.path(store.weights(store.list()[0].id)[-1]).write_bytes(b"damaged")

    judge = history.judge

    def first_is_best(connection: Connection, number: int) -> int:
        judge(connection, number)
        connection.execute(tables.runs.update().where(RUNS.number == number).values(best_epoch=1))
        return 1

    monkeypatch.setattr(history, "judge", first_is_best)
    run = train(store, small(), damage)

    assert run.status is RunStatus.FINISHED
    assert "damaged after it was written. So epoch 1, the best, has no scores" in run.message
    assert run.results.final.epoch == 3
    assert run.results.best is None


def test_a_full_disk_is_said_and_the_run_can_be_continued(store: Store, full_disk: Callable[[int], None]) -> None:
    """No half-written file stays to fill it further; with room again, the run is the one it would have been."""
    whole = train(store, small(epochs=8))

    def fill(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord) and record.step == 7:
            full_disk(200_000)  # room for the store, none for 62,006 weights

    failed = train(store, small(epochs=8), fill)
    full_disk(resource.RLIM_INFINITY)

    assert failed.status is RunStatus.FAILED
    assert failed.step < 32, "it is heard while training goes on"
    assert failed.message == "The disk is full. Every epoch that was shown is kept; free some space, then continue."
    assert files_of(store, failed) == named_by(store, failed)
    shown = store.epochs(failed.id)
    resumed = resume(store, failed)
    assert facts(store, resumed) == facts(store, whole)
    assert store.epochs(failed.id)[: len(shown)] == shown, "what was shown was not trained again"


def test_divergence_keeps_the_last_good_epoch(store: Store) -> None:
    """A hopeless learning rate ends as `diverged` with advice; every stored number is finite."""
    run = train(store, small(lr=10.0, weight_decay=1.0, optimizer="sgd", epochs=40))

    assert run.status is RunStatus.DIVERGED
    assert "Try a smaller learning rate" in run.message
    steps = store.steps(run.id)
    assert all(math.isfinite(s.loss) for s in steps)
    assert f"step {len(steps) + 1}:" in run.message, "the steps before it are all there to be seen"
    assert len(store.epochs(run.id)) == len(steps) // 4, "and all epochs"
    assert store.weights(run.id)[0].epoch == 0


FAULTS = {
    "memory": (torch.OutOfMemoryError("CUDA out of memory"), "Try a batch size of 32"),
    "memory of the CPU": (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), "Try a batch size of 32"),
    "memory of MPS": (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB"), "Try a batch size of 32"),
    "disk": (OSError(28, "No space left on device"), "The disk is full"),
    "bug": (KeyError("x"), "unexpected error ended the run"),
}


@pytest.mark.parametrize(("error", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_failure_is_one_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    """What breaks in a step becomes the run's status and a sentence; the next run can be claimed."""

    def fail(self: Fit) -> StepRecord:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Fit, "take", fail)
        run = train(store, small())

    assert run.status is RunStatus.FAILED
    assert sentence in run.message
    assert train(store, small(epochs=1)).status is RunStatus.FINISHED


def test_missing_data_is_a_sentence_that_offers_shapes(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without CIFAR-100 and without a network the run fails with the folder's name and a way out."""

    class Unreachable:
        def open(self, *args: object, **kwargs: object) -> None:
            raise URLError("unreachable")

    monkeypatch.setattr(_download, "build_opener", lambda *handlers: Unreachable())
    monkeypatch.setattr(_download, "WAITS_S", (0.0,))
    nowhere = store.app_config.model_copy(update={"data_dir": tmp_path / "nothing", "converted_dir": tmp_path / "none"})
    store.create(complete(TrainingConfig(dataset="CIFAR-100")))
    run = worker.work(store, nowhere, store.claim())

    assert run.status is RunStatus.FAILED
    assert "CIFAR-100" in run.message
    assert "shapes" in run.message


def test_a_download_tells_how_far_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the data is fetched the run says how much is there; once it trains, it does not any more."""
    said: list[str | None] = []

    prepare = Dataset.prepare

    def fetch(self: Dataset, folders: DataFolders, progress: Callable[[int, int], None] | None = None) -> None:
        if progress:
            progress(17_000_000, 170_000_000)
            said.append(store.list()[0].message)
        prepare(self, folders)

    monkeypatch.setattr(Dataset, "prepare", fetch)
    run = train(store, small(epochs=1), lambda record: said.append(store.list()[0].message))

    assert said[0] == "Preparing shapes, only this once: 10% of 170 MB"
    assert set(said[1:]) == {None}
    assert run.status is RunStatus.FINISHED


def test_counts_are_written_as_everywhere() -> None:
    """With thin separators, as on the page of the run."""
    assert exit_status.place_words(1_661, 12_520, 2) == f"at step {count(1_661)} of {count(12_520)}, in epoch 2"
    assert exit_status.halted(1_661)[1].startswith(f"Stopped at step {count(1_661)}. ")
