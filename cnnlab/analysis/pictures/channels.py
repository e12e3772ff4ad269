"""This module counts how often each value occurs in each channel of many pictures: all their statistics follow exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VALUES = 256
"""Number of values that one number of a picture (uint8) can have."""
_AT_ONCE = 1_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChannelCounts:
    """`ChannelCounts` say how often each value occurs in each channel of a set of pictures."""

    counts: npt.NDArray[np.int64]
    """[channels, 256]: number of values 0, 1, … 255."""

    @property
    def mean(self) -> Floats:
        """Return the mean of each channel, 0 to 1: [channels]."""
        mean: Floats = self.counts @ _levels() / self.counts.sum(axis=1)
        return mean

    @property
    def std(self) -> Floats:
        """Return the standard deviation of each channel over all its values, 0 to 1: [channels]."""
        away = _levels()[np.newaxis] - self.mean[:, np.newaxis]
        spread: Floats = np.sqrt((self.counts * away**2).sum(axis=1) / self.counts.sum(axis=1))
        return spread


def count_values(images: npt.NDArray[np.uint8], progress: Callable[[int, int], None]) -> ChannelCounts:
    """Count the values of pictures uint8 [N, height, width, channels]; calls `progress` with (done, N)."""
    channels = images.shape[-1]
    counts = np.zeros((channels, VALUES), np.int64)
    for start in range(0, len(images), _AT_ONCE):
        some = np.asarray(images[start : start + _AT_ONCE])
        for channel in range(channels):
            counts[channel] += np.bincount(some[..., channel].ravel(), minlength=VALUES)
        progress(start + len(some), len(images))
    return ChannelCounts(counts)


def normalised(levels: npt.ArrayLike, mean: Sequence[float] | Floats, std: Sequence[float] | Floats) -> Floats:
    """Return values 0 to 1, [channels, …], as a network receives them: (value - mean) / std of their channel."""
    values = np.asarray(levels, np.float64)
    shape = (-1, *[1] * (values.ndim - 1))
    found: Floats = (values - np.reshape(mean, shape)) / np.reshape(std, shape)
    return found


def _levels() -> Floats:
    """Return what the values 0 to 255 are between 0 and 1: [256]."""
    return np.arange(VALUES) / (VALUES - 1)
