"""This module makes of any picture what a network gets to see of it: a square, small, in the network's channels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

WHITE = (1.0,)


@dataclass(frozen=True)
class Square:
    """A `Square` is the part of a picture that is looked at, in whole percent, so that it says the same of any size."""

    side: int = 100
    """Of the picture's shortest side, 10 to 100."""
    left: int = 50
    """Of the room that is left beside the square, 0 to 100."""
    top: int = 50
    """Of the room that is left above and below it, 0 to 100."""

    def of(self, width: int, height: int) -> tuple[int, int, int]:
        """Return the first column, the first row and the side of the square in a picture, in pixels."""
        side = max(1, min(width, height) * self.side // 100)
        return (width - side) * self.left // 100, (height - side) * self.top // 100, side


MIDDLE = Square()
"""The largest square in the middle."""


def fit_to(
    picture: NDArray[np.uint8],
    size_px: int,
    channels: int,
    square: Square = MIDDLE,
    ground: tuple[float, ...] = WHITE,
    inverted: bool = False,
) -> NDArray[np.uint8]:
    """Return what a network gets to see of a picture: uint8 [H, W, 3 or 4] -> uint8 [size_px, size_px, channels].

    The square of it, scaled with Lanczos' filter (which averages where it shrinks); for one channel, the luma of
    ITU-R 601 (0.299 R + 0.587 G + 0.114 B). Transparent parts show `ground` (0 to 1, one number or one a channel), which
    stays as it is where the picture's own colours are `inverted`.
    """
    height, width = picture.shape[:2]
    left, top, side = square.of(width, height)
    cut = Image.fromarray(np.ascontiguousarray(picture[top : top + side, left : left + side, :3]))
    if inverted:
        cut = ImageOps.invert(cut)
    if picture.shape[2] == 4:
        opaque = Image.fromarray(np.ascontiguousarray(picture[top : top + side, left : left + side, 3]))
        below = Image.new("RGB", cut.size, _colour(ground))
        below.paste(cut, mask=opaque)
        cut = below
    mode = {1: "L", 3: "RGB"}[channels]
    small = cut.convert(mode).resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.array(small).reshape(size_px, size_px, channels)


def is_inverse(fitted: NDArray[np.uint8], ground: tuple[float, ...]) -> bool:
    """Return whether a fitted picture stands on the opposite of `ground`, or cannot be seen on it at all.

    A drawing in dark ink, for a network that was trained on light things on black.
    """
    edge = np.concatenate([fitted[0], fitted[-1], fitted[:, 0], fitted[:, -1]])
    far = abs(float(np.median(edge)) - 255 * float(np.mean(ground)))
    return far > 127 or int(fitted.max()) - int(fitted.min()) < 32


def _colour(ground: tuple[float, ...]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * share) for share in (ground * 3 if len(ground) == 1 else ground))
    return red, green, blue
