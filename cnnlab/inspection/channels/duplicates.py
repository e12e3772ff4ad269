"""This module finds channels of a layer that look for nearly the same."""

import numpy as np
import numpy.typing as npt
from torch import Tensor

from cnnlab.analysis.layers import LayerRow
from cnnlab.inspection.kernels import by_output
from cnnlab.models import Network

NEARLY_THE_SAME = 0.95
"""Correlation of two channels' answers from which one is called a near-duplicate of the other: then 90 % of what one does
(0.95 squared) can be told from the other."""

Floats = npt.NDArray[np.float32]


def kernels_in(network: Network, layer: LayerRow) -> Floats:
    """Return the kernels of a layer of `network`, float32 [out, ...]: one an output channel, a copy."""
    weight = network.get_submodule(layer.name).weight
    assert isinstance(weight, Tensor)
    return np.array(by_output(weight.detach().cpu().float().numpy(), layer))


def cosines(kernels: Floats) -> Floats:
    """Return the cosine of the angle between each two kernels, [out, out]; 0 where one of them is all zeros."""
    rows = kernels.reshape(len(kernels), -1).astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    found: Floats = np.clip(unit @ unit.T, -1, 1).astype(np.float32)
    return found


def near_duplicates(correlation: Floats) -> list[tuple[int, int]]:
    """Return the pairs of channels whose answers correlate with NEARLY_THE_SAME or more, each pair once."""
    first, second = np.nonzero(np.triu(correlation >= NEARLY_THE_SAME, k=1))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def nearest(likeness: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return for each channel the other one that is most like it, and how much: both [channels].

    `likeness` is [channels, channels]. A channel that has no other is its own nearest, by 0.
    """
    if len(likeness) < 2:
        return np.zeros(len(likeness), np.int64), np.zeros(len(likeness), np.float32)
    others = likeness.copy()
    np.fill_diagonal(others, -np.inf)
    found = others.argmax(axis=1)
    return found, np.take_along_axis(others, found[:, None], axis=1)[:, 0]
