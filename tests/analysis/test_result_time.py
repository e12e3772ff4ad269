"""The time until a result: start-up, measuring and the queue are part of it, and not only the training."""

import pytest

from cnnlab.analysis.result_time import (
    FORWARD_SHARE,
    START_S,
    Experience,
    measured_pictures,
    result_s,
    sizes_of,
    waits,
    with_result,
)
from cnnlab.data import DATASETS
from cnnlab.records import Forecast, Usage
from cnnlab.schema import TrainingConfig

INFO = DATASETS.get("CIFAR-10").info
CONFIG = TrainingConfig(epochs=2, train_subset=5_000, validation_size=1_000)


def test_every_set_that_is_measured_counts() -> None:
    """After each epoch the sample and validation; at the end whole sets, the test set once more for each view."""
    sizes = sizes_of(CONFIG, INFO)
    assert measured_pictures(CONFIG, sizes, networks=2) == (2_000, 2 * (5_000 + 1_000 + 10_000))
    views = CONFIG.model_copy(update={"test_time_augmentation": "mirror_shift"})
    assert measured_pictures(views, sizes, networks=1) == (2_000, 5_000 + 1_000 + 7 * 10_000)
    alone = CONFIG.model_copy(update={"validation_size": 0, "train_subset": None})
    assert measured_pictures(alone, sizes_of(alone, INFO), networks=1) == (5_000, 60_000)


def test_an_earlier_run_of_the_same_kind_foretells_the_next() -> None:
    """12.8 s of training took 40 s in all: the same run is announced with 40 s, and one of more epochs in proportion."""
    speed = 2 * 5_000 / 12.8
    earlier = [Experience(CONFIG, speed, 12.8, Usage(epoch_s=6.4, memory_bytes=None, start_s=3.2, result_s=40.0))]
    assert result_s(CONFIG, INFO, earlier) == pytest.approx(40.0)
    measured_s = 24.0 / (2 * 2_000 + 24_000)
    longer = CONFIG.model_copy(update={"epochs": 10})
    assert result_s(longer, INFO, earlier) == pytest.approx(3.2 + 64.0 + measured_s * (10 * 2_000 + 24_000))


def test_starts_count_by_their_mean_and_exceptions_not_at_all() -> None:
    """Of many runs in a row every second finds a worker that is not ready: 0.2 and 8 s; a download comes once."""
    usages = [Usage(epoch_s=6.4, memory_bytes=None, start_s=s, result_s=36.8 + s) for s in (0.2, 8.0, 0.2, 8.0, 300.0)]
    earlier = [Experience(CONFIG, 2 * 5_000 / 12.8, 12.8, usage) for usage in usages]
    assert result_s(CONFIG, INFO, earlier) == pytest.approx(4.1 + 36.8)
    assert result_s(CONFIG, INFO, earlier[-1:]) == pytest.approx(START_S + 36.8)


def test_what_a_run_has_done_takes_no_time_again() -> None:
    """Continued half-way, half of the training and of the measuring within it; measured where it stands, the end alone."""
    usage = Usage(epoch_s=6.4, memory_bytes=None, start_s=3.2, result_s=40.0)
    earlier = [Experience(CONFIG, 2 * 5_000 / 12.8, 12.8, usage)]
    measured_s = 24.0 / (2 * 2_000 + 24_000)
    assert result_s(CONFIG, INFO, earlier, left=0.5) == pytest.approx(3.2 + 6.4 + measured_s * (2_000 + 24_000))
    assert result_s(CONFIG, INFO, earlier, left=0.0) == pytest.approx(3.2 + measured_s * 24_000)


def test_a_run_of_an_older_cnnlab_foretells_by_its_speed() -> None:
    """A forward pass is a third of a step; start-up takes what it usually takes; the best network is the last every second
    time. Nobody to go by: nothing is said.
    """
    told = result_s(CONFIG, INFO, [Experience(CONFIG, 1_000.0, 10.0, None)])
    assert told == pytest.approx(START_S + 10.0 + FORWARD_SHARE * 28_000 / 1_000)
    assert result_s(CONFIG, INFO, []) is None


def test_a_forecast_of_steps_foretells_the_result() -> None:
    """Low: only the last network is measured at the end. High: the best one too."""
    forecast = Forecast(epoch_s=(5.0, 10.0), memory_bytes=(1, 2), steps=3)
    low, high = with_result(forecast, CONFIG, sizes_of(CONFIG, INFO), start_s=1.0).result_s
    assert low == pytest.approx(1.0 + 10.0 + FORWARD_SHARE * (4_000 + 16_000) / 1_000)
    assert high == pytest.approx(1.0 + 20.0 + FORWARD_SHARE * (4_000 + 32_000) / 500)


def test_runs_wait_for_those_before_them() -> None:
    """One place: one after another. Two places: whichever is free first."""
    assert waits([10.0] * 9, places=1)[-1] == 90.0
    assert waits([5.0, 30.0, 10.0, 20.0], places=1) == [5.0, 35.0, 45.0, 65.0]
    assert waits([5.0, 30.0, 10.0, 20.0], places=2) == [5.0, 30.0, 15.0, 35.0]
