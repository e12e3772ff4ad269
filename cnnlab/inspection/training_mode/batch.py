"""This module cuts a set of pictures into batches of a run's own size."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnnlab.data import DataUnavailableError
from cnnlab.data.tensors import to_network
from cnnlab.registry import UnknownNameError

MOST_PICTURES = 256
"""Pictures of one batch that are looked at; of a larger batch the first ones, so that every network fits into memory."""

Places = npt.NDArray[np.int64]


def batches_in(pictures: int, batch_size: int) -> int:
    """Return how many whole batches a set of so many pictures has; 1 where it is smaller than a batch."""
    return max(1, pictures // batch_size)


def numbers_in(pictures: int, batch_size: int, number: int) -> range:
    """Return the numbers, within a set of so many pictures, of those of batch `number` that are looked at.

    A batch takes pictures that follow one another in the set. Raises UnknownNameError where there is no such batch, and
    DataUnavailableError where the set has fewer than two pictures: one alone has no batch statistics.
    """
    if pictures < 2:
        raise DataUnavailableError(
            "This set has fewer than two pictures, and in train mode a network needs a batch of at least two. "
            "Choose another set."
        )
    batches = batches_in(pictures, batch_size)
    if not 0 <= number < batches:
        raise UnknownNameError(f"There is no batch {number}: the set has the batches 0 to {batches - 1}.")
    start = number * batch_size
    return range(start, min(pictures, start + min(batch_size, MOST_PICTURES)))


def received(images: npt.NDArray[np.uint8], places: Places, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Return what a network receives of the pictures images[places]: float32 [N, channels, size_px, size_px].

    `images`: uint8 [all, size_px, size_px, channels]. Nothing is augmented.
    """
    return to_network(torch.from_numpy(np.ascontiguousarray(images[places])), mean, std)
