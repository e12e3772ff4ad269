"""This module changes training pictures at random, a whole batch or epoch of uint8 images at a time, on the device."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.schema import AugmentationName

CROP_PX = 4
"""Padding on each side of a picture before the random crop, in pixels (He et al. 2015, for CIFAR-10)."""
CUTOUT_PX = 16
"""Side of the grey square over part of a picture of 32 pixels, in pixels (DeVries & Taylor 2017, for CIFAR-10)."""
GREY = 128
SHIFT_PX = 2
"""Largest shift of alternating augmentation along each side of a picture, in pixels (Jordan 2024)."""


def augment(images: Tensor, kind: AugmentationName) -> Tensor:
    """Change each picture of a batch at random, as `kind` says: uint8 [N, H, W, C] to the same shape.

    Each picture draws its own random numbers from the device's default generator. flip mirrors left and right with
    probability 1/2; flip_crop also pads 4 black pixels on each side and cuts the original size out at a random place;
    flip_crop_cutout then covers a square with grey whose centre may lie anywhere, so that part of the square may lie
    outside (DeVries & Taylor, arXiv:1708.04552). none and alternating change no batch: alternating changes whole epochs
    (`augment_epoch`).
    """
    if kind in ("none", "alternating"):
        return images
    n = len(images)
    mirrored = torch.rand(n, device=images.device) < 0.5
    images = torch.where(mirrored.view(n, 1, 1, 1), images.flip(2), images)
    if kind == "flip":
        return images
    height, width = images.shape[1:3]
    padded = F.pad(images, (0, 0, CROP_PX, CROP_PX, CROP_PX, CROP_PX))
    offsets = torch.randint(0, 2 * CROP_PX + 1, (2, n, 1), device=images.device)
    rows = offsets[0] + torch.arange(height, device=images.device)
    columns = offsets[1] + torch.arange(width, device=images.device)
    which = torch.arange(n, device=images.device).view(n, 1, 1)
    cropped = padded[which, rows.unsqueeze(2), columns.unsqueeze(1)]
    return cropped if kind == "flip_crop" else _cut_out(cropped)


def _cut_out(images: Tensor) -> Tensor:
    n, height, width = images.shape[:3]
    centres = torch.rand(2, n, 1, device=images.device)
    covered = _near(centres[0], height).view(n, height, 1, 1) & _near(centres[1], width).view(n, 1, width, 1)
    return images.masked_fill(covered, GREY)


def _near(centres: Tensor, size: int) -> Tensor:
    """Return which pixels of one side of each picture lie within the cutout square: bool [N, size].

    `centres` [N, 1]: the middle of each picture's square along this side, from 0 to 1.
    """
    half = max(1, CUTOUT_PX * size // 64)
    away = torch.arange(size, device=centres.device) - (centres * size).long()
    return (away >= -half) & (away < half)


def augment_epoch(images: Tensor, kind: AugmentationName, epoch: int, run_seed: int, epoch_seed: int) -> Tensor:
    """Return the training set uint8 [N, H, W, C] as epoch 1, 2, … sees it, changed where `kind` is alternating.

    Other kinds return `images` itself. alternating: half of the pictures, drawn by `run_seed`, are mirrored in the
    first epoch and every second one after it, the other half in the epochs between, so that two epochs show each
    picture in both ways (Jordan, arXiv:2404.00498, section 3.6); and each picture is shifted by -2 to 2 pixels along
    both sides, drawn by `epoch_seed`, with its edge mirrored outwards. The random numbers come from generators of the
    function's own, on the CPU: alike on every device.
    """
    if kind != "alternating":
        return images
    n = len(images)
    first = torch.rand(n, generator=torch.Generator().manual_seed(run_seed)) < 0.5
    mirrored = (first if epoch % 2 else ~first).to(images.device)
    images = torch.where(mirrored.view(n, 1, 1, 1), images.flip(2), images)
    corners = torch.randint(0, 2 * SHIFT_PX + 1, (2, n), generator=torch.Generator().manual_seed(epoch_seed))
    rows, columns = corners.to(images.device)
    images = _shifted(_mirrored_outwards(images, 1), rows, 1)
    return _shifted(_mirrored_outwards(images, 2), columns, 2)


def draws(picture: Tensor, kind: AugmentationName, seed: int, number: int) -> Tensor:
    """Return a picture uint8 [H, W, C] as a training would show it again and again: uint8 [number, H, W, C].

    As one batch of it, whose random numbers begin at `seed`; alternating: as a training set of it alone in epoch 1, 2, …,
    where epoch e draws by `seed + e`. torch's random state stays as it was; only one thread may ask at a time.
    """
    if kind == "alternating":
        epochs = range(1, number + 1)
        return torch.cat([augment_epoch(picture[None], kind, epoch, seed, seed + epoch) for epoch in epochs])
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return augment(picture.expand(number, *picture.shape), kind)


def _mirrored_outwards(images: Tensor, dimension: int) -> Tensor:
    """Pad uint8 images along one side by SHIFT_PX pixels of their mirror image, which torch can do for floats only."""
    size = images.shape[dimension]
    there = torch.arange(-SHIFT_PX, size + SHIFT_PX, device=images.device).abs()
    return images.index_select(dimension, torch.minimum(there, 2 * (size - 1) - there))


def _shifted(padded: Tensor, starts: Tensor, dimension: int) -> Tensor:
    """Cut from each padded picture the part of the original size that begins at the picture's own start [N].

    Passes over all pictures once for each possible shift: many times quicker than gathering pixels one by one.
    """
    size = padded.shape[dimension] - 2 * SHIFT_PX
    shifted = padded.narrow(dimension, 0, size)
    for start in range(1, 2 * SHIFT_PX + 1):
        mine = (starts == start).view(-1, 1, 1, 1)
        shifted = torch.where(mine, padded.narrow(dimension, start, size), shifted)
    return shifted
