"""This module lays a map of numbers over a picture, as brightness or as two colours."""

import numpy as np
import numpy.typing as npt

from cnnlab.inspection.attribution.answer import stretched

Floats = npt.NDArray[np.float32]

DARKEST = 0.2
"""Share of the picture's brightness that is left where a map without negative numbers is zero."""
_STRONGEST = 0.85
"""Share of the colour where a map with both signs is at its limit: the picture still shines through."""
_FOR, _AGAINST = (201, 102, 23), (48, 131, 215)
"""Orange and blue of the diverging palette (static/tiles/palettes.js)."""


def over_picture(picture: npt.NDArray[np.uint8], values: Floats, limit: float, signed: bool) -> Floats:
    """Return the picture [size_px, size_px, channels] under the map [height, width]: [size_px, size_px, 3], 0 to 255.

    The map is stretched over the picture. Without signs the picture is as bright as the map is high; with them it is grey,
    and as orange as the map is above zero, as blue as it is below. Both are full at `limit`.
    """
    pixels = np.broadcast_to(picture.astype(np.float32), (*picture.shape[:2], 3))
    share = np.clip(stretched(np.nan_to_num(values / limit).astype(np.float32), len(picture)), -1, 1)[:, :, np.newaxis]
    if not signed:
        lit: Floats = (pixels * (DARKEST + (1 - DARKEST) * share)).astype(np.float32)
        return lit
    grey = np.broadcast_to(pixels.mean(axis=2, keepdims=True), pixels.shape)
    colour = np.where(share > 0, np.array(_FOR), np.array(_AGAINST))
    strength = _STRONGEST * np.abs(share)
    mixed: Floats = (grey * (1 - strength) + colour * strength).astype(np.float32)
    return mixed
