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
from cnnlab.data.images import KEPT_PX, MOST_KEPT_PX, decode
from cnnlab.files import atomic_write

MOST = 200
"""Number of pictures kept; the picture looked at longest ago is deleted first."""

NAME = re.compile(r"[0-9a-f]{32}(-(\d{1,6})x(\d{1,6}))?")
"""Hash of the pixels, and how large the picture was when it came: fewer pixels may be kept."""
_SHRUNK = re.compile(r"image/png;width=(\d{1,6});height=(\d{1,6})")


def add(app_config: AppConfig, data: bytes, media_type: str = "") -> str:
    """Keep an uploaded picture and return its name.

    Raises PictureError (a sentence) where `data` is no picture.

    Only the pixels are kept, written anew: nothing of the uploaded file reaches another visitor.
    `media_type`: as the browser sent it; where it has shrunk the picture it says there how large it was.
    """
    decoded = decode(data)
    picture = Image.fromarray(decoded.pixels)
    width, height = _size_before(media_type, decoded.size)
    digest = hashlib.sha256(repr((picture.size, picture.mode)).encode() + picture.tobytes()).hexdigest()
    name = f"{digest[:32]}-{width}x{height}"
    folder = _folder(app_config)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / f"{name}.png", mode=0o600) as file:
        picture.save(file, format="PNG")
    _thin(folder)
    return name


def find(app_config: AppConfig, name: str) -> npt.NDArray[np.uint8] | None:
    """Return the uploaded picture of that name, uint8 [H, W, 3 or 4]; None where none of it is kept (any more)."""
    if not NAME.fullmatch(name):
        return None
    path = _folder(app_config) / f"{name}.png"
    try:
        picture = _read(path)
    except Exception:  # a file cut off by a full disk, or a foreign one: Pillow raises nearly anything
        return None
    with suppress(OSError):  # only the order of thinning depends on the time
        os.utime(path)
    return picture


def size_of(name: str) -> tuple[int, int] | None:
    """Return width and height that the picture of that name had when it came; None for a name that does not say."""
    found = NAME.fullmatch(name)
    return (int(found[2]), int(found[3])) if found and found[1] else None


def _size_before(media_type: str, size: tuple[int, int]) -> tuple[int, int]:
    """Return the size that the browser says the picture had before it shrank it, where that can be; else its own."""
    found = _SHRUNK.fullmatch(media_type.replace(" ", ""))
    if not found:
        return size
    width, height = int(found[1]), int(found[2])
    shape_is_kept = abs(width / size[0] - height / size[1]) <= 0.01 * width / size[0] + 1
    return (width, height) if width >= size[0] and height >= size[1] and shape_is_kept else size


def _read(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture that `add` wrote, uint8 [H, W, 3 or 4]; a file of any other form raises."""
    with Image.open(path, formats=["PNG"]) as picture:
        if picture.mode not in ("RGB", "RGBA") or min(picture.size) > KEPT_PX or max(picture.size) > MOST_KEPT_PX:
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
