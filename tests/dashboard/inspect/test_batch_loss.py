"""The loss that stands at a step of epoch 1: the mean of the batches around it, and said as such."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.dashboard.inspect.bar.batch_loss import BatchLoss, around
from cnnlab.dashboard.inspect.moments import Step
from cnnlab.records import StepRecord
from tests.factories import step_records


def grouped(records: list[StepRecord], ends: list[int]) -> list[StepRecord]:
    """Records that stand for the steps up to these ends, as a run makes them."""
    found, begin = [], 0
    for end in ends:
        mine = records[begin:end]
        pictures = [record.pictures or 1 for record in mine]
        mean = float(np.average([record.loss for record in mine], weights=pictures))
        found.append(mine[-1].model_copy(update={"loss": mean, "pictures": sum(pictures)}))
        begin = end
    return found


@given(st.integers(2, 60), st.integers(1, 12), st.integers(1, 64))
def test_it_is_the_mean_over_the_pictures_from_half_as_many_steps_to_twice_as_many(
    steps: int, every: int, last_batch: int
) -> None:
    """However many steps a record stands for; epoch 2 does not count, and a short last batch counts less."""
    single = [record.model_copy(update={"pictures": 64}) for record in step_records(1, 2 * steps, steps)]
    single[steps - 1] = single[steps - 1].model_copy(update={"pictures": last_batch})
    powers = [2**n for n in range(7) if 2**n < steps]
    ends = sorted({*powers, *range(every, steps, every), steps, 2 * steps})
    found = around(grouped(single, ends), powers)

    assert list(found) == [Step(power) for power in powers]
    for power in powers:
        first, last = power // 2 + 1, min(2 * power, steps)
        mine = single[first - 1 : last]
        expected = np.average([record.loss for record in mine], weights=[record.pictures for record in mine])
        assert found[Step(power)][:2] == (first, last)
        assert found[Step(power)].loss == pytest.approx(expected)


def test_records_that_were_joined_count_whole_and_say_so() -> None:
    """The store was busy: steps 1 to 4 and 5 to 12 share a record each."""
    records = grouped(step_records(1, 20, 20), [4, 12, 20])
    found = around(records, [2, 8])

    assert found[Step(2)][:2] == (1, 4)
    assert found[Step(8)][:2] == (5, 20)


def test_a_step_without_records_has_no_loss() -> None:
    """They have not reached the store yet."""
    assert around([], [1, 2]) == {}


def test_the_words_name_the_steps() -> None:
    """The training loss is another measure than that of an epoch."""
    assert str(BatchLoss(5, 16, 1.23456)) == "training loss 1.2346 (mean of steps 5–16)"
