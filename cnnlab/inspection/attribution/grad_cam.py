"""This module computes Grad-CAM, the places of a layer's maps that speak for a class.

Source: Selvaraju et al. 2017, arXiv:1610.02391.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F

from cnnlab.inspection.attribution.answer import Attribution, Floats, layer_gradient, received
from cnnlab.models import Network


@dataclass(frozen=True)
class GradCam(Attribution):
    """A `GradCam` holds the Grad-CAM of one layer and one class for one picture.

    Its map is the sum of the layer's maps weighted by alpha, where the sum is above zero; elsewhere 0.
    """

    weights: Floats
    """[K]: alpha of each feature map: how much the class's logit grows with the map, on average over its places."""


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
    seen = layer_gradient(network, received(network, picture, mean, std), layer, class_index)
    weights = seen.gradient.mean(dim=(1, 2))
    cam = F.relu((weights[:, None, None] * seen.maps).sum(dim=0))
    return GradCam(**vars(seen.question.answered(cam)), weights=weights.cpu().numpy())
