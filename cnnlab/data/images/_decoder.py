"""This script turns a stranger's bytes on stdin into a small RGB picture, or says why not, on stdout. Nothing imports
it to decode.

This process has the least a process can have: limits on memory, time and files that it sets before it reads a byte, no
environment, and of all packages Pillow alone. It answers with HEADER, and after PICTURE with width × height × 3 bytes.
Where the system has no `resource` (Windows) or does not keep its limits (macOS and memory), the parent's clock remains.
"""

import re
import struct
import sys
from contextlib import suppress
from typing import Any

MEMORY_BYTES = 300_000_000
"""Of the whole address space, the interpreter and its libraries included."""
CPU_S = 2
MAX_SIDE_PX = 4_096
KEPT_PX = 256
"""Shortest side kept of a larger picture: far more than any network here receives."""
MAX_JPEG_SEGMENTS = 400  # cameras write some dozens; each may cost a pass over the picture, and 8 MB could hold 200,000

HEADER = struct.Struct(">4sBII")
"""MAGIC, verdict, width, height."""
MAGIC = b"RGB8"
PICTURE, NO_PICTURE, DAMAGED, TOO_LARGE, TOO_MANY_PIECES, NO_MEMORY = range(6)
MOST_BYTES = HEADER.size + KEPT_PX * MAX_SIDE_PX * 3


def limit() -> None:
    """Limit what this process may take, for good, before anything is read or imported."""
    try:
        import resource
    except ImportError:
        return
    limits = {"AS": MEMORY_BYTES, "FSIZE": MOST_BYTES, "NOFILE": 16, "NPROC": 0, "CORE": 0}
    for name, most in limits.items():
        with suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))  # the first by a signal that has a name


def answer(data: bytes) -> bytes:
    """Return the bytes that the parent reads."""
    try:
        return _picture(data)
    except MemoryError:
        return _refusal(NO_MEMORY)
    except Exception:  # damaged files make Pillow raise nearly anything
        return _refusal(DAMAGED)


def _picture(data: bytes) -> bytes:
    if data.startswith(b"\xff\xd8"):
        if _jpeg_segments(data) > MAX_JPEG_SEGMENTS:
            return _refusal(TOO_MANY_PIECES)
    elif not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _refusal(NO_PICTURE)
    picture = _open(data)
    if max(picture.size) > MAX_SIDE_PX:
        return _refusal(TOO_LARGE, *picture.size)
    small = _small(picture)
    pixels: bytes = small.tobytes()
    return HEADER.pack(MAGIC, PICTURE, *small.size) + pixels


def _refusal(verdict: int, width: int = 0, height: int = 0) -> bytes:
    return HEADER.pack(MAGIC, verdict, width, height)


# Those with a length: no stuffed zero, restart or start of image (ITU-T T.81, table B.1).
_JPEG_SEGMENT = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
_END_OF_IMAGE = b"\xd9"


def _jpeg_segments(data: bytes) -> int:
    """Count the segments of a JPEG (as far as they matter); those within another one, a thumbnail's say, are left out."""
    count, at = 0, 0
    while (segment := _JPEG_SEGMENT.search(data, at)) and segment[1] != _END_OF_IMAGE and count <= MAX_JPEG_SEGMENTS:
        count += 1
        at = segment.end() + int.from_bytes(data[segment.end() : segment.end() + 2])
    return count


def _open(data: bytes) -> Any:
    """Open the picture with one of two decoders by name: none of Pillow's forty others can be reached. Reads the head
    only.
    """
    import io

    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # MAX_SIDE_PX is far stricter, and has a sentence of its own
    if data.startswith(b"\xff\xd8"):
        from PIL.JpegImagePlugin import jpeg_factory

        return jpeg_factory(io.BytesIO(data))
    from PIL.PngImagePlugin import PngImageFile

    return PngImageFile(io.BytesIO(data))


def _small(picture: Any) -> Any:
    """Scale the picture down to what is kept, on white, upright: RGB. No step holds more than three full copies of the
    picture.
    """
    from PIL import Image

    times = KEPT_PX / min(picture.size)
    if times < 1:
        width, height = (round(side * times) for side in picture.size)
        picture.draft(None, (2 * width, 2 * height))  # JPEG: decode at a half, a quarter, an eighth
        flat = _on_white(picture).resize((width, height), Image.Resampling.LANCZOS)
    else:
        flat = _on_white(picture)
    return _upright(flat, picture)


def _on_white(picture: Any) -> Any:
    from PIL import Image

    picture.load()
    if picture.mode.startswith("I"):  # 16-bit grey: Pillow would cut it off at 255; the 256 greys lie 257 apart
        picture = picture.convert("I").point([(value + 128) // 257 for value in range(65_536)], "L")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture)
    return paper


def _upright(flat: Any, picture: Any) -> Any:
    """Turn the picture as its EXIF data say; leave it as it is where they cannot be read."""
    from PIL.Image import Transpose

    turns = {  # EXIF 2.32, 4.6.4; 1 is upright
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    with suppress(Exception):
        return flat.transpose(turns[picture.getexif()[0x0112]])
    return flat


if __name__ == "__main__":
    limit()
    sys.path.append(sys.argv[1])
    sys.stdout.buffer.write(answer(sys.stdin.buffer.read()))
