"""This module measures how many pictures of a set a network gets right, at several strengths of a change."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.inspection.predictions import BATCH
from cnnlab.inspection.robustness import fgsm
from cnnlab.inspection.robustness.changes import FUNCTIONS, Change, noise
from cnnlab.models import Network


@dataclass(frozen=True)
class Curve:
    """A `Curve` holds how many pictures of a set are right at each strength of one change."""

    strengths: npt.NDArray[np.int64]
    """[S]: in ascending order, the first 0: the pictures as they are."""
    right: npt.NDArray[np.int64]
    """[S]: number of right answers at each strength."""
    pictures: npt.NDArray[np.int64]
    """[1]: number of pictures in the set."""


def measure(
    network: Network,
    images: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    change: Change,
    progress: Callable[[int, int], None],
) -> Curve:
    """Measure at each of `change.strengths` how many of the pictures images[places] a network gets right.

    `images` uint8 [all, size_px, size_px, channels], `places` [N], `labels` [N] the true classes. FGSM makes the loss of the
    true class larger. `progress(done, total)` counts pictures shown, each once a strength. The network stays as it was.
    """
    device = next(network.parameters()).device
    right = np.zeros(len(change.strengths), dtype=np.int64)
    total, done = len(places) * len(change.strengths), 0
    for start in range(0, len(places), BATCH):
        part = slice(start, start + BATCH)
        pixels = torch.from_numpy(np.ascontiguousarray(images[places[part]])).to(device)
        classes = torch.from_numpy(np.array(labels[part], dtype=np.int64)).to(device)
        for number, changed in enumerate(_changed(network, pixels, classes, mean, std, change, seed=start)):
            with capture(network, []):
                said = network(to_network(changed, mean, std)).float().argmax(dim=1)
            right[number] += int((said == classes).sum())
            done += len(classes)
            progress(done, total)
    return Curve(np.array(change.strengths, dtype=np.int64), right, np.array([len(places)], dtype=np.int64))


def _changed(
    network: Network,
    pixels: Tensor,
    classes: Tensor,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    change: Change,
    seed: int,
) -> Iterator[Tensor]:
    """Yield the pictures at each strength; FGSM's directions are the same for all, and noise is another in each batch."""
    if change.name == "fgsm":
        where = fgsm.directions(network, pixels, classes, mean, std)
        for strength in change.strengths:
            yield fgsm.step(pixels, where, strength)
        return
    for strength in change.strengths:
        yield noise(pixels, strength, seed) if change.name == "noise" else FUNCTIONS[change.name](pixels, strength)
