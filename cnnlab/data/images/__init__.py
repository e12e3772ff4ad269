"""This room turns a stranger's bytes into a picture: only PNG and JPEG, nothing larger than can be shown, and no
metadata survives.

Decoding is what attackers aim at, so a process of its own does it (`_decoder.py`), with little memory and little time. What
that process says is believed only within bounds: this many bytes, of a picture of this size.
"""

import tempfile
import threading
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from cnnlab.data.images import _decoder
from cnnlab.data.images._decoder import HEADER, MAGIC
from cnnlab.files import confined

MAX_BYTES = 8_000_000
MAX_SIDE_PX = _decoder.MAX_SIDE_PX
KEPT_PX = _decoder.KEPT_PX
"""Shortest side kept of a larger picture: far more than any network here receives."""
LIMIT_S = 2.5
"""A picture that takes longer is given up."""
AT_ONCE = 2
"""Pictures decoded at the same time, for all visitors together."""
MOST_WAIT_S = 20.0
"""A class of thirty that uploads at once is through in a few seconds."""

_turns = threading.BoundedSemaphore(AT_ONCE)


class PictureError(ValueError):
    """`PictureError` says that these bytes are no picture cnnlab can show. Its text is one sentence for people: why,
    and what to do.
    """


def decode(data: bytes) -> NDArray[np.uint8]:
    """Decode the picture in `data`, a PNG or JPEG: uint8 [H, W, 3], upright, transparent parts on white.

    A larger one is scaled down to KEPT_PX on its shortest side. Waits for others up to MOST_WAIT_S; then takes up to
    LIMIT_S and, on Linux, 300 MB of address space in a process of its own (elsewhere the time alone is sure).
    Raises PictureError, and OSError where no temporary file can be written.
    """
    if not data:
        raise PictureError("This file is empty: choose another one.")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"This file has {len(data) / 1e6:.1f} MB: choose one of up to {MAX_BYTES / 1e6:.0f} MB, or save it smaller."
        )
    if not _turns.acquire(timeout=MOST_WAIT_S):
        raise PictureError("Many pictures are being read at this moment: try again in a few seconds.")
    try:
        return believed(_answer(data))
    finally:
        _turns.release()


def fit_to(picture: NDArray[np.uint8], size_px: int, channels: int) -> NDArray[np.uint8]:
    """Return what a network gets to see of a picture: uint8 [H, W, 3] -> uint8 [size_px, size_px, channels].

    The largest square in the middle, scaled with Lanczos' filter (which averages where it shrinks); for one channel,
    the luma of ITU-R 601 (0.299 R + 0.587 G + 0.114 B).
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(np.ascontiguousarray(picture[top : top + side, left : left + side]))
    mode = {1: "L", 3: "RGB"}[channels]
    small = square.convert(mode).resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.array(small).reshape(size_px, size_px, channels)


def command() -> list[str]:
    """Return the command of the decoder's process: of everything installed it can reach Pillow alone."""
    return confined.command(_decoder.__file__, str(Path(PIL.__file__).parents[1]))


def _answer(data: bytes) -> bytes:
    """Return what the decoder says of `data`."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(data)
        given.seek(0)
        try:
            code = confined.run(command(), given, said, LIMIT_S)
        except TimeoutError:
            code = confined.OUT_OF_TIME
        if code == confined.OUT_OF_TIME:
            raise _too_slow()
        if code == confined.KILLED:
            raise _too_hungry()
        said.seek(0)
        return said.read(_decoder.MOST_BYTES + 1)


def believed(answer: bytes) -> NDArray[np.uint8]:
    """Return what the decoder answered as a picture, if the answer is one in every byte. Raises PictureError."""
    damaged = PictureError("This picture is damaged or cut short: save it again and try once more.")
    if len(answer) < HEADER.size:
        raise damaged
    magic, verdict, width, height = HEADER.unpack_from(answer)
    match verdict:
        case _decoder.NO_PICTURE:
            raise PictureError(
                "This is no PNG or JPEG picture, whatever its name says: save it as PNG or JPEG and try again."
            )
        case _decoder.TOO_LARGE:
            raise PictureError(
                f"This picture has {width} × {height} pixels: make it at most {MAX_SIDE_PX} pixels wide and high and try again."
            )
        case _decoder.TOO_MANY_PIECES:
            raise PictureError(
                "This picture is stored in too many pieces: save it again as PNG or JPEG and try once more."
            )
        case _decoder.NO_MEMORY:
            raise _too_hungry()
    small = 0 < min(width, height) <= KEPT_PX and max(width, height) <= MAX_SIDE_PX
    if (magic, verdict) != (MAGIC, _decoder.PICTURE) or not small or len(answer) != HEADER.size + width * height * 3:
        raise damaged
    return np.frombuffer(answer, np.uint8, offset=HEADER.size).reshape(height, width, 3).copy()


def _too_slow() -> PictureError:
    return PictureError("This picture takes too long to read: save it again as PNG or JPEG and try once more.")


def _too_hungry() -> PictureError:
    return PictureError("This picture takes too much memory to read: make it smaller and try again.")
