"""Several steps a record: the same training, said in fewer words."""

import itertools

import pytest
import torch

from cnnlab.data.tensors import Data
from cnnlab.records import EpochRecord, StepRecord
from cnnlab.training import Fit, TrainingState, fit
from cnnlab.training.engine.default_plan import default_plan
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
    """The first step alone, then each fifth, and each epoch's last: whatever was stopped, the same places."""
    records = steps_of(list(training(small_data, 5)))

    assert [r.step for r in records] == [1, 5, 10, 13, 18, 23, 26]
    assert [r.epoch for r in records] == [1, 1, 1, 1, 2, 2, 2]


def test_a_record_is_the_mean_of_its_steps(small_data: Data) -> None:
    """Loss and accuracy are those of the single steps, averaged, and the ends of their losses are kept; the epochs' scores
    do not change at all."""
    single, grouped = list(training(small_data, 1)), list(training(small_data, 5))
    ones, before = steps_of(single), 0

    for record in steps_of(grouped):
        mine = ones[before : record.step]
        assert record.loss == pytest.approx(sum(r.loss for r in mine) / len(mine))
        assert record.accuracy == pytest.approx(sum(r.accuracy for r in mine) / len(mine))
        assert (record.least_loss, record.greatest_loss) == (min(r.loss for r in mine), max(r.loss for r in mine))
        before = record.step
    epochs = [[facts(r) for r in records if isinstance(r, EpochRecord)] for records in (single, grouped)]
    assert epochs[0] == epochs[1]


@pytest.mark.parametrize("stop_after", [1, 2, 4, 5, 7])
def test_a_continued_run_has_the_same_records(small_data: Data, stop_after: int) -> None:
    """Stopped after any record, the later ones stand where they would have stood, bit for bit."""
    expected = [facts(r) for r in training(small_data, 5)]
    first = training(small_data, 5)
    begun = [facts(r) for r in itertools.islice(first, stop_after)]

    assert begun + [facts(r) for r in training(small_data, 5, first.state())] == expected
