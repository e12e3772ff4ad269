"""A stranger's bytes -> a picture. Only PNG and JPEG, nothing larger than can be shown, and no metadata survives."""

import io
import re
import warnings
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES = 8_000_000
MAX_SIDE_PX = 4_096
MAX_JPEG_SEGMENTS = 400  # cameras write some dozens; each may cost a pass over the picture, and 8 MB could hold 200,000

# Pillow only warns of a picture that is too large by less than twice.
warnings.simplefilter("error", Image.DecompressionBombWarning)


class PictureError(ValueError):
    """These bytes are no picture cnnlab can show. Its text is one sentence for people: why, and what to do."""


def decode(data: bytes) -> NDArray[np.uint8]:
    """The picture in `data`, a PNG or JPEG: uint8 [H, W, 3], upright, transparent parts on white.

    Raises PictureError, and nothing else.
    """
    _check_bytes(data)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as picture:
            _check_size(*picture.size)
            picture.load()
            return np.array(_on_white(_eight_bits(_upright(picture))))
    except PictureError:
        raise
    except UnidentifiedImageError as fault:
        raise PictureError(
            "This is no PNG or JPEG picture, whatever its name says: save it as PNG or JPEG and try again."
        ) from fault
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise _too_large("is too large") from fault
    except Exception as fault:  # damaged files make Pillow raise nearly anything
        raise PictureError("This picture is damaged or cut short: save it again and try once more.") from fault


def fit_to(picture: NDArray[np.uint8], size_px: int, channels: int) -> NDArray[np.uint8]:
    """What a network gets to see of a picture: uint8 [H, W, 3] -> uint8 [size_px, size_px, channels].

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


def _check_bytes(data: bytes) -> None:
    if not data:
        raise PictureError("This file is empty: choose another one.")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"This file has {len(data) / 1e6:.1f} MB: choose one of up to {MAX_BYTES / 1e6:.0f} MB, or save it smaller."
        )
    if data.startswith(b"\xff\xd8") and _jpeg_segments(data) > MAX_JPEG_SEGMENTS:
        raise PictureError("This picture is stored in too many pieces: save it again as PNG or JPEG and try once more.")


# Those with a length: no stuffed zero, restart or start of image (ITU-T T.81, table B.1).
_JPEG_SEGMENT = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
_END_OF_IMAGE = b"\xd9"


def _jpeg_segments(data: bytes) -> int:
    """How many segments a JPEG has (as far as they matter), those within another one, a thumbnail's say, left out."""
    count, at = 0, 0
    while (segment := _JPEG_SEGMENT.search(data, at)) and segment[1] != _END_OF_IMAGE and count <= MAX_JPEG_SEGMENTS:
        count += 1
        at = segment.end() + int.from_bytes(data[segment.end() : segment.end() + 2])
    return count


def _check_size(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE_PX:
        raise _too_large(f"has {width} × {height} pixels")


def _too_large(how: str) -> PictureError:
    return PictureError(f"This picture {how}: make it at most {MAX_SIDE_PX} pixels wide and high and try again.")


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as its EXIF data say; as it is where they cannot be read."""
    with suppress(Exception):
        return ImageOps.exif_transpose(picture)
    return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Pillow cuts 16-bit grey off at 255 where it should scale."""
    if not picture.mode.startswith("I"):
        return picture
    values = np.asarray(picture).clip(0, 65_535).astype(np.uint32)
    values += 128  # to the nearest of the 256 greys, which lie 257 apart
    values //= 257
    return Image.fromarray(values.astype(np.uint8))


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture)
    return paper
