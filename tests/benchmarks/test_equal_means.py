"""The test of equivalence, against known numbers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.training.equal_means import paired_tost, tost

POINTS = st.lists(st.floats(50, 70), min_size=3, max_size=12).filter(lambda v: max(v) - min(v) > 0.1)


def test_by_the_tables() -> None:
    """n = 5 each, sd √2.5 both, equal means, margin 3: t = 3 with 8 degrees of freedom, whose tail is 0.00853."""
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    result = tost(values, values, margin=3.0)

    assert result.difference == 0
    assert result.p == pytest.approx(0.00853, abs=1e-5)
    assert result.shown


def test_welch_where_the_spreads_differ() -> None:
    """Means 3 and 3, variances 2.5 and 40, n = 5: t = 9 / √8.5 with 4.498 degrees of freedom, whose tail is 0.01568."""
    result = tost([1.0, 2.0, 3.0, 4.0, 5.0], [-5.0, -1.0, 3.0, 7.0, 11.0], margin=9.0)

    assert result.p == pytest.approx(0.01568, abs=1e-5)


@given(a=POINTS, shift=st.floats(0.5, 5), below=st.booleans())
def test_a_difference_of_the_margin_or_more_is_never_equal(a: list[float], shift: float, below: bool) -> None:
    """Whatever the spread: with the margin reached, p is at least a half."""
    result = tost(a, [x - shift if below else x + shift for x in a], margin=0.5)

    assert result.p >= 0.5 - 1e-6
    assert not result.shown


def test_few_noisy_seeds_show_nothing() -> None:
    """Equal means with a spread of a point each do not show equality within half a point by three seeds."""
    assert not tost([62.0, 63.0, 64.0], [62.0, 63.0, 64.0], margin=0.5).shown


def test_it_errs_as_rarely_as_it_says() -> None:
    """With a true difference of exactly the margin, equality is declared in about 5 % of 600 trials."""
    torch.manual_seed(0)
    samples = 63 + 0.5 * torch.randn(600, 2, 10, dtype=torch.float64)
    wrong = sum(tost(a.tolist(), (b + 0.5).tolist(), margin=0.5).shown for a, b in samples)

    assert 0.02 < wrong / 600 < 0.08


def test_one_value_is_refused() -> None:
    """A spread needs two."""
    with pytest.raises(ValueError, match="two values"):
        tost([1.0], [1.0, 2.0], margin=0.5)


def test_pairs_by_the_tables() -> None:
    """Differences 0.1, -0.1, 0.3, -0.3, n = 4, sd 0.2582, margin 0.5: t = 3.873 with 3 degrees of freedom, tail 0.01524."""
    a = [60.0, 62.0, 64.0, 66.0]
    result = paired_tost(a, [60.1, 61.9, 64.3, 65.7], margin=0.5)

    assert result.difference == pytest.approx(0.0)
    assert result.p == pytest.approx(0.01524, abs=2e-5)
    assert not tost(a, [60.1, 61.9, 64.3, 65.7], margin=0.5).shown


def test_pairs_err_as_rarely_as_they_say() -> None:
    """With a true difference of exactly the margin, equality is declared in about 5 % of 600 trials."""
    torch.manual_seed(1)
    luck, own = torch.randn(600, 10, dtype=torch.float64), 0.3 * torch.randn(600, 2, 10, dtype=torch.float64)
    a, b = 63 + luck + own[:, 0], 63.5 + luck + own[:, 1]
    wrong = sum(paired_tost(x.tolist(), y.tolist(), margin=0.5).shown for x, y in zip(a, b, strict=True))

    assert 0.02 < wrong / 600 < 0.08


def test_what_does_not_pair_is_refused() -> None:
    """Each seed needs its partner."""
    with pytest.raises(ValueError, match="pairs"):
        paired_tost([1.0, 2.0], [1.0, 2.0, 3.0], margin=0.5)
