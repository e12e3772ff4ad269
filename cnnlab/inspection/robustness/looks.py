"""This module computes what a network makes of a picture and of the same picture after some changes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.inspection.robustness import fgsm
from cnnlab.inspection.robustness.changes import FUNCTIONS
from cnnlab.models import Network


@dataclass(frozen=True)
class Look:
    """A `Look` holds what a network makes of one picture, as seen at one layer."""

    picture: npt.NDArray[np.uint8]
    """[size_px, size_px, channels]"""
    maps: npt.NDArray[np.float32]
    """[K, height, width]: the layer's feature maps."""
    logits: npt.NDArray[np.float32]
    """[num_classes]: the network's numbers before the softmax."""
    probabilities: npt.NDArray[np.float64]
    """[num_classes]: the softmax of the logits."""


@dataclass(frozen=True)
class Looks:
    """A `Looks` holds a picture as it is and as it was changed, and what a network makes of both."""

    before: Look
    after: Look
    attacked: int
    """Index of the class whose loss FGSM makes larger."""


def compute(
    network: Network,
    picture: npt.NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    layer: str,
    strengths: Mapping[str, int],
    label: int | None,
) -> Looks:
    """Compute what a network makes of a picture uint8 [size_px, size_px, channels] before and after changes.

    `strengths`: of each change by its name; they are made one after the other, in the order of FUNCTIONS, and FGSM last. It
    makes the loss of the class `label` larger; None: of the class that the network says of the picture as it is.
    Leaves no trace in the network. Raises LookupError where there is no layer `layer`.
    """
    device = next(network.parameters()).device
    pixels = torch.from_numpy(np.array(picture)).to(device)[None]
    before = _look(network, pixels, mean, std, layer)
    attacked = int(before.logits.argmax()) if label is None else label
    changed = pixels
    for name, change in FUNCTIONS.items():
        if strengths.get(name):
            changed = change(changed, strengths[name])
    if strengths.get("fgsm"):
        where = fgsm.directions(network, changed, torch.tensor([attacked], device=device), mean, std)
        changed = fgsm.step(changed, where, strengths["fgsm"])
    return Looks(before, _look(network, changed, mean, std, layer), attacked)


def _look(network: Network, pixels: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...], layer: str) -> Look:
    with capture(network, [layer]) as seen:
        logits = network(to_network(pixels, mean, std))[0]
    return Look(
        picture=pixels[0].cpu().numpy(),
        maps=seen[layer][0].cpu().numpy(),
        logits=logits.cpu().numpy(),
        probabilities=logits.cpu().double().softmax(dim=0).numpy(),
    )
