"""This script turns a stranger's bytes on stdin into a small picture, or says why not, on stdout. Nothing imports it to
decode.

This process has the least a process can have: limits on memory, time and files that it sets before it reads a byte, no
environment, and of all packages Pillow and the one for HEIC. It answers with HEADER, and after PICTURE with the pixels.
Where the system has no `resource` (Windows) or does not keep its limits (macOS and memory), the parent's clock remains.
"""

import importlib
import re
import struct
import sys
from contextlib import suppress
from typing import Any

MEMORY_BYTES = 300_000_000
"""Of the whole address space, the interpreter and its libraries included."""
CPU_S = 3
MOST_PIXELS = 52_000_000
"""Number of pixels of a picture: what telephones call 50 megapixels."""
KEPT_PX = 512
"""Shortest side kept of a larger picture: a crop of a tenth of it is still more than any network here receives."""
MOST_KEPT_PX = 4_096
"""Longest side kept of a larger picture."""
STRIP_ROWS = 64
MAX_JPEG_SEGMENTS = (
    400  # cameras write some dozens; each may cost a pass over the picture, and 25 MB could hold 600,000
)

HEADER = struct.Struct(">4sBIIBII")
"""MAGIC, verdict, width, height, channels (3, or 4 with transparency), and the picture's own width and height, upright."""
MAGIC = b"RGBA"
PICTURE, NO_PICTURE, DAMAGED, TOO_LARGE, TOO_MANY_PIECES, NO_MEMORY = range(6)
MOST_BYTES = HEADER.size + KEPT_PX * MOST_KEPT_PX * 4

KINDS = (
    (rb"\xff\xd8", "PIL.JpegImagePlugin", "jpeg_factory"),
    (rb"\x89PNG\r\n\x1a\n", "PIL.PngImagePlugin", "PngImageFile"),
    (rb"GIF8[79]a", "PIL.GifImagePlugin", "GifImageFile"),
    (rb"RIFF....WEBP", "PIL.WebPImagePlugin", "WebPImageFile"),
    (rb"BM", "PIL.BmpImagePlugin", "BmpImageFile"),
    (rb"II\*\0|MM\0\*", "PIL.TiffImagePlugin", "TiffImageFile"),
    (rb"....ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)", "pillow_heif", "HeifImageFile"),
)
"""How the file of each kind begins, and who reads it: none of Pillow's forty other decoders can be reached."""


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
    if data.startswith(b"\xff\xd8") and _jpeg_segments(data) > MAX_JPEG_SEGMENTS:
        return _refusal(TOO_MANY_PIECES)
    picture = _open(data)
    if picture is None:
        return _refusal(NO_PICTURE)
    width, height = picture.size
    if width * height > MOST_PIXELS:
        return _refusal(TOO_LARGE, width, height)
    small = _small(picture)
    if (width < height) != (small.width < small.height):  # it was turned upright
        width, height = height, width
    pixels: bytes = small.tobytes()
    return HEADER.pack(MAGIC, PICTURE, *small.size, len(small.mode), width, height) + pixels


def _refusal(verdict: int, width: int = 0, height: int = 0) -> bytes:
    return HEADER.pack(MAGIC, verdict, width, height, 0, 0, 0)


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
    """Open the picture with the one decoder for its first bytes; None where there is none. Reads the head only."""
    import io

    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # MOST_PIXELS is stricter, and has a sentence of its own
    for start, module, opener in KINDS:
        if re.match(start, data, re.DOTALL):
            with suppress(ImportError):
                return getattr(importlib.import_module(module), opener)(io.BytesIO(data))
    return None


def _small(picture: Any) -> Any:
    """Scale the picture down to what is kept, upright: RGB, or RGBA where parts of it are transparent."""
    from PIL import Image

    times = min(1.0, KEPT_PX / min(picture.size), MOST_KEPT_PX / max(picture.size))
    width, height = (max(1, round(side * times)) for side in picture.size)
    picture.draft(None, (2 * width, 2 * height))  # JPEG: decode at a half, a quarter, an eighth
    picture.load()
    turn = _turn(picture)
    flat = _reduced(picture, max(1, min(picture.width // (2 * width), picture.height // (2 * height))))
    if flat.size != (width, height):
        flat = flat.resize((width, height), Image.Resampling.LANCZOS)
    if flat.mode == "RGBA" and flat.getchannel("A").getextrema() == (255, 255):
        flat = flat.convert("RGB")  # a browser that shrinks a photograph writes a transparency of nothing
    return flat if turn is None else flat.transpose(turn)


def _reduced(picture: Any, times: int) -> Any:
    """Average squares of `times` pixels, in strips: but for the picture itself nothing large is held."""
    from PIL import Image

    mode = "RGBA" if picture.has_transparency_data else "RGB"
    size = [-(-side // times) for side in picture.size]
    flat = Image.new(mode, tuple(size))
    for top in range(0, size[1], STRIP_ROWS):
        rows = (0, top * times, picture.width, min(picture.height, (top + STRIP_ROWS) * times))
        strip = _eight_bits(picture.crop(rows)).convert(mode)
        flat.paste(strip.reduce(times) if times > 1 else strip, (0, top))
    return flat


def _eight_bits(picture: Any) -> Any:
    """Scale 16-bit grey, which Pillow would cut off at 255; the 256 greys lie 257 apart."""
    if not picture.mode.startswith("I"):
        return picture
    return picture.convert("I").point([(value + 128) // 257 for value in range(65_536)], "L")


def _turn(picture: Any) -> Any:
    """Return how to turn the picture as its EXIF data say; None where they do not, or cannot be read."""
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
        return turns.get(picture.getexif().get(0x0112))
    return None


if __name__ == "__main__":
    limit()
    sys.path.append(sys.argv[1])
    sys.stdout.buffer.write(answer(sys.stdin.buffer.read()))
