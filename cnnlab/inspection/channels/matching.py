"""This module pairs the channels of a layer of one network with those of another network that answer most alike.

Two networks number their channels by chance. After Li, Yosinski, Clune, Lipson and Hopcroft, Convergent Learning: Do
different neural networks learn the same representations? (2016), arXiv:1511.07543.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.inspection.channels._moments import Moments
from cnnlab.inspection.channels._stages import as_maps, batches, cut_at, device_of, run
from cnnlab.models import Network

BATCH = 100

Floats = npt.NDArray[np.float32]
Normalisation = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Matching:
    """A `Matching` holds how alike the channels of two networks answer, and the pairs that are most alike together."""

    correlation: Floats
    """[channels, other channels]: Pearson's correlation of two channels' answers over all places of all pictures; 0 for a
    channel that always answers the same."""
    left: npt.NDArray[np.int64]
    """[pairs]: number of each pair's channel in the first network, in ascending order."""
    right: npt.NDArray[np.int64]
    """[pairs]: number of its partner in the other network."""

    @property
    def alike(self) -> Floats:
        """Return the correlation of each pair: [pairs]."""
        return self.correlation[self.left, self.right]


def compute(
    network: Network,
    layer: str,
    other: Network,
    other_layer: str,
    images: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    normalisation: Normalisation,
    other_normalisation: Normalisation,
    progress: Callable[[int, int], None],
) -> Matching:
    """Show the pictures images[places] to both networks, and pair the channels of the two layers.

    `layer` and `other_layer`: full names of layers whose maps are of one size. `images`: uint8 [all, size_px, size_px,
    channels]. The normalisations are the mean and the standard deviation with which each network was trained.
    `progress(done, total)` is called after each batch, in pictures. Eval mode; both networks stay as they were.
    Raises ValueError where the maps of the two layers are of different sizes.
    """
    moments, channels = Moments(), 0
    sides = ((network, layer, normalisation), (other, other_layer, other_normalisation))
    for start, end in batches(len(places), BATCH):
        pixels = torch.from_numpy(np.ascontiguousarray(images[places[start:end]]))
        maps = []
        for one, name, (mean, std) in sides:
            with capture(one, [name]) as seen:
                run(cut_at(one, name).until, to_network(pixels.to(device_of(one)), mean, std))
                maps.append(as_maps(seen[name]).float())
        if maps[0].shape[2:] != maps[1].shape[2:]:
            raise ValueError(f"The maps of {layer} and {other_layer} are of different sizes.")
        channels = maps[0].shape[1]
        moments.add(torch.cat(maps, dim=1))
        progress(end, len(places))
    correlation = np.ascontiguousarray(moments.correlation()[:channels, channels:])
    return Matching(correlation, *match(correlation))


def match(correlation: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pairs (row, column) of `correlation` [n, m] with the largest sum of all: min(n, m) of each, no number twice.

    The Hungarian method: H. W. Kuhn, "The Hungarian Method for the assignment problem", Naval Research Logistics
    Quarterly 2 (1955), 83-97.
    """
    from scipy.optimize import linear_sum_assignment  # 50 MB: here, so that only who pairs channels holds them

    rows, columns = linear_sum_assignment(correlation, maximize=True)
    return rows.astype(np.int64), columns.astype(np.int64)
