"""This module compares how sure a network says it is with how often it is right: the reliability diagram and its error."""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.intervals import interval95
from cnnlab.analysis.predictions.of_set import Predictions

BINS = 15
"""Number of bins of equal width, as in Guo et al. (2017)."""


@dataclass(frozen=True)
class Bin:
    """A `Bin` holds the pictures of which the network is about equally sure."""

    low: float
    high: float
    """Bounds of the probability: above `low`, up to and with `high`."""
    n: int
    right: int
    confidence: float
    """Mean probability of the class that the network says, 0 to 1."""

    @property
    def accuracy(self) -> float:
        """Return the share of right answers, 0 to 1."""
        return self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the accuracy (Wilson 1927)."""
        return interval95(self.accuracy, self.n)


@dataclass(frozen=True)
class Calibration:
    """A `Calibration` holds the bins that have pictures, and what follows from all of them."""

    bins: tuple[Bin, ...]
    n: int
    error: float
    """Expected calibration error, 0 to 1: mean over the pictures of |accuracy - confidence| of their bin."""
    by_luck: float
    """The error to expect of a network whose every probability is true, with so many pictures: luck alone."""
    seldom_more: float
    """What luck alone seldom exceeds: two standard deviations above `by_luck`."""
    confidence: float
    """Mean probability of the class that the network says, 0 to 1."""
    accuracy: float

    @property
    def excess(self) -> float:
        """Return how much surer the network is than it is right, on average; below 0 where it is too modest."""
        return self.confidence - self.accuracy


def calibration(said: Predictions, bins: int = BINS) -> Calibration:
    """Sort the pictures into `bins` of equal width by how sure the network is of its answer, and compare.

    Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (ICML 2017), equations 2, 3 and 5.
    By luck alone, the accuracy of a bin is normally distributed about its confidence: |difference| is sqrt(2 / pi) standard
    deviations on average, and has a variance of 1 - 2 / pi of theirs.
    """
    sure = said.probability.astype(np.float64)
    number = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    filled, deviations = [], []
    for place in np.unique(number).tolist():
        members = number == place
        filled.append(_bin(place, bins, sure[members], said.right[members]))
        deviations.append(sqrt(float((sure[members] * (1 - sure[members])).sum())) / len(said))
    error = sum(one.n * abs(one.accuracy - one.confidence) for one in filled) / len(said)
    luck = sqrt(2 / pi) * sum(deviations)
    most = luck + 2 * sqrt((1 - 2 / pi) * sum(deviation**2 for deviation in deviations))
    return Calibration(tuple(filled), len(said), error, luck, most, float(sure.mean()), said.accuracy)


def _bin(place: int, bins: int, sure: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> Bin:
    return Bin(place / bins, (place + 1) / bins, len(sure), int(right.sum()), float(sure.mean()))
