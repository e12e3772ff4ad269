"""The learning-rate range test: its course, its trace (none), and what it makes of several curves."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data.tensors import Data
from cnnlab.training import lr_range as module
from cnnlab.training.lr_range import FEWEST, TESTS, judged, lr_range, smooth
from tests.factories import shapes_config

CPU = torch.device("cpu")
rates = [1e-5 * 1.77**n for n in range(25)]


def test_it_is_the_same_each_time_and_leaves_no_trace(small_data: Data) -> None:
    """By the seed alone; random state, threads and denormals as before."""
    asked = shapes_config(dropout=0.2, augmentation="flip_crop")
    random = torch.get_rng_state()
    first = lr_range(asked, small_data, CPU, steps=40)
    assert torch.equal(random, torch.get_rng_state())
    torch.manual_seed(5)
    assert lr_range(asked, small_data, CPU, steps=40) == first


def test_each_short_test_has_a_seed_of_its_own(small_data: Data) -> None:
    """Four tests share the steps; the second of seed 0 is the first of seed 1, also at the last seed there is."""
    first, second = (lr_range(shapes_config(seed=seed), small_data, CPU, steps=40) for seed in (0, 1))
    assert len(first.losses) == TESTS
    assert first.losses[1:] == second.losses[:-1]
    assert len(set(first.losses)) == TESTS
    assert sum(map(len, first.losses)) <= 40
    assert lr_range(shapes_config(seed=2**31 - 1), small_data, CPU, steps=40).losses[1] == first.losses[0]


def test_rates_grow_by_one_factor(small_data: Data) -> None:
    """From the first rate to the last; the config's own lr and schedule play no part."""
    test = lr_range(shapes_config(), small_data, CPU, steps=84, lowest=1e-4, highest=1e-2)
    assert (test.lr[0], test.lr[-1]) == (1e-4, pytest.approx(1e-2))
    factors = [b / a for a, b in zip(test.lr, test.lr[1:], strict=False)]
    assert factors == [pytest.approx(10**0.1)] * 20
    assert max(map(len, test.losses)) <= len(test.lr)
    same = lr_range(shapes_config(lr=0.5, schedule="one_cycle"), small_data, CPU, steps=84, lowest=1e-4, highest=1e-2)
    assert same.losses == test.losses


def test_it_ends_where_the_loss_blows_up(monkeypatch: pytest.MonkeyPatch, small_data: Data) -> None:
    """Where it is no number, and where the mean of a few steps is four times the lowest; one odd batch ends nothing."""
    courses = [[2.0, 1.0, math.nan, 1.0], [2.0, 2.0, 2.0, 5.0, 2.0, 2.0], [1.0, 1.0, 1.0, 5.0, 9.0, 1.0], [1.0] * 10]

    def losses(config: object, *_: object) -> Iterator[float]:
        yield from courses[config.seed]  # type: ignore[attr-defined]

    monkeypatch.setattr(module, "_losses", losses)
    test = lr_range(shapes_config(), small_data, CPU, steps=40)
    assert list(map(len, test.losses)) == [2, 6, 5, 10]
    assert len(test.smoothed) == 2


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40), st.integers(1, 5))
def test_smoothing_stays_between_the_extremes_and_has_no_lag(losses: list[float], reach: int) -> None:
    """A mean over as many before as after; a straight line stays the line, to both its ends."""
    smoothed = smooth(losses, reach)
    assert len(smoothed) == len(losses)
    assert min(losses) - 1e-9 <= min(smoothed) <= max(smoothed) <= max(losses) + 1e-9
    line = [0.5 * n for n in range(len(losses))]
    assert smooth(line, reach) == pytest.approx(line)


def valley(lowest: float) -> list[float]:
    """A loss that is flat, falls to its minimum near the rate `lowest`, then rises steeply."""
    return [2.3 - 0.8 / (1 + (lowest / 10 / lr) ** 2) + (lr / lowest / 2) ** 3 for lr in rates]


def at_minimum(curve: list[float]) -> float:
    """The rate with the lowest loss."""
    return rates[curve.index(min(curve))]


@given(st.lists(st.floats(1e-2, 1.0), min_size=4, max_size=4))
def test_the_band_holds_a_tenth_of_where_each_test_is_lowest(lowest: list[float]) -> None:
    """From the lowest to the highest of the four; the suggestion is its middle on a log scale; the reason names all."""
    curves = [valley(each) for each in lowest]
    test = judged(rates, curves)
    pointed = [at_minimum(smooth(curve, 1)) / 10 for curve in curves]
    assert test.rates == pytest.approx(pointed, rel=0.05)
    assert test.band == (min(test.rates), max(test.rates))
    assert test.suggestion == pytest.approx(math.sqrt(test.band[0] * test.band[1]), rel=0.05)
    for rate in (*test.band, test.suggestion):
        assert f"{rate:g}" in test.reason


@given(st.floats(-0.01, 0.5))
def test_nothing_is_suggested_where_nothing_was_learnt(slope: float) -> None:
    """A loss that stands still or rises shows no rate."""
    test = judged(rates, [[2.3 + slope * n / 100 for n in range(25)]] * 4)
    assert test.suggestion is test.band is None
    assert test.rates == ()
    assert "hardly fell" in test.reason


def test_batches_that_differ_are_no_learning() -> None:
    """The lowest of fifty noisy losses is low by chance, which is hardly ever taken for a fall; a real fall always is."""
    lr = [1e-5 * 1.32**n for n in range(50)]
    noisy = [np.random.default_rng(seed).normal(2.3, 0.1, (4, 50)) for seed in range(200)]
    assert sum(judged(lr, noise.tolist()).band is not None for noise in noisy) <= 2
    assert all(judged(lr, (noise - 0.6 * (np.arange(50) > 30)).tolist()).band for noise in noisy)


@given(st.integers(0, FEWEST - 1))
def test_nothing_is_suggested_by_a_few_steps(count: int) -> None:
    """Too few to go by, and said so; also where not one had a number."""
    test = judged(rates[:count], [valley(0.1)[:count]] * 4)
    assert test.suggestion is None
    assert f"After {count} steps" in test.reason
