"""What a lesion does to accuracy is counted picture by picture, and many intervals hold together."""

import numpy as np
import pytest
from scipy import stats

from cnnlab.analysis.intervals import Z95, deviations95, paired95
from cnnlab.analysis.significance.answers import Split
from cnnlab.analysis.significance.lesions import by_class, effects


def test_counted_by_hand() -> None:
    """Three of four right before, one after; the classes of the pictures share the change among them."""
    labels, before = np.array([0, 0, 1, 1], np.int16), np.array([0, 0, 1, 0], np.int16)
    after = np.array([[1, 1, 1, 0], [0, 0, 1, 1]], np.int16)
    first, second = effects(labels, before, after)
    assert (first.before, first.after, first.change) == (0.75, 0.25, -0.5)
    assert second.change == 0.25
    assert (first.low, first.high) == paired95(Split(1, 0, 2, 1), 2)
    zero, one, none = by_class(labels, before, after[0], 3)
    assert (zero.before, zero.after, zero.n) == (1, 0, 2)
    assert (one.change, one.n) == (0, 2)
    assert (none.n, none.change, none.shown) == (0, 0, False)


def test_no_change_is_not_shown_and_a_large_one_is() -> None:
    """The same answers: 0 lies in the interval. A class lost among many pictures: far outside."""
    labels = np.arange(1000, dtype=np.int16) % 10
    lost = np.where(labels == 3, 4, labels).astype(np.int16)
    same, worse = effects(labels, labels, np.stack([labels, lost]))
    assert not same.shown
    assert worse.shown
    assert worse.high < 0
    assert [effect.shown for effect in by_class(labels, labels, lost, 10)] == [c == 3 for c in range(10)]


def test_the_band_says_the_same_as_the_interval() -> None:
    """A change is within the chance band exactly where its interval holds 0, for every split and number of lesions."""
    random = np.random.default_rng(1)
    labels = np.zeros(300, np.int16)
    for _ in range(60):
        before = random.integers(0, 2, 300).astype(np.int16)
        flip = random.random((4, 300)) < random.random() * 0.3
        up = random.random((4, 300)) < random.random()
        after = np.where(flip, np.where(up, 0, 1), before).astype(np.int16)
        for effect in effects(labels, before, after):
            assert effect.shown == (abs(effect.change) > effect.band)


def test_many_together_are_wider() -> None:
    """The quantile of the normal distribution that Bonferroni's inequality asks for; one is the plain interval."""
    assert deviations95(1) == pytest.approx(Z95, abs=1e-12)
    assert deviations95(16) == pytest.approx(stats.norm.ppf(1 - 0.05 / 32))
    split = Split(500, 20, 45, 300)
    low, high = paired95(split)
    wide_low, wide_high = paired95(split, 64)
    assert wide_low < low < high < wide_high


def test_by_luck_alone_few_rankings_show_anything() -> None:
    """Of 300 rankings of 16 lesions that change answers at random both ways, about one in twenty names one at all."""
    random = np.random.default_rng(0)
    named = 0
    for _ in range(300):
        up, down = random.binomial(40, 0.5, 16), 40
        named += any(
            not low <= 0 <= high for low, high in (paired95(Split(400, int(k), down - int(k), 160), 16) for k in up)
        )
    assert named / 300 <= 0.09
