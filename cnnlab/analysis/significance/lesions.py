"""This module tells which lesions of a network make a difference that the pictures can show, and how large it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.intervals import deviations95, paired95
from cnnlab.analysis.significance.answers import Split

Classes = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Effect:
    """An `Effect` is what a lesion does to the accuracy on some pictures, each answered with and without the lesion."""

    n: int
    before: float
    """Accuracy without the lesion, 0 to 1; 0 where there are no pictures."""
    after: float
    """Accuracy with it."""
    low: float
    high: float
    """95 % interval of `change`, which holds for all effects of the list together."""
    band: float
    """The chance band: a change of at most this size, either way, is no more than chance gives. `change` lies within it
    exactly where 0 lies between `low` and `high` (McNemar's test)."""

    @property
    def change(self) -> float:
        """Return by how much the accuracy is higher with the lesion than without; below zero: the lesion does damage."""
        return self.after - self.before

    @property
    def shown(self) -> bool:
        """Return whether the pictures show a difference; no: what is seen may as well be chance."""
        return not self.low <= 0 <= self.high


def effects(labels: Classes, before: Classes, after: Sequence[Classes] | Classes) -> list[Effect]:
    """Return the effect of each lesion on the accuracy over all pictures.

    `labels` and `before`, the answers without a lesion: [n]. `after`: [lesions, n].
    """
    right = before == labels
    return [_effect(right, answers == labels, len(after)) for answers in after]


def by_class(labels: Classes, before: Classes, after: Classes, classes: int) -> list[Effect]:
    """Return the effect of one lesion on the accuracy of each class: on the pictures that belong to it."""
    right, still = before == labels, after == labels
    return [_effect(right[labels == c], still[labels == c], classes) for c in range(classes)]


def _effect(right: npt.NDArray[np.bool_], still: npt.NDArray[np.bool_], together: int) -> Effect:
    n, both = len(right), int((right & still).sum())
    only_after, only_before = int(still.sum()) - both, int(right.sum()) - both
    split = Split(both, only_after, only_before, n - both - only_after - only_before)
    low, high = paired95(split, together)
    if not n:
        return Effect(0, 0.0, 0.0, low, high, 1.0)
    band = deviations95(together) * sqrt(only_after + only_before) / n
    return Effect(n, float(right.mean()), float(still.mean()), low, high, band)
