"""This room turns a stranger's bytes into a picture: of the kinds that telephones and screens make, nothing larger than
can be shown, and no metadata survives.

Decoding is what attackers aim at, so a process of its own does it (`_decoder.py`), with little memory and little time. What
that process says is believed only within bounds: this many bytes, of a picture of this size.
"""

import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from cnnlab.data.images import _decoder
from cnnlab.data.images._decoder import HEADER, MAGIC
from cnnlab.data.images._fit import MIDDLE, Square, fit_to, is_inverse
from cnnlab.files import confined

__all__ = ["MIDDLE", "Square", "fit_to", "is_inverse"]

MAX_BYTES = 25_000_000
MAX_MEGAPIXELS = 50
KINDS = "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC"
KEPT_PX = _decoder.KEPT_PX
"""Shortest side kept of a larger picture."""
MOST_KEPT_PX = _decoder.MOST_KEPT_PX
LIMIT_S = 15.0
"""A picture that takes longer on the clock is given up; its process allows itself less than that of the processor."""
AT_ONCE = 2
"""Pictures decoded at the same time, for all visitors together."""
MOST_WAIT_S = 20.0
"""A class of thirty that uploads at once is through in a few seconds."""

_turns = threading.BoundedSemaphore(AT_ONCE)


class PictureError(ValueError):
    """`PictureError` says that these bytes are no picture cnnlab can show. Its text is one sentence for people: why,
    and what to do.
    """


@dataclass(frozen=True, eq=False)
class Decoded:
    """A `Decoded` is a picture as it is kept: upright, and no larger than of use."""

    pixels: NDArray[np.uint8]
    """[H, W, 3], or [H, W, 4] where parts of it are transparent."""
    size: tuple[int, int]
    """Width and height of the picture in the file, upright: it may have been scaled down to `pixels`."""


def decode(data: bytes) -> Decoded:
    """Decode the picture in `data`, of one of KINDS; the first frame where there are several.

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


def believed(answer: bytes) -> Decoded:
    """Return what the decoder answered as a picture, if the answer is one in every byte. Raises PictureError."""
    damaged = PictureError("This picture is damaged or cut short: save it again and try once more.")
    if len(answer) < HEADER.size:
        raise damaged
    magic, verdict, width, height, channels, full_width, full_height = HEADER.unpack_from(answer)
    if verdict != _decoder.PICTURE:
        raise _refusal(verdict, width, height) or damaged
    small = 0 < min(width, height) <= KEPT_PX and max(width, height) <= MOST_KEPT_PX and channels in (3, 4)
    small = small and width <= full_width and height <= full_height and full_width * full_height <= _decoder.MOST_PIXELS
    if magic != MAGIC or not small or len(answer) != HEADER.size + width * height * channels:
        raise damaged
    pixels = np.frombuffer(answer, np.uint8, offset=HEADER.size).reshape(height, width, channels).copy()
    return Decoded(pixels, (full_width, full_height))


def _refusal(verdict: int, width: int, height: int) -> PictureError | None:
    match verdict:
        case _decoder.NO_PICTURE:
            return PictureError(
                f"This is not a picture of a kind that can be read here ({KINDS}), whatever its name says: "
                "save it as JPEG or PNG and try again."
            )
        case _decoder.TOO_LARGE:
            return PictureError(
                f"This picture has {width} × {height} pixels: make it smaller, at most {MAX_MEGAPIXELS} million pixels, and "
                "try again."
            )
        case _decoder.TOO_MANY_PIECES:
            return PictureError(
                "This picture is stored in too many pieces: save it again as PNG or JPEG and try once more."
            )
        case _decoder.NO_MEMORY:
            return _too_hungry()
    return None


def _too_slow() -> PictureError:
    return PictureError("This picture takes too long to read: save it again as PNG or JPEG and try once more.")


def _too_hungry() -> PictureError:
    return PictureError(
        "This picture takes too much memory to read: save it as JPEG, or make it smaller, and try again."
    )
