"""This module computes Layer-CAM, which weighs each place of a layer's maps by its own gradient.

Source: Jiang et al. 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE Transactions
on Image Processing 30, 5875-5888.
"""

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F

from cnnlab.inspection.attribution.answer import Attribution, layer_gradient, received
from cnnlab.models import Network


def compute(
    network: Network,
    picture: npt.NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    layer: str,
    class_index: int | None = None,
) -> Attribution:
    """Compute the Layer-CAM of the layer `layer` ("base.relu2") for a picture uint8 [size_px, size_px, channels].

    With A^k the layer's maps and z_c the logit of the class, the map is ReLU(sum_k ReLU(dz_c / dA^k) A^k): unlike
    Grad-CAM no mean over places is taken, so that early layers, whose kernels mean something else in each place, give
    sharp maps. `class_index` None: the class with the largest logit. Leaves no trace in the network.
    Raises LookupError where there is no such layer, ValueError where its output is no maps.
    """
    seen = layer_gradient(network, received(network, picture, mean, std), layer, class_index)
    cam = F.relu((F.relu(seen.gradient) * seen.maps).sum(dim=0))
    return seen.question.answered(cam)
