"""What a run reports is kept as it was said."""

import math
from collections.abc import Callable

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Checkpoint, Run, Store, StoreError
from tests.factories import epoch_record, score, step_records
from tests.worker.helpers import files_of

ReportEpoch = Callable[..., Checkpoint]


def state(store: Store, run: Run, epoch: int, step: int) -> Checkpoint:
    """A state on the disk, not yet named."""
    name = f"state-{epoch:04d}-{step:07d}.safetensors"
    (store.folder(run.id) / name).write_bytes(b"state")
    return Checkpoint(run_id=run.id, kind="state", epoch=epoch, step=step, name=name, sha256="1" * 64, bytes=5)


def test_steps_come_back_as_they_went_in(store: Store, running: Run) -> None:
    """Bit for bit, and only the newer ones where asked; the run's row tells how far it is."""
    said = step_records(1, 25)
    store.add_steps(running.id, said[:10], 900.0)
    store.add_steps(running.id, said[10:], 1234.5)
    store.add_steps(running.id, [], 1.0)

    assert store.steps(running.id) == said
    assert store.steps(running.id, after=20) == said[20:]
    assert store.steps(running.id, after=5, until=12) == said[5:12]
    run = store.get(running.id)
    assert (run.epoch, run.step, run.images_per_s, run.elapsed_s) == (3, 25, 1234.5, said[-1].elapsed_s)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", ["loss", "accuracy", "lr", "elapsed_s", "least_loss", "greatest_loss"])
def test_what_is_no_number_is_refused_whole(store: Store, running: Run, column: str, bad: float) -> None:
    """SQLite would keep NaN as NULL. The sound steps of the same batch are not kept either: one transaction."""
    batch = step_records(1, 3)
    batch[1] = batch[1].model_copy(update={column: bad})

    with pytest.raises(StoreError, match="not a finite number"):
        store.add_steps(running.id, batch, 1.0)

    assert store.steps(running.id) == []


def test_an_epoch_that_is_no_number_is_refused(store: Store, running: Run) -> None:
    """Also inside a score."""
    record = epoch_record(1, train=score(0.1, loss=math.nan))

    with pytest.raises(StoreError, match="not a finite number"):
        store.commit(running.id, [record], [])


def test_epochs_and_their_weights_come_back_in_order(store: Store, running: Run, report_epoch: ReportEpoch) -> None:
    """Records, files, the newest scores in the run itself."""
    files = [report_epoch(running, epoch, accuracy=epoch / 10) for epoch in (1, 2, 3)]

    assert [record.epoch for record in store.epochs(running.id)] == [1, 2, 3]
    assert store.weights(running.id) == files
    assert store.path(files[0]).is_file()
    run = store.get(running.id)
    assert run.last_epoch == store.epochs(running.id)[-1]
    assert run == store.list()[0]


@pytest.mark.parametrize(
    ("accuracies", "best"),
    [([0.1, 0.5, 0.4], 2), ([0.5, 0.5, 0.4], 1), ([0.3], 1), ([None, None, None], 3)],
)
def test_the_best_epoch_is_the_earliest_of_highest_validation_accuracy(
    store: Store, running: Run, report_epoch: ReportEpoch, accuracies: list[float | None], best: int
) -> None:
    """Without validation, the last."""
    for epoch, accuracy in enumerate(accuracies, start=1):
        report_epoch(running, epoch, accuracy=accuracy)

    assert store.get(running.id).best_epoch == best


def test_committing_an_epoch_twice_changes_nothing(store: Store, running: Run, report_epoch: ReportEpoch) -> None:
    """A continued run may report the epoch it was interrupted in once more."""
    file = report_epoch(running, 1)
    before = store.get(running.id), store.epochs(running.id), store.weights(running.id)

    store.commit(running.id, [store.epochs(running.id)[0]], [file])

    assert (store.get(running.id), store.epochs(running.id), store.weights(running.id)) == before


def test_epochs_that_waited_are_kept_with_one_state(store: Store, running: Run, report_epoch: ReportEpoch) -> None:
    """In one transaction; those in between have scores and no weights, as if thinned."""
    report_epoch(running, 1)
    said = [store.epochs(running.id)[0].model_copy(update={"epoch": n, "step": 10 * n}) for n in (2, 3, 4)]

    store.commit(running.id, said, [state(store, running, 4, 40)])

    assert [record.epoch for record in store.epochs(running.id)] == [1, 2, 3, 4]
    assert [file.epoch for file in store.weights(running.id)] == [1]
    assert [file.step for file in store.checkpoints(running.id, "state")] == [40]


def test_a_late_commit_sets_no_progress_back(store: Store, running: Run, report_epoch: ReportEpoch) -> None:
    """Files are written beside the training: steps have been recorded meanwhile."""
    report_epoch(running, 1)
    (record,) = store.epochs(running.id)
    store.add_steps(running.id, step_records(11, 25), 1.0)
    before = store.get(running.id)

    store.commit(running.id, [record], [state(store, running, 1, 10)])

    now = store.get(running.id)
    assert (now.epoch, now.step, now.elapsed_s) == (before.epoch, before.step, before.elapsed_s) == (3, 25, 25 / 7)


def test_weights_before_the_first_step_need_no_epoch(store: Store, running: Run) -> None:
    """Epoch 0 has weights to look at, and no record."""
    name = "weights-0000.safetensors"
    (store.folder(running.id) / name).write_bytes(b"w")
    file = Checkpoint(run_id=running.id, kind="weights", epoch=0, step=0, name=name, sha256="2" * 64, bytes=1)

    store.commit(running.id, [], [file])

    assert store.weights(running.id) == [file]
    assert store.epochs(running.id) == []


def early(store: Store, run: Run, step: int, size: int = 1) -> Checkpoint:
    """Weights after that step of epoch 1."""
    name = f"early-0000-{step:07}.safetensors"
    (store.folder(run.id) / name).write_bytes(bytes(size))
    return Checkpoint(run_id=run.id, kind="early", epoch=0, step=step, name=name, sha256="3" * 64, bytes=size)


def test_weights_within_epoch_1_are_no_epoch(store: Store, running: Run, report_epoch: ReportEpoch) -> None:
    """They stand apart, in the order of their steps, and go with the steps when a run is taken up from before them."""
    files = [early(store, running, step) for step in (4, 1, 2)]
    store.commit(running.id, [], files)
    kept = report_epoch(running, 1)

    assert store.weights(running.id) == [kept]
    assert store.early(running.id) == sorted(files, key=lambda file: file.step)
    assert store.checkpoints(running.id, "state") == []

    store.rewind(running.id, step=2)
    assert [file.step for file in store.early(running.id)] == [1, 2]
    assert files_of(store, running) == {file.name for file in store.early(running.id)}


def test_weights_within_epoch_1_count_as_bytes_of_the_run(
    store: Store, app_config: AppConfig, running: Run, report_epoch: ReportEpoch
) -> None:
    """They stay, and as many epochs fewer do."""
    store.app_config = app_config.model_copy(update={"run_budget_bytes": 5_000})
    store.commit(running.id, [], [early(store, running, 1, size=1_500)])
    for epoch in range(1, 21):
        report_epoch(running, epoch, size=1_000)

    assert len(store.weights(running.id)) == 3
    assert [file.step for file in store.early(running.id)] == [1]


def test_the_last_two_states_are_kept(store: Store, running: Run) -> None:
    """Two, so that a damaged newest one is not the end; the older files are gone."""
    for step in (10, 20, 25):
        store.commit(running.id, [], [state(store, running, step // 10, step)])

    kept = store.checkpoints(running.id, "state")
    assert [file.step for file in kept] == [20, 25]
    assert files_of(store, running) == {file.name for file in kept}


def test_a_byte_budget_thins_the_weights(
    store: Store, app_config: AppConfig, running: Run, report_epoch: ReportEpoch
) -> None:
    """First, last and best stay, and what the store names is what is on the disk."""
    store.app_config = app_config.model_copy(update={"run_budget_bytes": 5_000})
    for epoch in range(1, 21):
        report_epoch(running, epoch, accuracy=0.9 if epoch == 4 else 0.5, size=1_000)

    kept = store.weights(running.id)
    assert {1, 4, 20} <= {file.epoch for file in kept}
    assert len(kept) == 5
    assert files_of(store, running) == {file.name for file in kept}
    assert len(store.epochs(running.id)) == 20, "the scores of all epochs stay"


def test_rewinding_forgets_what_came_later(store: Store, running: Run, report_epoch: ReportEpoch) -> None:
    """Steps, epochs, files and the best epoch are as they were at that step."""
    for epoch, accuracy in enumerate((0.3, 0.2, 0.9), start=1):
        report_epoch(running, epoch, accuracy=accuracy)
    store.commit(running.id, [], [state(store, running, 2, 15)])
    store.commit(running.id, [], [state(store, running, 3, 30)])

    store.rewind(running.id, step=15)

    assert [step.step for step in store.steps(running.id)] == list(range(1, 16))
    assert [record.epoch for record in store.epochs(running.id)] == [1]
    assert files_of(store, running) == {"weights-0001.safetensors", "state-0002-0000015.safetensors"}
    run = store.get(running.id)
    assert (run.epoch, run.step, run.best_epoch, run.elapsed_s) == (2, 15, 1, 15 / 7)
    assert run.last_epoch is not None
    assert run.last_epoch.epoch == 1
    store.add_steps(running.id, step_records(16, 20), 1.0)  # and it goes on


def test_rewinding_to_the_start_leaves_nothing(store: Store, running: Run, report_epoch: ReportEpoch) -> None:
    """A run that has no sound state starts again."""
    report_epoch(running, 1)

    store.rewind(running.id, step=0)

    run = store.get(running.id)
    assert (run.epoch, run.step, run.best_epoch, run.last_epoch, run.elapsed_s) == (0, 0, None, None, 0.0)
    assert files_of(store, running) == set()


def test_a_process_given_up_for_dead_cannot_write(store: Store, running: Run, report_epoch: ReportEpoch) -> None:
    """Were its run continued by another, two would write into one history."""
    file = report_epoch(running, 1)
    record = store.epochs(running.id)[0]
    store.finish(running.id, RunStatus.STOPPED, "Stopped.")

    for write in (
        lambda: store.add_steps(running.id, step_records(11, 11), 1.0),
        lambda: store.commit(running.id, [record], [file]),
        lambda: store.commit(running.id, [], [file]),
        lambda: store.rewind(running.id, 0),
        lambda: store.start(running.id, "cpu", {}, 10),
        lambda: store.finish(running.id, RunStatus.FINISHED, "Done."),
    ):
        with pytest.raises(StoreError, match="not in training any more"):
            write()
