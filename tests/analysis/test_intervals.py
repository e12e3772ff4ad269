"""The interval of a difference that two networks have on the same pictures."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.analysis.intervals import Z95, difference95, paired95
from cnnlab.analysis.significance.answers import Split
from tests.factories import score

PICTURES = st.integers(0, 3_000)
SPLITS = st.builds(Split, PICTURES, PICTURES, PICTURES, PICTURES)


def test_tango_gives_the_published_interval() -> None:
    """59, 6, 16 and 80 pairs (Cavo et al. 2012) give -0.1240 to -0.0054.

    Source: M. Fagerland, S. Lydersen and P. Laake, "Statistical Analysis of Contingency Tables", 2017, chapter 8, and the
    tests of its R package contingencytables.
    """
    low, high = paired95(Split(59, 6, 16, 80))
    assert (low, high) == (pytest.approx(-0.1240, abs=5e-5), pytest.approx(-0.0054, abs=5e-5))


def test_pictures_that_all_answer_alike_leave_an_interval() -> None:
    """50 pictures answered alike: 0, and up to z² ÷ (n + z²) to either side; without pictures everything is possible."""
    low, high = paired95(Split(30, 0, 0, 20))
    assert high == -low == pytest.approx(Z95**2 / (50 + Z95**2))
    assert paired95(Split(0, 0, 0, 0)) == (-1.0, 1.0)


@given(SPLITS)
def test_it_excludes_0_where_mcnemar_finds_a_difference(found: Split) -> None:
    """McNemar's statistic is (b - c) ÷ √(b + c); it holds what was found, and is mirrored where the two change places."""
    low, high = paired95(found)
    alone = found.only_first + found.only_second
    if alone and abs(statistic := (found.only_first - found.only_second) / sqrt(alone)) - Z95 > 1e-9:
        assert (low > 0) if statistic > 0 else (high < 0)
    elif found.n:
        difference = (found.only_first - found.only_second) / found.n
        assert -1 <= low <= min(0, difference)
        assert max(0, difference) <= high <= 1
    swapped = Split(found.both, found.only_second, found.only_first, found.neither)
    assert paired95(swapped) == (pytest.approx(-high), pytest.approx(-low))


@pytest.mark.parametrize("n", [50, 200, 10_000])
@pytest.mark.parametrize(("only_first", "only_second"), [(0.01, 0.01), (0.05, 0.02), (0.1, 0.1), (0.25, 0.15)])
def test_it_covers_what_it_promises(n: int, only_first: float, only_second: float) -> None:
    """At least 93.5 % of 4,000 draws, from 50 pictures on; and where many pictures count, hardly more than 95 %."""
    shares = [0.5, only_first, only_second, 0.5 - only_first - only_second]
    draws = np.random.default_rng(11).multinomial(n, shares, 4_000).tolist()
    intervals = {tuple(draw): paired95(Split(*draw)) for draw in draws}
    covered = [low <= only_first - only_second <= high for low, high in (intervals[tuple(draw)] for draw in draws)]

    assert np.mean(covered) >= 0.935
    assert n < 10_000 or np.mean(covered) <= 0.965


def test_by_picture_it_is_narrower() -> None:
    """63 % against 62 % of 10,000 pictures, where both answer most alike: surely ahead, which the accuracies do not tell."""
    assert difference95(score(0.63, n=10_000), score(0.62, n=10_000))[0] < 0
    low, high = paired95(Split(5_700, 600, 500, 3_200))
    assert 0 < low < 0.01 < high
