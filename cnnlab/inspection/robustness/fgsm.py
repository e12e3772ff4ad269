"""This module attacks a network with FGSM, the fast gradient sign method: one step for each pixel, up or down.

Source: Goodfellow, Shlens and Szegedy 2015, "Explaining and Harnessing Adversarial Examples", arXiv:1412.6572.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.models import Network

BATCH = 100
"""Number of pictures in a pass with gradients, which needs the memory of all maps."""


def directions(
    network: Network, images: Tensor, labels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]
) -> Tensor:
    """Return where each value of pictures uint8 [N, size_px, size_px, channels] has to go for a larger loss: -1, 0 or 1.

    Of the cross-entropy loss for the classes `labels` int64 [N]; the shape is that of the pictures. The normalisation
    divides by a positive deviation, so the sign for a pixel is that for the network's input. Leaves no trace.
    """
    parts = []
    with capture(network, [], gradients=True):
        for pictures, classes in zip(torch.split(images, BATCH), torch.split(labels, BATCH), strict=True):
            x = to_network(pictures, mean, std).requires_grad_()
            loss = F.cross_entropy(network(x), classes, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, x)
            parts.append(gradient.sign().permute(0, 2, 3, 1).to(torch.int16))
    return torch.cat(parts)


def step(images: Tensor, directions: Tensor, strength: int) -> Tensor:
    """Move pictures uint8 one step of `strength` (of 255) in those directions; what leaves 0 to 255 is clipped.

    In pixels from 0 to 1 the step is epsilon = strength / 255, and the result exact: nothing is rounded.
    """
    return (images.to(torch.int16) + strength * directions).clamp_(0, 255).to(torch.uint8)
