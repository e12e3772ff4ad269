"""This module keeps uploaded pictures, so that a link to one survives a reload: PNG files named by their hash."""

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
"""Number of pictures kept; the picture looked at longest ago is deleted first."""

_NAME = re.compile(r"[0-9a-f]{32}")


def add(app_config: AppConfig, data: bytes) -> str:
    """Keep an uploaded picture and return its name.

    Raises PictureError (a sentence) where `data` is no picture.

    Only the pixels are kept, written anew: nothing of the uploaded file reaches another visitor.
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
    """Return the uploaded picture of that name, uint8 [H, W, 3]; None where no such picture is kept (any more)."""
    if not _NAME.fullmatch(name):
        return None
    path = _folder(app_config) / f"{name}.png"
    try:
        picture = _read(path)
    except Exception:  # a file cut off by a full disk, or a foreign one: Pillow raises nearly anything
        return None
    with suppress(OSError):  # only the order of thinning depends on the time
        os.utime(path)
    return picture


def _read(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture that `add` wrote, uint8 [H, W, 3]; a file of any other form raises."""
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
        except FileNotFoundError:  # another visitor's upload has just deleted the file
            return 0.0

    for path in sorted(folder.glob("*.png"), key=last_use)[:-MOST]:
        path.unlink(missing_ok=True)
