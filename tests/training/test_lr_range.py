"""The learning-rate range test: its course, its trace (none), and what it makes of a curve."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data.tensors import Data
from cnnlab.training.lr_range import FEWEST, judged, lr_range, smooth
from tests.factories import shapes_config

CPU = torch.device("cpu")
rates = [1e-5 * 1.15**n for n in range(100)]


def test_it_is_the_same_each_time_and_leaves_no_trace(small_data: Data) -> None:
    """By the seed alone; random state, threads and denormals as before. More steps than an epoch has."""
    asked = shapes_config(dropout=0.2, augmentation="flip_crop")
    random = torch.get_rng_state()
    first = lr_range(asked, small_data, CPU, steps=24)
    assert torch.equal(random, torch.get_rng_state())
    torch.manual_seed(5)
    assert lr_range(asked, small_data, CPU, steps=24) == first
    assert lr_range(shapes_config(dropout=0.2, augmentation="flip_crop", seed=1), small_data, CPU, steps=24) != first


def test_rates_grow_by_one_factor_and_columns_are_equally_long(small_data: Data) -> None:
    """From the first rate to the last; the config's own lr and schedule play no part."""
    test = lr_range(shapes_config(), small_data, CPU, steps=21, lowest=1e-4, highest=1e-2)
    assert (test.lr[0], test.lr[-1]) == (1e-4, pytest.approx(1e-2))
    factors = [b / a for a, b in zip(test.lr, test.lr[1:], strict=False)]
    assert factors == [pytest.approx(10**0.1)] * 20
    assert len(test.lr) == len(test.loss) == len(test.smoothed)
    same = lr_range(shapes_config(lr=0.5, schedule="one_cycle"), small_data, CPU, steps=21, lowest=1e-4, highest=1e-2)
    assert same.loss == test.loss


def test_it_ends_where_the_loss_blows_up(small_data: Data) -> None:
    """Rates far too large: no number in the columns, fewer steps than asked for."""
    test = lr_range(
        shapes_config(optimizer="sgd", batch_norm=False), small_data, CPU, steps=60, lowest=0.1, highest=10.0
    )
    assert len(test.loss) < 60 or max(test.smoothed) <= 4 * min(test.smoothed)
    assert all(map(math.isfinite, test.loss))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40))
def test_smoothing_stays_between_the_extremes(losses: list[float]) -> None:
    """A weighted mean, its start corrected: the first value is the first loss."""
    assert min(losses) - 1e-9 <= smooth(losses) <= max(losses) + 1e-9
    assert smooth(losses[:1]) == losses[0]


def valley(lowest: float) -> list[float]:
    """A loss that is flat, falls to its minimum at the rate `lowest`, then rises steeply."""
    return [2.3 - 0.8 / (1 + (lowest / 10 / lr) ** 2) + (lr / lowest / 2) ** 3 for lr in rates]


@given(st.floats(1e-2, 1.0))
def test_the_suggestion_is_a_tenth_of_where_the_loss_is_lowest(lowest: float) -> None:
    """And the steepest fall lies below that minimum; both are named in the reason."""
    curve = valley(lowest)
    test = judged(rates, curve, curve)
    at_minimum = rates[curve.index(min(curve))]
    assert test.suggestion == test.tenth == pytest.approx(at_minimum / 10, rel=0.05)
    assert test.steepest is not None
    assert rates[0] <= test.steepest <= at_minimum * 1.05
    assert f"{test.tenth:g}" in test.reason
    assert f"{test.steepest:g}" in test.reason


@given(st.floats(-0.01, 0.5))
def test_nothing_is_suggested_where_nothing_was_learnt(slope: float) -> None:
    """A loss that stands still or rises shows no rate."""
    curve = [2.3 + slope * n / 100 for n in range(100)]
    test = judged(rates, curve, curve)
    assert test.suggestion is None
    assert "hardly fell" in test.reason


@given(st.integers(0, FEWEST - 1))
def test_nothing_is_suggested_by_a_few_steps(count: int) -> None:
    """Too few to go by, and said so; also where not one had a number."""
    test = judged(rates[:count], valley(0.1)[:count], valley(0.1)[:count])
    assert test.suggestion is None
    assert f"After {count} steps" in test.reason
