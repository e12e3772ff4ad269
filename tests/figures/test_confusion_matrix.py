"""The confusion matrix as a figure: every number where it belongs, and nothing where there are no pictures."""

import numpy as np

from cnnlab.figures.confusion_matrix import confusion_figure

COUNTS = np.array([[8, 2, 0], [0, 10, 0], [5, 0, 0]])


def test_each_number_stands_in_its_cell() -> None:
    """Right answers in one colour, wrong ones in another, a cell without pictures in none; shares are of the row."""
    right, wrong, points = confusion_figure(COUNTS, ("cat", "<b>dog</b>", "frog")).data

    nan = np.nan
    np.testing.assert_array_equal(right.z, [[0.8, nan, nan], [nan, 1.0, nan], [nan, nan, nan]])
    np.testing.assert_array_equal(wrong.z, [[nan, 0.2, nan], [nan, nan, nan], [1.0, nan, nan]])
    assert (right.zmax, wrong.zmax) == (1.0, 1.0)
    assert wrong.text.tolist() == [["", "2", ""], ["", "", ""], ["5", "", ""]]
    assert list(zip(points.y, points.x, strict=True)) == [(0, 0), (0, 1), (1, 1), (2, 0)]
    assert points.text[1].startswith("cat, it says &lt;b&gt;dog&lt;/b&gt;: 2 of 10 (20.0")


def test_a_hundred_classes_are_not_named() -> None:
    """Their names would lie on each other; the read-out has them. A class without pictures is no division by zero."""
    counts = np.diag(np.arange(100))
    right, wrong, points = confusion_figure(counts, [f"class {n}" for n in range(100)]).data

    assert right.texttemplate is None
    assert len(points.x) == 99
    assert wrong.zmax == 1.0
    assert "class 99" in points.text[-1]
