"""Since which epoch a picture is right, against a walk through its epochs by hand."""

from itertools import pairwise

import numpy as np

from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.analysis.predictions.over_epochs import LOST, NEVER, Course, course_of, spread


def since_by_hand(right: list[bool]) -> int:
    """Walk back from the last epoch."""
    if not right[-1]:
        return LOST if any(right) else NEVER
    place = len(right) - 1
    while place and right[place - 1]:
        place -= 1
    return place


def test_every_course_of_four_epochs() -> None:
    """All sixteen: since when, how often forgotten, how many an epoch."""
    right = np.array([[bool(number >> epoch & 1) for number in range(16)] for epoch in range(4)])
    course = Course((1, 3, 4, 9), right)

    assert course.since.tolist() == [since_by_hand(column.tolist()) for column in right.T]
    pairs = [list(pairwise(column)) for column in right.T.tolist()]
    assert course.forgotten.tolist() == [each.count((True, False)) for each in pairs]
    assert course.learnt() == [1, 1, 2, 4]
    assert sum(course.learnt()) == right[-1].sum()


def test_a_course_is_made_of_answers() -> None:
    """One row an epoch."""
    first = Predictions.of(np.array([0, 1]), np.array([[1, 0], [1, 0]], np.float32))
    second = Predictions.of(np.array([0, 1]), np.array([[0, 1], [0, 1]], np.float32))
    course = course_of([2, 5], [first, second])

    assert course.epochs == (2, 5)
    assert course.right.tolist() == [[True, False], [False, True]]
    assert course.since.tolist() == [LOST, 1]


def test_epochs_are_spread_evenly() -> None:
    """The ends always, never more than asked for, none twice."""
    assert spread(range(5), 10) == [0, 1, 2, 3, 4]
    for n in (11, 60, 61, 500):
        chosen = spread(range(n), 10)
        assert (chosen[0], chosen[-1], len(set(chosen))) == (0, n - 1, 10)
        assert max(np.diff(chosen)) - min(np.diff(chosen)) <= 1
