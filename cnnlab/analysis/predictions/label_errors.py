"""This module finds pictures whose label may be wrong: several epochs of a network confidently say another class.

Confident learning: C. Northcutt, L. Jiang, I. Chuang, "Confident learning: estimating uncertainty in dataset labels",
Journal of Artificial Intelligence Research 70 (2021), 1373-1411.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.predictions.of_set import Predictions

EPOCHS = 5
"""Number of epochs that are asked, the newest ones."""
_NOBODY = -1


@dataclass(frozen=True, eq=False)
class Suspects:
    """`Suspects` are pictures that every asked epoch confidently takes for one and the same other class."""

    picture: npt.NDArray[np.int64]
    """[n]: place of each picture in its set, the strongest disagreement first."""
    instead: npt.NDArray[np.int64]
    """[n]: the class that the network says instead."""
    belief: npt.NDArray[np.float64]
    """[n]: mean probability of that class over the epochs, 0 to 1."""
    label_belief: npt.NDArray[np.float64]
    """[n]: mean probability of the picture's own label over the epochs, 0 to 1."""

    def __len__(self) -> int:
        return len(self.picture)


def thresholds(labels: npt.NDArray[np.integer], shares: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return how sure the network must be of each class: its mean probability of the class over the pictures so labelled.

    `shares`: [N, classes], the softmax. float64 [classes]; infinite for a class without a picture (equation 2).
    """
    classes = shares.shape[1]
    sums = np.bincount(labels, shares[np.arange(len(labels)), labels].astype(np.float64), classes)
    numbers = np.bincount(labels, minlength=classes)
    return np.divide(sums, numbers, out=np.full(classes, np.inf), where=numbers > 0)


def confident(labels: npt.NDArray[np.integer], shares: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Return the class that the network confidently takes each picture for: int64 [N]; -1 where it is sure of none.

    Of the classes whose probability reaches their threshold the most probable (equation 1: where the picture counts in
    the confident joint).
    """
    reached = np.where(shares >= thresholds(labels, shares), shares, -1.0)
    return np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), _NOBODY)


def confident_joint(labels: npt.NDArray[np.integer], shares: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Count the pictures of each label (row) that are confidently taken for each class (column) (equation 1)."""
    taken, classes = confident(labels, shares), shares.shape[1]
    counted = taken != _NOBODY
    pairs = np.bincount(labels[counted].astype(np.int64) * classes + taken[counted], minlength=classes**2)
    return pairs.reshape(classes, classes)


def suspects(said: Sequence[Predictions]) -> Suspects:
    """Return the pictures off the diagonal of the confident joint of every one of these epochs, always in one column.

    The order: the mean over the epochs of the label's probability minus the other class's, the least first (normalized
    margin). `said` holds what the network said of the same pictures at each epoch, at least one.
    """
    labels = said[0].labels.astype(np.int64)
    taken = np.stack([confident(labels, one.probabilities) for one in said])
    agreed = (taken == taken[0]).all(axis=0) & (taken[0] != _NOBODY) & (taken[0] != labels)
    found = np.flatnonzero(agreed)
    mean = np.mean([one.probabilities[found].astype(np.float64) for one in said], axis=0)
    rows, instead = np.arange(len(found)), taken[0][found]
    belief, of_label = mean[rows, instead], mean[rows, labels[found]]
    order = np.argsort(of_label - belief, kind="stable")
    return Suspects(found[order], instead[order], belief[order], of_label[order])
