"""Several steps a record: the same training, said in fewer words."""

import itertools
from dataclasses import replace
from statistics import fmean

import pytest
import torch

from cnnlab.data.tensors import Data, ImageSet
from cnnlab.records import EpochRecord, StepRecord
from cnnlab.training import Fit, TrainingState, fit
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.evaluation import evaluate
from tests.factories import shapes_config

CPU = torch.device("cpu")
CONFIG = shapes_config(epochs=2, batch_size=20, dropout=0.3, validation_size=100)


def training(data: Data, every: int, state: TrainingState | None = None) -> Fit:
    """250 pictures in batches of 20: thirteen steps an epoch, the last one short."""
    return fit(CONFIG, data, CPU, state, default_plan(CONFIG, CPU, steps_per_record=every))


def steps_of(records: list[StepRecord | EpochRecord]) -> list[StepRecord]:
    return [record for record in records if isinstance(record, StepRecord)]


def facts(record: StepRecord | EpochRecord) -> dict[str, object]:
    return record.model_dump(exclude={"elapsed_s"})


def test_the_grid_starts_anew_each_epoch(small_data: Data) -> None:
    """Each fifth step and each epoch's last, in epoch 1 also each power of two: whatever was stopped, the same places."""
    records = steps_of(list(training(small_data, 5)))

    assert [r.step for r in records] == [1, 2, 4, 5, 8, 10, 13, 18, 23, 26]
    assert [r.epoch for r in records] == [1, 1, 1, 1, 1, 1, 1, 2, 2, 2]


def test_a_record_is_the_mean_of_its_steps(small_data: Data) -> None:
    """Loss and accuracy are those of the single steps, weighed by their pictures, and the ends of their losses are kept; the
    epochs' scores do not change at all."""
    single, grouped = list(training(small_data, 1)), list(training(small_data, 5))
    ones, before = steps_of(single), 0

    for record in steps_of(grouped):
        mine = ones[before : record.step]
        pictures = [r.pictures for r in mine]
        assert record.pictures == sum(pictures)
        assert record.loss == pytest.approx(fmean([r.loss for r in mine], pictures))
        assert record.accuracy == pytest.approx(fmean([r.accuracy for r in mine], pictures))
        assert (record.least_loss, record.greatest_loss) == (min(r.loss for r in mine), max(r.loss for r in mine))
        before = record.step
    epochs = [[facts(r) for r in records if isinstance(r, EpochRecord)] for records in (single, grouped)]
    assert epochs[0] == epochs[1]


@pytest.mark.parametrize("stop_after", [1, 2, 4, 5, 8, 10])
def test_a_continued_run_has_the_same_records(small_data: Data, stop_after: int) -> None:
    """Stopped after any record, the later ones stand where they would have stood, bit for bit."""
    expected = [facts(r) for r in training(small_data, 5)]
    first = training(small_data, 5)
    begun = [facts(r) for r in itertools.islice(first, stop_after)]

    assert begun + [facts(r) for r in training(small_data, 5, first.state())] == expected


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_every_picture_counts_once(small_data: Data, smoothing: float) -> None:
    """A last batch of one picture: record and epoch hold the loss of the pictures, not of the batches.

    The network stands still, so that one pass over the pictures says what is right. The tutorial's figure is a mean over
    batches of what the optimizer saw, and stays that.
    """
    images, labels = small_data.train.images[:65], small_data.train.labels[:65]
    data = replace(small_data, train=ImageSet("train", images, labels))
    config = shapes_config(
        epochs=1, batch_size=64, lr=1e-7, optimizer="sgd", validation_size=100, label_smoothing=smoothing
    )
    training = fit(config, data, CPU, plan=default_plan(config, CPU, steps_per_record=2))
    score = evaluate(training.model, data.train, data.mean, data.std)
    first, last, epoch = training

    assert isinstance(epoch, EpochRecord)
    assert (first.pictures, last.pictures) == (64, 1)
    together = (64 * first.loss + last.loss) / 65
    assert together == pytest.approx(score.loss, abs=1e-5)
    assert epoch.training_loss == epoch.loss == pytest.approx(score.loss, abs=1e-5)
    assert (64 * first.accuracy + last.accuracy) / 65 == pytest.approx(score.accuracy)
    if smoothing:
        assert first.objective > first.loss
        assert epoch.running_loss == pytest.approx((first.objective + last.objective) / 2)
    else:
        assert (first.objective, last.objective) == (None, None)
        assert epoch.running_loss == pytest.approx((first.loss + last.loss) / 2)
        assert abs(epoch.running_loss - score.loss) > 0.001


def test_an_epoch_that_an_older_cnnlab_began_has_no_loss_made_up(small_data: Data) -> None:
    """Its state lacks the sum over the pictures: that epoch says what it knows, and the next is whole again."""
    training = fit(CONFIG, small_data, CPU)
    list(itertools.islice(training, 3))
    state = training.state()
    old = TrainingState(state.tensors, {k: v for k, v in state.meta.items() if k != "picture_loss_sum"})
    first, second = (record for record in fit(CONFIG, small_data, CPU, old) if isinstance(record, EpochRecord))

    assert first.training_loss is None
    assert first.loss == first.running_loss
    assert second.training_loss is not None
