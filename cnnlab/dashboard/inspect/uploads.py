"""People's own pictures, kept so that a link to one survives a reload: PNG files named by the hash of their content."""

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from cnnlab.app_config import AppConfig
from cnnlab.data.images import KEPT_PX, MAX_SIDE_PX, decode
from cnnlab.files import atomic_write

MOST = 200
"""Pictures kept; the one looked at longest ago goes first."""

_NAME = re.compile(r"[0-9a-f]{32}")


def add(app_config: AppConfig, data: bytes) -> str:
    """Keep an uploaded picture and give its name. Raises PictureError (a sentence) where it is none.

    What is kept are its pixels, written anew: nothing of the uploaded file reaches another visitor.
    """
    picture = Image.fromarray(decode(data))
    name = hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()[:32]
    folder = _folder(app_config)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / f"{name}.png", mode=0o600) as file:
        picture.save(file, format="PNG")
    _thin(folder)
    return name


def find(app_config: AppConfig, name: str) -> npt.NDArray[np.uint8] | None:
    """The picture of that name, uint8 [H, W, 3]; None where there is none (any more), or the name is no name."""
    if not _NAME.fullmatch(name):
        return None
    path = _folder(app_config) / f"{name}.png"
    try:
        picture = _read(path)
    except Exception:  # cut off by a full disk, or not ours: Pillow raises nearly anything
        return None
    with suppress(OSError):  # only the order of thinning depends on it
        os.utime(path)
    return picture


def _read(path: Path) -> npt.NDArray[np.uint8]:
    """A picture that `add` wrote; anything else there raises."""
    with Image.open(path, formats=["PNG"]) as picture:
        if picture.mode != "RGB" or min(picture.size) > KEPT_PX or max(picture.size) > MAX_SIDE_PX:
            raise ValueError("not one of ours")
        return np.array(picture)


def _folder(app_config: AppConfig) -> Path:
    return app_config.home / "pictures"


def _thin(folder: Path) -> None:
    def last_use(path: Path) -> float:
        try:
            return path.stat().st_mtime
        except FileNotFoundError:  # another visitor's upload has just thinned it away
            return 0.0

    for path in sorted(folder.glob("*.png"), key=last_use)[:-MOST]:
        path.unlink(missing_ok=True)
