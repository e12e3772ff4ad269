"""This module changes pictures as a careless camera would: shifted, rotated, blurred or noised. All give whole pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, radians, sin

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.registry import UnknownNameError

SEED = 0


@dataclass(frozen=True)
class Change:
    """A `Change` is one way in which pictures change, with a strength that is a whole number; 0 changes nothing."""

    name: str
    """Its name in the address."""
    title: str
    axis: str
    """What the strength counts, for an axis or a slider."""
    how: str
    """One sentence: what is done to a picture."""
    words: Callable[[int], str]
    """Function that says a strength with its unit."""
    most: int
    """Largest strength of the slider."""
    strengths: tuple[int, ...]
    """Strengths at which a whole set is measured, in ascending order, the first 0."""


def shift(images: Tensor, pixels: int) -> Tensor:
    """Shift pictures uint8 [N, height, width, channels] to the right; what comes in on the left is black (zero)."""
    moved = torch.zeros_like(images)
    width = images.shape[2]
    if pixels < width:
        moved[:, :, pixels:] = images[:, :, : width - pixels]
    return moved


def rotate(images: Tensor, degrees: int) -> Tensor:
    """Rotate pictures uint8 [N, size_px, size_px, channels] anticlockwise about their centre; what comes in is black (zero).

    Each pixel is the bilinear mean of the four around the place it comes from.
    """
    if degrees % 360 == 0:
        return images.clone()
    c, s = cos(radians(degrees)), sin(radians(degrees))
    back = torch.tensor([[c, -s, 0.0], [s, c, 0.0]], device=images.device)  # from a place after to the place before
    values = _floats(images)
    grid = F.affine_grid(back.expand(len(values), 2, 3), list(values.shape), align_corners=False)
    return _pixels(F.grid_sample(values, grid, mode="bilinear", padding_mode="zeros", align_corners=False))


def blur(images: Tensor, tenths_px: int) -> Tensor:
    """Blur pictures uint8 [N, height, width, channels] by a Gaussian of that standard deviation, in tenths of a pixel.

    The Gaussian ends at four standard deviations; beyond the edge, the edge's pixels go on.
    """
    if not tenths_px:
        return images.clone()
    sigma = tenths_px / 10
    radius = int(4 * sigma + 0.5)
    places = torch.arange(-radius, radius + 1, dtype=torch.float32, device=images.device)
    kernel = torch.exp(-(places**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    values = _floats(images)
    n, channels, height, width = values.shape
    padded = F.pad(values, (radius, radius, radius, radius), mode="replicate").flatten(0, 1)[:, None]
    blurred = F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return _pixels(blurred.view(n, channels, height, width))


def noise(images: Tensor, deviation: int, seed: int = SEED) -> Tensor:
    """Add Gaussian noise of that standard deviation (of 255) to pictures uint8 [N, height, width, channels].

    Each pixel and channel has noise of its own, the same at each call with this seed; what leaves 0 to 255 is clipped.
    """
    random = torch.Generator().manual_seed(seed)
    drawn = torch.randn(images.shape, generator=random).to(images.device)
    return (images + deviation * drawn).round_().clamp_(0, 255).to(torch.uint8)


def _floats(images: Tensor) -> Tensor:
    """Return pictures uint8 [N, height, width, channels] as float32 [N, channels, height, width], 0 to 255."""
    return images.permute(0, 3, 1, 2).to(torch.float32).contiguous()


def _pixels(values: Tensor) -> Tensor:
    return values.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


FUNCTIONS: dict[str, Callable[[Tensor, int], Tensor]] = {"shift": shift, "rotate": rotate, "blur": blur, "noise": noise}
"""What the changes do, in the order in which several are made; FGSM, which needs the network, comes last."""

CHANGES = (
    Change(
        name="shift",
        title="Shift",
        axis="shift to the right, pixels",
        how="The picture moves to the right; what comes in on the left is black.",
        words=lambda strength: f"{strength} px",
        most=16,
        strengths=(0, 1, 2, 3, 4, 6, 8, 12),
    ),
    Change(
        name="rotate",
        title="Rotation",
        axis="rotation, degrees anticlockwise",
        how="The picture turns anticlockwise about its centre (bilinear); the corners that come in are black.",
        words=lambda strength: f"{strength}°",
        most=180,
        strengths=(0, 5, 10, 20, 30, 45, 60, 90),
    ),
    Change(
        name="blur",
        title="Blur",
        axis="standard deviation of the blur, pixels",
        how="Each pixel becomes the mean of those around it, weighed by a Gaussian.",
        words=lambda strength: f"{strength / 10:g} px",
        most=30,
        strengths=(0, 3, 5, 8, 10, 15, 20, 30),
    ),
    Change(
        name="noise",
        title="Noise",
        axis="standard deviation of the noise, of 255",
        how="Each pixel gets Gaussian noise of its own, the same at each visit; what leaves 0 to 255 is clipped.",
        words=lambda strength: f"{strength}/255",
        most=100,
        strengths=(0, 4, 8, 16, 24, 32, 48, 64),
    ),
    Change(
        name="fgsm",
        title="FGSM",
        axis="step of FGSM, of 255",
        how="Each pixel moves by one step up or down, whichever makes the loss larger: an attack made of this network's own "
        "gradients.",
        words=lambda strength: f"{strength}/255" if strength else "0",
        most=32,
        strengths=(0, 1, 2, 4, 8, 12, 16, 32),
    ),
)


def change_of(name: str) -> Change:
    """Return the change of that name. Raises UnknownNameError, whose text lists the known names."""
    found = {change.name: change for change in CHANGES}
    if name not in found:
        raise UnknownNameError(f"There is no change {name!r}. Choose one of: {', '.join(found)}.")
    return found[name]


def strength_of(change: Change, asked: str | int | None) -> int:
    """Return a strength as a number; None is 0. Raises UnknownNameError for what the change's slider does not have."""
    if asked is None:
        return 0
    if not isinstance(asked, int) or not 0 <= asked <= change.most:
        raise UnknownNameError(f"{change.title} goes from 0 to {change.most}, not {asked}.")
    return asked
