"""This module counts what a network takes for what: the confusion matrix, and each class's share of right answers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.intervals import interval95

Counts = npt.NDArray[np.int64]

MOST_PAIRS = 50


@dataclass(frozen=True)
class ClassScore:
    """A `ClassScore` says how well one class is recognised."""

    index: int
    """Index of the class."""
    n: int
    """Number of pictures that are of the class."""
    right: int
    """Number of them that the network names so."""
    said: int
    """Number of pictures of any class that the network names so."""

    @property
    def accuracy(self) -> float | None:
        """Return the share of its pictures that are recognised, 0 to 1 (recall); None where there is no picture."""
        return self.right / self.n if self.n else None

    @property
    def precision(self) -> float | None:
        """Return the share of the answers with this name that are right, 0 to 1; None where it is never said."""
        return self.right / self.said if self.said else None

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of `accuracy` (Wilson 1927); it is of worth for held-out pictures only."""
        return interval95(self.right / max(self.n, 1), self.n)


def confusion_matrix(labels: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer], num_classes: int) -> Counts:
    """Count the pictures of each true class (row) and predicted class (column): int64 [num_classes, num_classes]."""
    pairs = np.bincount(labels.astype(np.int64) * num_classes + predicted, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes)


def confused_pairs(counts: Counts) -> npt.NDArray[np.int64]:
    """Return the cells of wrong answers, int64 [n, 2] (truth, said), the largest first, at most MOST_PAIRS."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[: min(MOST_PAIRS, int((wrong > 0).sum()))]
    return np.stack(np.unravel_index(order, wrong.shape), axis=1)


def mixed_up(counts: Counts) -> list[tuple[int, int]]:
    """Return pairs of classes by how many pictures of either are called the other, the most first, at most MOST_PAIRS.

    The first of a pair is the one of which more pictures are called the other.
    """
    both = np.triu(counts + counts.T, k=1)
    order = np.argsort(-both, axis=None, kind="stable")[: min(MOST_PAIRS, int((both > 0).sum()))]
    pairs = np.stack(np.unravel_index(order, both.shape), axis=1).tolist()
    return [(a, b) if counts[a, b] >= counts[b, a] else (b, a) for a, b in pairs]


def class_scores(counts: Counts) -> list[ClassScore]:
    """Return the score of each class, in the order of the classes, from a confusion matrix."""
    numbers = zip(counts.sum(axis=1).tolist(), counts.diagonal().tolist(), counts.sum(axis=0).tolist(), strict=True)
    return [ClassScore(index, n, right, said) for index, (n, right, said) in enumerate(numbers)]
