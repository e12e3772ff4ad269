"""This module finds, over a whole set of pictures, where each channel of a layer answers most and least.

For each picture a channel counts once, at the place of its map where it answers most (or least), so nine places are nine
pictures. After Zeiler and Fergus, Visualizing and Understanding Convolutional Networks (2014), figure 2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnnlab.analysis.layers import LayerRow
from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.inspection.channels._moments import Moments
from cnnlab.inspection.channels._stages import as_maps, batches, cut_at, device_of, run
from cnnlab.inspection.channels.duplicates import cosines, kernels_in
from cnnlab.models import Network

BATCH = 250
KEPT = 9
"""Number of places that are kept of each channel, at either end."""
MOST, LEAST = 0, 1
"""First index of the arrays: the places where a channel answers most, and where least."""


@dataclass(frozen=True)
class TopActivations:
    """A `TopActivations` holds where each channel of a layer answers most and least, over a set of pictures.

    The first index of value, picture, row and column is MOST or LEAST, the second the channel, the third the rank.
    """

    value: npt.NDArray[np.float32]
    """[2, channels, kept]: the channel's answer there."""
    picture: npt.NDArray[np.int64]
    """[2, channels, kept]: number of the picture within the set."""
    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    """[2, channels, kept]: place in the channel's map."""
    positive: npt.NDArray[np.int64]
    """[channels]: number of pictures in which the channel's answer is above zero somewhere."""
    correlation: npt.NDArray[np.float32]
    """[channels, channels]: Pearson's correlation of two channels' answers over all places of all pictures; 0 for a
    channel that always answers the same."""
    cosine: npt.NDArray[np.float32]
    """[channels, channels]: cosine of the angle between two channels' kernels, over all their weights."""


def compute(
    network: Network,
    layer: LayerRow,
    heard: LayerRow,
    images: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    progress: Callable[[int, int], None],
) -> TopActivations:
    """Compute where each channel of `layer` answers most and least over the pictures images[places].

    `heard`: the layer whose output counts as the answer (`cnnlab.analysis.layers.heard_at`). `images`: uint8 [all,
    size_px, size_px, channels]. `progress(done, total)` is called after each batch, in pictures. Only the layers up to
    `heard` are run, in eval mode; the network stays as it was.
    """
    stages, ends, moments = cut_at(network, heard.name).until, _Ends(), Moments()
    with capture(network, [heard.name]) as seen:
        for start, end in batches(len(places), BATCH):
            pixels = torch.from_numpy(np.ascontiguousarray(images[places[start:end]])).to(device_of(network))
            run(stages, to_network(pixels, mean, std))
            maps = as_maps(seen[heard.name]).float()
            ends.add(maps, start)
            moments.add(maps)
            progress(end, len(places))
    return TopActivations(
        **ends.arrays(), correlation=moments.correlation(), cosine=cosines(kernels_in(network, layer))
    )


class _Ends:
    """An `_Ends` keeps the places of the largest and smallest answers of each channel seen so far."""

    def __init__(self) -> None:
        self._value, self._picture, self._place = (np.zeros((2, 0, 0), dtype) for dtype in ("f4", "i8", "i8"))
        self._positive = np.zeros(0, np.int64)
        self._width = 1

    def add(self, maps: Tensor, first: int) -> None:
        """Take in the maps [N, channels, height, width] of the pictures that begin with number `first`."""
        flat, self._width = maps.flatten(2), maps.shape[3]
        ends = _best(flat), _best(-flat)
        value, picture, place = (np.stack([end[part] for end in ends]) for part in range(3))
        value[LEAST] *= -1
        positive = (flat.amax(dim=2) > 0).sum(dim=0).cpu().numpy()
        if not self._value.shape[1]:
            self._value, self._picture, self._place = value, picture + first, place
            self._positive = positive
            return
        self._positive += positive
        value = np.concatenate([self._value, value], axis=2)
        sign = np.array([-1.0, 1.0], np.float32)[:, None, None]
        order = np.argsort(sign * value, axis=2, kind="stable")[:, :, :KEPT]  # of equal answers the earlier picture's
        self._picture, self._place = (
            np.take_along_axis(np.concatenate([old, new], axis=2), order, axis=2)
            for old, new in ((self._picture, picture + first), (self._place, place))
        )
        self._value = np.take_along_axis(value, order, axis=2)

    def arrays(self) -> dict[str, Any]:
        """Return the fields of a `TopActivations` that are about places."""
        row, column = np.divmod(self._place, self._width)
        named = {"value": self._value + np.float32(0), "picture": self._picture, "row": row, "column": column}
        return {**named, "positive": self._positive}


def _best(flat: Tensor) -> tuple[npt.NDArray[Any], ...]:
    """Return of [N, channels, places] the largest values, and their pictures and places, each [channels, kept]."""
    value = flat.amax(dim=2).T  # [channels, N]: of each picture only its best place
    best, picture = value.topk(min(KEPT, value.shape[1]), dim=1)
    channel = torch.arange(len(value), device=flat.device)[:, None]
    place = flat[picture, channel].argmax(dim=2)
    return best.cpu().numpy(), picture.cpu().numpy(), place.cpu().numpy()
