"""Differences are drawn about zero, with the very numbers, and as far to one side as to the other."""

import numpy as np

from cnnlab.figures.confusion_matrix import confusion_figure, difference_figure, largest_wrong
from cnnlab.figures.difference_bars import LESS, MORE, difference_bars


def test_bars_are_centred_at_zero() -> None:
    """In points; the axis reaches as far to the left as to the right, also for the whiskers."""
    drawn = difference_bars(["cat", "dog", "<b>"], [0.125, -0.25, 0.0], "points", [(0.1, 0.2), (-0.5, 0.1), (0, 0)])
    (bars,) = drawn.data
    assert list(bars.x) == [12.5, -25.0, 0.0]
    assert list(bars.marker.color) == [MORE, LESS, LESS]
    low, high = drawn.layout.xaxis.range
    assert low == -high
    assert high >= 50
    np.testing.assert_allclose(bars.error_x.array, [7.5, 35, 0])
    np.testing.assert_allclose(bars.error_x.arrayminus, [2.5, 25, 0])
    assert "&lt;b&gt;" in drawn.layout.yaxis.ticktext[2]
    assert difference_bars(["cat"], [0.0], "points").layout.xaxis.range[1] > 0


def test_a_whisker_ends_where_its_interval_does() -> None:
    """A bar is as long as its number says, which is rounded; the ends of its whisker are not moved by that."""
    (bars,) = difference_bars(["cat"], [0.12345], "points", [(0.1, 0.2)]).data
    assert list(bars.x) == [12.3]
    np.testing.assert_allclose([bars.x[0] - bars.error_x.arrayminus[0], bars.x[0] + bars.error_x.array[0]], [10, 20])


def test_a_matrix_of_differences() -> None:
    """Above zero on one colour scale, below on another, both full at the same number; nothing where there is none."""
    away = np.array([[3, -5], [0, 2]])
    more, fewer = difference_figure(away, ("cat", "dog")).data
    np.testing.assert_array_equal(more.z, [[3, np.nan], [np.nan, 2]])
    np.testing.assert_array_equal(fewer.z, [[np.nan, 5], [np.nan, np.nan]])
    assert (more.zmin, more.zmax) == (fewer.zmin, fewer.zmax) == (0, 5)
    assert more.text[0][0] == "+3"
    assert fewer.text[0][1] == "−5"
    assert fewer.customdata[0][1] == "cat, it says dog: −5"
    assert difference_figure(np.zeros((2, 2), np.int64), ("cat", "dog")).data[0].zmax == 1


def test_two_matrices_have_one_scale() -> None:
    """The colour of wrong cells is full at the same share of a row in both."""
    counts, other = np.array([[8, 2], [5, 5]]), np.array([[1, 9], [0, 10]])
    assert (largest_wrong(counts), largest_wrong(other)) == (0.5, 0.9)
    tops = [confusion_figure(each, ("cat", "dog"), 0.9).data[1].zmax for each in (counts, other)]
    assert tops == [0.9, 0.9]
    assert confusion_figure(counts, ("cat", "dog")).data[1].zmax == 0.5
