"""The counts of a confusion matrix, against counting picture by picture."""

import numpy as np

from cnnlab.analysis.intervals import interval95
from cnnlab.analysis.predictions.by_class import class_scores, confused_pairs, confusion_matrix, mixed_up


def test_the_matrix_counts_every_picture_once() -> None:
    """Row: truth, column: answer; also where a class never occurs, and with small integers."""
    labels = np.array([0, 0, 2, 2, 2])
    predicted = np.array([0, 2, 2, 2, 1])

    np.testing.assert_array_equal(confusion_matrix(labels, predicted, 4)[:3, :3], [[1, 0, 1], [0, 0, 0], [0, 1, 2]])
    assert confusion_matrix(labels, predicted, 4).shape == (4, 4)
    assert confusion_matrix(labels, predicted, 4).sum() == 5
    many = np.full(3, 399, dtype=np.int16)  # 399 * 400 is more than an int16 holds
    assert confusion_matrix(many, many, 400)[399, 399] == 3


def test_each_class_counted_by_hand() -> None:
    """Recall, precision, their numbers of pictures; nothing is divided by zero."""
    random = np.random.default_rng(2)
    labels, said = random.integers(0, 5, 400), random.integers(0, 6, 400)
    for score in class_scores(confusion_matrix(labels, said, 7)):
        mine, called = labels == score.index, said == score.index
        hits = int((mine & called).sum())
        assert (score.n, score.right, score.said) == (mine.sum(), hits, called.sum())
        assert score.accuracy == (hits / mine.sum() if mine.any() else None)
        assert score.precision == (hits / called.sum() if called.any() else None)
        assert score.interval == interval95(hits / max(1, mine.sum()), int(mine.sum()))


def test_what_a_mistake_is() -> None:
    """Largest first, equals in the order of the classes; the diagonal is none."""
    counts = np.array([[9, 2, 0], [5, 9, 2], [0, 0, 9]])

    assert confused_pairs(counts).tolist() == [[1, 0], [0, 1], [1, 2]]
    assert confused_pairs(np.diag([1, 2, 3])).shape == (0, 2)


def test_pairs_count_both_directions() -> None:
    """The more frequent direction names the pair; equals in the order of the classes."""
    counts = np.array([[9, 2, 0, 3], [5, 9, 2, 0], [0, 4, 9, 0], [3, 0, 0, 1]])

    assert mixed_up(counts) == [(1, 0), (0, 3), (2, 1)]
    assert mixed_up(np.diag([1, 2, 3])) == []
