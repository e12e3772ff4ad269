"""People's own pictures, kept so that a link to one survives a reload: PNG files named by the hash of their content."""

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from cnnlab.data.images import PictureError, decode
from cnnlab.settings import Settings

MOST = 200
"""Pictures kept; the one looked at longest ago goes first."""
KEPT_PX = 256
"""Shortest side kept of a larger picture: far more than any network here receives."""

_NAME = re.compile(r"[0-9a-f]{32}")


def add(settings: Settings, data: bytes) -> str:
    """Keep an uploaded picture and give its name. Raises PictureError (a sentence) where it is none."""
    picture = Image.fromarray(decode(data))
    if (times := KEPT_PX / min(picture.size)) < 1:
        width, height = (round(side * times) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    name = hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()[:32]
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
        picture.save(file, format="PNG")
    Path(file.name).replace(folder / f"{name}.png")
    _thin(folder)
    return name


def find(settings: Settings, name: str) -> npt.NDArray[np.uint8] | None:
    """The picture of that name, uint8 [H, W, 3]; None where there is none (any more), or the name is no name."""
    if not _NAME.fullmatch(name):
        return None
    path = _folder(settings) / f"{name}.png"
    try:
        picture = decode(path.read_bytes())
    except (OSError, PictureError):
        return None
    with suppress(OSError):  # only the order of thinning depends on it
        os.utime(path)
    return picture


def _folder(settings: Settings) -> Path:
    return settings.home / "pictures"


def _thin(folder: Path) -> None:
    def last_use(path: Path) -> float:
        try:
            return path.stat().st_mtime
        except FileNotFoundError:  # another visitor's upload has just thinned it away
            return 0.0

    for path in sorted(folder.glob("*.png"), key=last_use)[:-MOST]:
        path.unlink(missing_ok=True)
