"""Hostile pictures, forty and those of other kinds, written by code: what each is, and what must become of it."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pillow_heif
from PIL import Image

ORIENTATION = 0x0112
QUARTERS = np.kron(
    np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[255, 255, 0], [0, 0, 0], [255, 255, 255]]], np.uint8),
    np.ones((16, 16, 1), np.uint8),
)
"""32 × 48: six squares of different colours, so that each way of turning it shows."""
MARK = b"mark-of-the-uploader"
"""Stands in all metadata; must be in nothing that is kept."""


@dataclass(frozen=True)
class Hostile:
    """One file."""

    name: str
    data: bytes
    refused: str | None = None
    """Words of the sentence; None where the picture is shown."""
    shown: np.ndarray | None = None
    """How it looks, up to JPEG's losses."""
    file_name: str = "picture.png"


def encode(picture: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A piece of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, packed: bytes, *extra: bytes) -> bytes:
    """A PNG from its compressed rows."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def zeros(size: int) -> bytes:
    """So many zero bytes, compressed about a thousandfold, without ever writing them down: one block, repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, zlib.DEFLATED, -15)
    end = rest.compress(bytes(size % (1 << 20))) + rest.flush()
    adler = (size % 65_521) << 16 | 1
    return b"\x78\xda" + block * (size >> 20) + end + struct.pack(">I", adler)


def bomb(side: int, depth: int, colour: int, bits: int) -> bytes:
    """A black square: small on the disk, large in memory."""
    return png(side, side, depth, colour, zeros(side * (1 + (side * bits + 7) // 8)))


def with_jpeg_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG with one more piece of metadata."""
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + data[2:]


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more piece, right after its header."""
    return data[:33] + chunk(kind, body) + data[33:]


def animated(frames: int) -> bytes:
    """An APNG; its first frame is the picture."""
    still = encode(QUARTERS)
    height, width = QUARTERS.shape[:2]
    packed = zlib.compress(bytes(height * (1 + 3 * width)))
    pieces = [chunk(b"acTL", struct.pack(">II", frames, 0))]
    control = struct.pack(">IIIIHHBB", width, height, 0, 0, 1, 10, 0, 0)
    pieces.append(chunk(b"fcTL", struct.pack(">I", 0) + control))
    later = b"".join(
        chunk(b"fcTL", struct.pack(">I", 2 * i - 1) + control) + chunk(b"fdAT", struct.pack(">I", 2 * i) + packed)
        for i in range(1, frames)
    )
    return still[:33] + b"".join(pieces) + still[33:-12] + later + still[-12:]


def layered_jpeg(side: int, scans: int) -> bytes:
    """A grey progressive JPEG, `side` a multiple of 1,024: each layer after the first takes a few bytes of the file and a
    pass over the whole picture."""

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    blocks = (side // 8) ** 2
    only_code_means = {0x00: b"\x00", 0x10: b"\xe0"}  # no difference; 16,384 blocks and more (14 bits) have ended
    head = b"\xff\xd8" + segment(0xDB, b"\0" + bytes([1] * 64))
    head += segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    head += b"".join(segment(0xC4, bytes([k, 1, *[0] * 15]) + v) for k, v in only_code_means.items())
    head += segment(0xDA, b"\1\1\0\0\0\0") + b"\0" * (blocks // 8)
    runs = b"\0" * (blocks // 16_384 * 15 // 8 + 1)
    layers = (segment(0xDA, bytes([1, 1, 0, 1 + i % 63, 1 + i % 63, 0])) + runs for i in range(scans - 1))
    return head + b"".join(layers) + b"\xff\xd9"


def turned(picture: np.ndarray, orientation: int) -> np.ndarray:
    """What a viewer shows, from the table in the EXIF standard (2.32, 4.6.4)."""
    return {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture, -1),
        7: picture[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(picture),
    }[orientation]


NO_PICTURE, DAMAGED, LARGE = (
    "not a picture of a kind that can be read here",
    "damaged or cut short",
    "at most 50 million pixels",
)
HTML = b"<script>alert('" + MARK + b"')</script>"
NAMES = {
    "a name that climbs": "../../../etc/cron.d/picture.png",
    "a name with a NUL": "picture.png\0.html",
    "a name written backwards": "pic\u202egnp.exe",
    "a name of 255 bytes": "a" * 251 + ".png",
}


def forty() -> list[Hostile]:
    """All of them, always the same."""
    found = [*_bombs(), *_strangers(), *_odd_sizes(), *_odd_pixels(), *_metadata(), *_slow()]
    found += [Hostile(name, encode(QUARTERS), shown=QUARTERS, file_name=given) for name, given in NAMES.items()]
    assert len(found) == len({each.name for each in found}) == 40
    return found


def other_kinds() -> list[Hostile]:
    """Malicious files of the kinds beside PNG and JPEG."""
    gif, bmp, tiff, webp = (encode(QUARTERS, kind) for kind in ("GIF", "BMP", "TIFF", "WEBP"))
    pillow_heif.register_heif_opener()
    heic = encode(QUARTERS, "HEIF")
    frames = [Image.new("RGB", (48, 32), (n, n, n)) for n in range(200)]
    moving = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    canvas = struct.pack("<I", 10) + bytes(4) + (16_382).to_bytes(3, "little") * 2
    itself = struct.pack("<2sHIH", b"II", 42, 8, 0) + struct.pack("<I", 8)
    many = struct.pack("<2sHIH", b"II", 42, 8, 65_535) + struct.pack("<HHII", 270, 2, 2**31 - 1, 8) * 65_535
    return [
        Hostile("a GIF of 65,535 squared", gif[:6] + b"\xff" * 4 + gif[10:], LARGE),
        Hostile("a WebP of 16,383 squared", b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + canvas, DAMAGED),
        Hostile("a BMP of two thousand million", bmp[:18] + struct.pack("<ii", 2**31 - 1, 2**31 - 1) + bmp[26:], LARGE),
        Hostile("a BMP without its pixels", bmp[:18] + struct.pack("<ii", 7_000, 7_000) + bmp[26:60], DAMAGED),
        Hostile("a TIFF that goes in circles", itself, DAMAGED),
        Hostile("a TIFF of 65,535 long tags", many, DAMAGED),
        Hostile("half a TIFF", tiff[:100], DAMAGED),
        Hostile("half a WebP", webp[: len(webp) // 2], DAMAGED),
        Hostile("half a GIF", gif[: len(gif) // 2]),  # what is there of it, or damaged
        Hostile("half a HEIC", heic[: len(heic) // 2], DAMAGED),
        Hostile("a HEIC of boxes alone", heic[:24] + b"\xff" * 2_000, DAMAGED),
        Hostile("a GIF of 200 frames", moving, shown=np.zeros((32, 48, 3))),
        Hostile("a large picture, 64 bits a pixel", bomb(7_200, 16, 6, 64)),  # shown, or too long or too large to read
    ]


def _bombs() -> Iterator[Hostile]:
    yield Hostile("a bomb of 50,000 squared, one bit", bomb(50_000, 1, 0, 1), LARGE)
    yield Hostile("a polite bomb of 13,377 squared", bomb(13_377, 8, 2, 24), LARGE)
    yield Hostile("a quiet bomb of 9,459 squared", bomb(9_459, 8, 2, 24), LARGE)
    yield Hostile("a square of 4,096, 64 bits a pixel", bomb(4_096, 16, 6, 64), shown=np.zeros((512, 512, 4)))


def _strangers() -> Iterator[Hostile]:
    """Other formats under a picture's name; several of Pillow's decoders for them have had holes."""
    yield Hostile("an EPS", encode(QUARTERS, "EPS"), NO_PICTURE)
    yield Hostile("an SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', NO_PICTURE)
    yield Hostile("a PDF", encode(QUARTERS, "PDF"), NO_PICTURE)
    yield Hostile("a TGA", encode(QUARTERS, "TGA"), NO_PICTURE)
    yield Hostile("an ICO", encode(QUARTERS, "ICO"), NO_PICTURE)
    yield Hostile("a JPEG 2000", encode(QUARTERS, "JPEG2000"), NO_PICTURE)


def _odd_sizes() -> Iterator[Hostile]:
    yield Hostile("half a PNG", encode(QUARTERS)[:100], DAMAGED)
    yield Hostile("half a JPEG", encode(QUARTERS, "JPEG")[:-200], DAMAGED)
    yield Hostile("nothing", b"", "empty")
    yield Hostile("no width", png(0, 5, 8, 2, zlib.compress(b"")), DAMAGED)
    yield Hostile("no height", png(5, 0, 8, 2, zlib.compress(b"")), DAMAGED)
    yield Hostile("1 × 60,000", png(60_000, 1, 8, 0, zeros(60_001)), shown=np.zeros((1, 4_096, 3)))


def _odd_pixels() -> Iterator[Hostile]:
    ramp = np.linspace(0, 65_535, 256).round().astype(np.uint16)[None]
    yield Hostile("16 bits", encode(ramp), shown=np.stack([np.arange(256)] * 3, axis=-1)[None])
    yield Hostile(
        "four inks",
        encode(Image.new("CMYK", (16, 8), (255, 0, 0, 0)), "JPEG"),
        shown=np.full((8, 16, 3), (0, 255, 255)),
    )
    palette = Image.fromarray(QUARTERS).convert("P", palette=Image.Palette.ADAPTIVE, colors=6)
    yield Hostile("a palette", encode(palette), shown=QUARTERS)
    yield Hostile("an APNG of 10,000 frames", animated(10_000), shown=QUARTERS)


def _metadata() -> Iterator[Hostile]:
    profile = b"p\0\0" + zlib.compress(MARK + bytes(60_000_000), 9)
    yield Hostile("a huge colour profile", with_chunk(encode(QUARTERS), b"iCCP", profile), DAMAGED)
    text = b"t\0\0" + zlib.compress(MARK + bytes(60_000_000), 9)
    yield Hostile("a huge compressed text", with_chunk(encode(QUARTERS), b"zTXt", text), DAMAGED)
    much = b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff\xff" + MARK * 3_000
    data = encode(QUARTERS, "JPEG")
    for _ in range(100):
        data = with_jpeg_segment(data, 0xE1, much)
    yield Hostile("a hundred EXIF blocks of 60 kB", data, shown=QUARTERS)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        exif[0x010E] = MARK.decode()
        shown = turned(QUARTERS, orientation)
        yield Hostile(f"EXIF orientation {orientation}", encode(QUARTERS, "JPEG", exif=exif), shown=shown)
    exif = Image.Exif()
    exif[0x010E] = HTML.decode()
    yield Hostile("EXIF with HTML", encode(QUARTERS, exif=exif), shown=QUARTERS)


def _slow() -> Iterator[Hostile]:
    yield Hostile("twenty-five megabytes of 0xFF", b"\xff\xd8" + b"\xff" * 24_999_998, "too long to read")
    yield Hostile("two thousand layers", layered_jpeg(4_096, 2_000), "too many pieces")
    still = encode(QUARTERS)
    yield Hostile("half a million empty pieces", still[:33] + chunk(b"vpAg", b"") * 500_000 + still[33:])
    yield Hostile("a picture that is also a page", still + HTML, shown=QUARTERS)
