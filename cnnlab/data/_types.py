"""This module says what a dataset is, without any of its pixels. It imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[int, int], None]
"""Called with (done_bytes, total_bytes)."""


SAMPLE_WITHOUT_VALIDATION = 5_000
"""Size of the train sample where there is no validation set to match."""


class DataUnavailableError(Exception):
    """`DataUnavailableError` says that a dataset cannot be had. Its text is one sentence for people: why, and what to
    do.
    """


class SourceError(Exception):
    """`SourceError` says why a dataset's published files cannot be had: the middle of a DataUnavailableError's
    sentence.
    """


@dataclass(frozen=True)
class DatasetInfo:
    """A `DatasetInfo` is what people and networks need to know of a dataset before its pictures are there."""

    name: str
    classes: tuple[str, ...]
    channels: int
    """1 (grey) or 3 (red, green, blue)."""
    size_px: int
    """Height and width of every picture."""
    num_train: int
    num_test: int
    mean: tuple[float, ...]
    """Of each channel over the training set, 0 to 1."""
    std: tuple[float, ...]
    """Of each channel over the training set, 0 to 1."""
    summary: str
    source: str
    """Whom to cite."""
    download_bytes: int
    """0 where nothing is downloaded."""
    ground: tuple[float, ...] | None = None
    """Colour that its pictures stand on, one number a channel, 0 to 1; None where each has a ground of its own."""

    @property
    def background(self) -> tuple[float, ...]:
        """Return the colour for parts of a picture that have none: the ground, else the mean of all pictures."""
        return self.mean if self.ground is None else self.ground


@dataclass(frozen=True, eq=False)
class Arrays:
    """`Arrays` are a dataset's pixels and classes; after `Dataset.load`, read-only memory maps."""

    train_images: NDArray[np.uint8]
    """uint8 [N, H, W, C]."""
    train_labels: NDArray[np.int64]
    """int64 [N]."""
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
