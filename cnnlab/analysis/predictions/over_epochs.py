"""This module says since which epoch a network has each picture right, from what it said at several epochs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.predictions.of_set import Predictions

NEVER, LOST = -1, -2
"""In the place of an epoch's place: right at none of the epochs; right at one of them, and wrong at the last."""


@dataclass(frozen=True, eq=False)
class Course:
    """A `Course` is the way of each picture through the epochs at which the network was measured."""

    epochs: tuple[int, ...]
    """Numbers of the epochs, in ascending order."""
    right: npt.NDArray[np.bool_]
    """[epochs, N]: whether the answer was the true class."""

    @property
    def since(self) -> npt.NDArray[np.int64]:
        """Return, for each picture, the place in `epochs` since which every answer is right: int64 [N].

        NEVER and LOST where the last answer is wrong.
        """
        wrong = ~self.right[::-1]
        run = np.where(wrong.any(axis=0), wrong.argmax(axis=0), len(self.epochs))  # right answers in a row at the end
        since = len(self.epochs) - run
        return np.where(self.right[-1], since, np.where(self.right.any(axis=0), LOST, NEVER))

    @property
    def forgotten(self) -> npt.NDArray[np.int64]:
        """Return how often a right answer was followed by a wrong one at the next of the epochs: int64 [N].

        Source: Toneva et al., "An empirical study of example forgetting during deep neural network learning" (2019).
        """
        return (self.right[:-1] & ~self.right[1:]).sum(axis=0)

    def learnt(self) -> list[int]:
        """Return how many pictures are right since each of the epochs, in their order."""
        since = self.since
        return np.bincount(since[since >= 0], minlength=len(self.epochs)).tolist()


def course_of(epochs: Sequence[int], said: Sequence[Predictions]) -> Course:
    """Return the course of the pictures through these epochs; `said` holds what the network said at each of them."""
    return Course(tuple(epochs), np.stack([one.right for one in said]))


def spread(places: Sequence[int], most: int) -> list[int]:
    """Return at most `most` of `places`, evenly spread, with the first and the last of them."""
    if len(places) <= most:
        return list(places)
    return [places[round(number * (len(places) - 1) / (most - 1))] for number in range(most)]
