"""This module computes Grad-CAM, the places of a layer's maps that speak for a class.

Source: Selvaraju et al. 2017, arXiv:1610.02391.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.models import Network

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class GradCam:
    """A `GradCam` holds the Grad-CAM of one layer and one class for one picture."""

    network_input: Floats
    """[channels, size_px, size_px]: the picture as the network receives it, after normalisation."""
    weights: Floats
    """[K]: alpha of each feature map: how much the class's logit grows with the map, on average over its places."""
    cam: Floats
    """[height, width] of the layer: the sum of the maps weighted by alpha, where the sum is above zero; elsewhere 0."""
    class_index: int
    """Index of the class that was explained."""
    probabilities: npt.NDArray[np.float64]
    """[num_classes]: the softmax of the logits."""


def compute(
    network: Network,
    picture: npt.NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    layer: str,
    class_index: int | None = None,
) -> GradCam:
    """Compute the Grad-CAM of the layer `layer` ("base.relu2") for a picture uint8 [size_px, size_px, channels].

    With A^k the layer's maps and z_c the logit of the class: alpha_k = mean over places of dz_c / dA^k, and the map is
    ReLU(sum_k alpha_k A^k). `class_index` None: the class with the largest logit. Leaves no trace in the network.
    Raises LookupError where there is no such layer, ValueError where its output is no maps.
    """
    device = next(network.parameters()).device
    pixels = torch.from_numpy(np.array(picture)).to(device)  # a copy: memory-mapped pictures are read-only
    x = to_network(pixels[None], mean, std)
    with capture(network, [layer], gradients=True) as seen:
        logits = network(x)[0]
        maps = seen[layer]
        if maps.ndim != 4:
            raise ValueError(f"The output of {layer} is no maps: Grad-CAM needs places.")
        chosen = int(logits.argmax()) if class_index is None else class_index
        (gradient,) = torch.autograd.grad(logits[chosen], maps)
    weights = gradient[0].mean(dim=(1, 2))
    cam = F.relu((weights[:, None, None] * maps[0].detach()).sum(dim=0))
    return GradCam(
        network_input=x[0].cpu().numpy(),
        weights=weights.cpu().numpy(),
        cam=cam.cpu().numpy(),
        class_index=chosen,
        probabilities=logits.detach().cpu().double().softmax(dim=0).numpy(),
    )


def stretched(cam: Floats, size_px: int) -> Floats:
    """Stretch a Grad-CAM [height, width] over the picture: [size_px, size_px], bilinear between the places' centres."""
    wide = F.interpolate(
        torch.from_numpy(cam)[None, None], size=(size_px, size_px), mode="bilinear", align_corners=False
    )
    values: Floats = wide[0, 0].numpy()
    return values
