"""The figures of a whole set: every number where it belongs, in the colour of its set."""

import numpy as np
import pytest

from cnnlab.analysis.predictions.by_class import class_scores
from cnnlab.analysis.predictions.calibration import calibration
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.figures.predictions.class_accuracy import class_accuracy
from cnnlab.figures.predictions.learnt_since import learnt_since
from cnnlab.figures.predictions.reliability import reliability
from cnnlab.figures.predictions.robustness import robustness_curve
from cnnlab.figures.style import TEST, TRAIN, VALIDATION

CLASSES = ("cat", "<b>dog</b>", "frog")


def test_each_class_has_its_bar() -> None:
    """In the order given, with its interval; a class without pictures has none; names are letters."""
    scores = class_scores(np.array([[8, 2, 0], [5, 15, 0], [0, 0, 0]]))
    figure = class_accuracy(scores, CLASSES, "validation", new=True)
    [bars] = figure.data

    assert list(bars.x) == [0.8, 0.75]
    assert bars.marker.color == VALIDATION
    for place, score in enumerate(scores[:2]):
        low, high = score.interval
        assert bars.x[place] - bars.error_x.arrayminus[place] == pytest.approx(low)
        assert bars.x[place] + bars.error_x.array[place] == pytest.approx(high)
    assert "&lt;b&gt;dog&lt;/b&gt;" in figure.layout.yaxis.ticktext[1]
    assert figure.layout.shapes[0].x0 == 23 / 30
    [bars] = class_accuracy(scores, CLASSES, "train sample", new=False).data
    assert bars.error_x.array is None
    assert bars.marker.color == TRAIN


def test_the_diagram_shows_every_bin() -> None:
    """Accuracy as height, bounds as width, mean certainty as dot; below, the share of the pictures."""
    random = np.random.default_rng(0)
    logits = (2 * random.normal(size=(500, 3))).astype(np.float32)
    found = calibration(Predictions.of(random.integers(0, 3, 500), logits))
    bars, diagonal, dots, shares = reliability(found, "test", new=True).data

    assert list(bars.y) == [one.accuracy for one in found.bins]
    np.testing.assert_allclose(np.array(bars.x) - np.array(bars.width) / 2, [one.low for one in found.bins])
    assert list(dots.x) == list(dots.y) == [one.confidence for one in found.bins]
    assert sum(shares.y) == pytest.approx(1.0)
    assert (list(diagonal.x), list(diagonal.y)) == ([0, 1], [0, 1])
    assert bars.marker.color == TEST
    assert reliability(found, "train sample", new=False).data[0].error_y.array is None


def test_a_bar_an_epoch_and_two_for_the_others() -> None:
    """Their places are what a click says; many epochs do not all have a name."""
    mine, others = learnt_since((0, 2, 5), (10, 0, 5), 4, 1, "validation").data

    assert list(mine.x) + list(others.x) == [0, 1, 2, 3, 4]
    assert list(mine.y) + list(others.y) == [10, 0, 5, 4, 1]
    assert mine.customdata[2].startswith("right since epoch 5: 5 of 20 (25.0")
    assert others.customdata[0].startswith("right before, wrong now: 4 of 20")
    assert len(learnt_since(range(60), [1] * 60, 0, 0, "test").layout.xaxis.tickvals) <= 14


def test_the_curve_of_a_change() -> None:
    """A mark a strength with its interval in words and as a whisker; guessing is a line; no whiskers on known pictures."""
    intervals = [(0.5, 0.7), (0.15, 0.3)]
    figure = robustness_curve([0, 0.5], ["0 px", "0.5 px"], [0.6, 0.2], intervals, "test", "blur, pixels", 0.1)
    [curve] = figure.data

    assert (list(curve.x), list(curve.y)) == ([0, 0.5], [0.6, 0.2])
    assert curve.line.color == TEST
    for place, (low, high) in enumerate(intervals):
        assert curve.y[place] - curve.error_y.arrayminus[place] == pytest.approx(low)
        assert curve.y[place] + curve.error_y.array[place] == pytest.approx(high)
    assert curve.customdata[1].startswith("0.5 px: 20.0")
    assert "15.0" in curve.customdata[1]
    assert figure.layout.shapes[0].y0 == 0.1
    known = robustness_curve([0, 1], ["0°", "1°"], [0.6, 0.2], None, "train sample", "rotation", 0.1)
    assert known.data[0].error_y.array is None
    assert known.data[0].line.color == TRAIN
