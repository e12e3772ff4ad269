"""Random changes to training pictures, a whole batch at a time, on the device, as uint8."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.schema import AugmentationName

SHIFT_PX = 4
"""Padding of the random crop, as in He et al. 2015 for CIFAR-10."""


def augment(images: Tensor, kind: AugmentationName) -> Tensor:
    """uint8 [N, H, W, C] -> the same shape. Each picture draws for itself from the device's default generator.

    flip mirrors left and right with probability 1/2; flip_crop also pads 4 black pixels on each side and cuts the
    original size out at a random place.
    """
    if kind == "none":
        return images
    n = len(images)
    mirrored = torch.rand(n, device=images.device) < 0.5
    images = torch.where(mirrored.view(n, 1, 1, 1), images.flip(2), images)
    if kind == "flip":
        return images
    height, width = images.shape[1:3]
    padded = F.pad(images, (0, 0, SHIFT_PX, SHIFT_PX, SHIFT_PX, SHIFT_PX))
    offsets = torch.randint(0, 2 * SHIFT_PX + 1, (2, n, 1), device=images.device)
    rows = offsets[0] + torch.arange(height, device=images.device)
    columns = offsets[1] + torch.arange(width, device=images.device)
    which = torch.arange(n, device=images.device).view(n, 1, 1)
    return padded[which, rows.unsqueeze(2), columns.unsqueeze(1)]
