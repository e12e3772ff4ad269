"""This module computes the feature maps of every layer of a network's base for one picture, and the logits."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cnnlab.analysis.layers import LayerKind, Part
from cnnlab.data.tensors import to_network
from cnnlab.inspection._formulas import kind_of
from cnnlab.inspection._layers import label_of, leaves_of, part_of
from cnnlab.inspection.capture import capture
from cnnlab.models import Network

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LayerMaps:
    """A `LayerMaps` is the output of one layer for one picture: the very numbers that the next layer receives."""

    name: str
    """Full name of the layer: "base.conv1"."""
    label: str
    """Name of the layer without its part: "conv1"."""
    kind: LayerKind
    maps: Floats
    """[channels, height, width]: the layer's feature maps."""


@dataclass(frozen=True)
class FeatureMaps:
    """A `FeatureMaps` holds all that a network in eval mode makes of one picture: input, feature maps, logits."""

    network_input: Floats
    """[channels, size_px, size_px]: the picture as the network receives it, after normalisation."""
    layers: tuple[LayerMaps, ...]
    """The spatial layers of the feature-extraction base, in the order of execution."""
    logits: Floats
    """[num_classes]: the network's output before the softmax."""
    probabilities: npt.NDArray[np.float64]
    """[num_classes]: the softmax of the logits."""


def compute(
    network: Network, picture: npt.NDArray[np.uint8], mean: tuple[float, ...], std: tuple[float, ...]
) -> FeatureMaps:
    """Compute the feature maps, logits and probabilities of a picture uint8 [size_px, size_px, channels].

    `mean` and `std` are those the network was trained with. Leaves no trace in the network.
    """
    leaves = leaves_of(network)
    device = next(network.parameters()).device
    pixels = torch.from_numpy(np.array(picture)).to(device)  # a copy: memory-mapped pictures are read-only
    x = to_network(pixels[None], mean, std)
    with capture(network, [name for name in leaves if part_of(name) is Part.BASE]) as seen:
        logits = network(x)[0]
    layers = (
        LayerMaps(name, label_of(name), kind_of(leaves[name]), output[0].cpu().numpy())
        for name, output in seen.items()
        if output.ndim == 4
    )
    return FeatureMaps(
        network_input=x[0].cpu().numpy(),
        layers=tuple(layers),
        logits=logits.cpu().numpy(),
        probabilities=logits.cpu().double().softmax(dim=0).numpy(),
    )
