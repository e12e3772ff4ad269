"""How much luck moves an accuracy, and where that is known from."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.special import stdtrit

from cnnlab.analysis.significance.seed_spread import SeedSpread, between, own_spread, pooled, settings_of, spread_among
from cnnlab.schema import TrainingConfig

A, B = TrainingConfig(lr=0.1), TrainingConfig(lr=0.2)


def repeats(config: TrainingConfig, *accuracies: float) -> list[tuple[TrainingConfig, float]]:
    """Runs that differ by their seed alone."""
    return [(config.model_copy(update={"seed": seed}), each) for seed, each in enumerate(accuracies)]


def test_by_hand() -> None:
    """50, 52 and 60, 61, 62: squares 2 + 2 of 3 degrees of freedom; a mean of its own for each group."""
    spread = pooled([[0.50, 0.52], [0.60, 0.61, 0.62], [0.9]], "repeats")
    assert spread == SeedSpread(pytest.approx((4 / 3) ** 0.5 / 100), 3, "repeats")
    assert spread.margin() == pytest.approx(3.896 * spread.sd * 2**0.5, rel=1e-3)
    assert spread.band(4) == pytest.approx(3.182 * spread.sd / 2, rel=1e-3)
    assert pooled([[0.5], [0.6]], "repeats") is None


def test_what_is_known_best_is_taken() -> None:
    """Repeats of these settings, else of that kind, else an assumption; one or two degrees of freedom are too few."""
    own, kind = repeats(A, 0.60, 0.61, 0.62, 0.63), repeats(A.model_copy(update={"lr": 0.3}), 0.5, 0.6, 0.7, 0.8)
    assert spread_among([A, B], own + kind).source == "repeats"
    assert spread_among([A, B], own).sd == pytest.approx(0.0129, abs=1e-4)
    assert spread_among([B], own).source == "kind"
    assert spread_among([A, B], kind).source == "kind"
    assert spread_among([A, B], own[:3]).source == "assumed"
    other = [(config.model_copy(update={"architecture": "ResNet"}), each) for config, each in kind]
    assert spread_among([A, B], other).source == "assumed"
    assert spread_among([A, B], []).margin() == pytest.approx(0.0933, abs=1e-4)


def test_each_side_counts_with_its_own_spread() -> None:
    """Welch by hand: 1² ÷ 4 and 2² ÷ 3 points, with 3 and 2 degrees of freedom: 2.729 of these together."""
    first, second = SeedSpread(0.01, 3, "repeats"), SeedSpread(0.02, 2, "repeats")
    together = between(first, 4, second, 3)
    assert together.df == pytest.approx((1 / 4 + 4 / 3) ** 2 / ((1 / 4) ** 2 / 3 + (4 / 3) ** 2 / 2))
    assert together.margin(4, 3) == pytest.approx(float(stdtrit(together.df, 0.985)) * 0.01 * (1 / 4 + 4 / 3) ** 0.5)
    same = SeedSpread(0.01, 3, "repeats")
    assert between(same, 4, same, 4) == SeedSpread(pytest.approx(0.01), pytest.approx(6), "repeats")
    assert between(same, 4, SeedSpread(0.001, 2, "repeats"), 3).df == pytest.approx(3, abs=0.1)
    assert between(SeedSpread(0.01, 9, "repeats"), 10, SeedSpread(0.001, 2, "repeats"), 3).df == 4
    assert between(SeedSpread(0, 3, "repeats"), 4, SeedSpread(0, 2, "repeats"), 3).margin(4, 3) == 0


def test_a_side_has_a_spread_of_its_own_from_three_seeds_on() -> None:
    """Those of the store count, whichever are compared; a run trained again is no other seed."""
    own = repeats(A, 0.60, 0.62, 0.64)
    assert own_spread(A.model_copy(update={"seed": 7}), own) == SeedSpread(pytest.approx(0.02), 2, "repeats")
    assert own_spread(A, own[:2] * 2) is None
    assert own_spread(B, own) is None


def test_runs_of_the_same_seed_count_once() -> None:
    """Four runs of one seed are no degrees of freedom; where machines round otherwise, their mean counts."""
    assert spread_among([A], [(A, 0.6)] * 4).source == "assumed"
    seeds = repeats(A, 0.60, 0.61, 0.62, 0.63)
    other = A.model_copy(update={"test_time_augmentation": "mirror"})
    assert spread_among([A], [*seeds, (A, 0.60), (other, 0.60)]) == spread_among([A], seeds)
    known = spread_among([A], [*seeds[1:], (A, 0.59), (other, 0.61)])
    assert (known.df, known.sd) == (3, pytest.approx(spread_among([A], seeds).sd))


def test_repeats_are_the_same_but_for_the_seed() -> None:
    """And for what is only measured besides."""
    assert settings_of(A) == settings_of(A.model_copy(update={"seed": 7, "test_time_augmentation": "mirror"}))
    assert settings_of(A) != settings_of(B)


@given(some.floats(0, 0.05), some.floats(0, 1), some.integers(1, 10_000))
def test_a_spread_is_no_less_than_the_pictures_give(sd: float, accuracy: float, n: int) -> None:
    """Where all repeats learnt nothing, luck would look small."""
    spread = SeedSpread(sd, 5, "kind").at_least(accuracy, n)
    assert spread.sd == pytest.approx(max(sd, (accuracy * (1 - accuracy) / n) ** 0.5), rel=1e-12)
