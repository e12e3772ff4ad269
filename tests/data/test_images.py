"""Pictures from strangers: what cameras, telephones and paint programs write, and nothing but a sentence for the rest."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from cnnlab.data import images
from cnnlab.data.images import MAX_BYTES, PictureError, _decoder, believed

# Pillow's remarks on EXIF data that some tests damage.
pytestmark = [pytest.mark.filterwarnings("ignore:Corrupt EXIF"), pytest.mark.filterwarnings("ignore:Tag data larger")]

ORIENTATION = 0x0112
QUARTERS = np.kron(
    np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[255, 255, 0], [0, 0, 0], [255, 255, 255]]], np.uint8),
    np.ones((16, 16, 1), np.uint8),
)
"""32 × 48: six squares of different colours, so that each way of turning it shows."""


def encode(picture: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, pixels: bytes, extra: bytes = b"") -> bytes:
    """A PNG of a kind that Pillow reads but does not write. `pixels`: rows, each after a zero."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


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


def decode(data: bytes) -> np.ndarray:
    """The pixels that are kept of it."""
    return images.decode(data).pixels


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_colour_picture(kind):
    """uint8 [H, W, 3], its own memory: exact for PNG, close for JPEG."""
    picture = decode(encode(QUARTERS, kind))

    assert picture.shape == (32, 48, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.writeable
    assert abs(picture.astype(int) - QUARTERS).mean() < (1 if kind == "PNG" else 12)


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


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_in_any_way(orientation, kind):
    """All eight EXIF orientations come out upright."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation

    picture = decode(encode(QUARTERS, kind, exif=exif))

    expected = turned(QUARTERS, orientation)
    assert picture.shape == expected.shape
    assert abs(picture.astype(int) - expected).mean() < (1 if kind == "PNG" else 12)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_exif_that_cannot_be_read_is_passed_over(exif):
    """A picture is not refused for what stands beside it."""
    data = encode(QUARTERS, "JPEG")
    with_exif = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]

    np.testing.assert_array_equal(decode(with_exif), decode(data))


def test_transparency_is_kept():
    """How clear each pixel is, beside its colour: what shows through depends on the network's training pictures."""
    pixels = np.array([[[255, 0, 0, 128], [0, 255, 0, 255]]], np.uint8)

    assert decode(encode(pixels)).tolist() == pixels.tolist()
    assert decode(encode(np.full((4, 4, 3), 9, np.uint8))).shape == (4, 4, 3)


def test_a_transparency_of_nothing_is_left_out():
    """As browsers write it that shrink a photograph: the page said that transparent parts of it were filled."""
    opaque = np.dstack([np.full((600, 800, 3), 9, np.uint8), np.full((600, 800), 255, np.uint8)])

    assert decode(encode(opaque)).shape == (512, 683, 3)


def test_grey_and_grey_with_transparency():
    """All three channels alike."""
    grey = np.array([[0, 100, 255]], np.uint8)
    see_through = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(np.array([[255, 255, 0]], np.uint8))])

    assert decode(encode(grey)).tolist() == [[[0] * 3, [100] * 3, [255] * 3]]
    assert decode(encode(see_through))[..., 3].tolist() == [[255, 255, 0]]
    assert decode(encode(see_through))[0, :2, :3].tolist() == [[0] * 3, [100] * 3]
    assert decode(encode(grey, "JPEG")).shape == (1, 3, 3)


def test_a_palette_with_and_without_transparency():
    """Colours of the table; the one named transparent is clear."""
    picture = Image.fromarray(QUARTERS).convert("P", palette=Image.Palette.ADAPTIVE, colors=6)
    first = picture.getpixel((0, 0))

    np.testing.assert_array_equal(decode(encode(picture)), QUARTERS)
    see_through = decode(encode(picture, transparency=first))
    assert see_through[0, 0, 3] == 0
    np.testing.assert_array_equal(see_through[:, 16:, :3], QUARTERS[:, 16:])


KINDS = {
    "WebP": ("WEBP", {"lossless": True}, 1),
    "WebP with losses": ("WEBP", {"quality": 80}, 30),
    "GIF": ("GIF", {}, 1),
    "BMP": ("BMP", {}, 1),
    "TIFF": ("TIFF", {}, 1),
    "TIFF, LZW": ("TIFF", {"compression": "tiff_lzw"}, 1),
    "TIFF, JPEG": ("TIFF", {"compression": "jpeg"}, 30),
    "HEIC": ("HEIF", {"quality": 90}, 12),
}


@pytest.mark.parametrize(("kind", "options", "most"), KINDS.values(), ids=KINDS)
def test_what_telephones_and_screens_make(kind, options, most):
    """Each kind that people have, by its bytes and not its name."""
    if kind == "HEIF":
        pillow_heif.register_heif_opener()
    picture = decode(encode(QUARTERS, kind, **options))

    assert picture.shape == (32, 48, 3)
    assert abs(picture.astype(int) - QUARTERS).mean() < most


def test_the_first_frame_of_an_animation():
    """GIF and WebP that move: the picture they begin with."""
    frames = [Image.fromarray(QUARTERS), Image.fromarray(QUARTERS[::-1])]
    for kind, options in (("GIF", {}), ("WEBP", {"lossless": True})):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(decode(data)[..., :3], QUARTERS)


def test_a_telephone_held_upright():
    """HEIC and TIFF that say how to be turned, as JPEG does; the size is that of the picture as it is seen."""
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    for kind in ("HEIF", "WEBP", "TIFF"):
        data = encode(Image.fromarray(QUARTERS), kind, exif=exif.tobytes())
        assert images.decode(data).size == (32, 48), kind
        assert abs(decode(data).astype(int) - np.rot90(QUARTERS, -1)).mean() < 30, kind


def test_the_size_of_a_photograph_is_told():
    """Twelve megapixels, upright, though fewer are kept."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    photograph = images.decode(encode(Image.new("RGB", (4_000, 3_000), "red"), "JPEG", exif=exif))

    assert photograph.size == (3_000, 4_000)
    assert photograph.pixels.shape == (683, 512, 3)


def test_black_and_white_of_one_bit():
    """0 and 255, not 0 and 1."""
    assert decode(encode(Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1"))).tolist() == [
        [[0] * 3, [255] * 3]
    ]


def test_sixteen_bits_are_scaled_not_cut_off():
    """A grey ramp of 16 bits is a ramp of 8; colour of 16 bits keeps its high half."""
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16)[None]
    assert decode(encode(ramp))[0, :, 1].tolist() == list(range(256))

    colour = b"\0" + struct.pack(">6H", 0xFFFF, 0x8000, 0, 0x1234, 0x5678, 0x9ABC)
    assert decode(png(2, 1, 16, 2, colour)).tolist() == [[[255, 128, 0], [0x12, 0x56, 0x9A]]]


def test_four_inks():
    """CMYK, as printers' JPEGs are: no ink is white, all cyan has no red."""
    inks = np.zeros((8, 16, 4), np.uint8)
    inks[:, 8:, 0] = 255

    picture = decode(encode(Image.fromarray(inks, "CMYK"), "JPEG", quality=95))

    assert abs(picture[4, 2].astype(int) - [255, 255, 255]).max() < 6
    assert abs(picture[4, 13].astype(int) - [0, 255, 255]).max() < 6


def test_a_telephone_picture_of_several_frames():
    """MPO, which many telephones write as .jpg: the first picture."""
    frames = [Image.fromarray(QUARTERS), Image.fromarray(QUARTERS[::-1])]

    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])

    np.testing.assert_array_equal(decode(data), decode(encode(QUARTERS, "JPEG")))


@pytest.mark.parametrize("shape", [(1, 1), (1, 4_096), (4_096, 1), (3, 1_000)])
def test_any_shape(shape):
    """Down to one pixel, and as thin as it likes."""
    assert decode(encode(np.full((*shape, 3), 9, np.uint8))).shape == (*shape, 3)


def test_a_large_picture_is_scaled_to_what_is_kept():
    """512 pixels on its shortest side, or 4,096 on its longest; the colours stay those of the whole picture."""
    assert decode(encode(np.full((1_024, 5_000, 3), 9, np.uint8))).shape == (512, 2_500, 3)
    assert decode(encode(np.full((1_024, 10_000, 3), 9, np.uint8))).shape == (419, 4_096, 3)

    large = np.kron(QUARTERS, np.ones((70, 70, 1), np.uint8))
    for kind in ("PNG", "JPEG"):
        small = decode(encode(large, kind))
        assert small.shape == (512, 768, 3)
        expected = np.asarray(Image.fromarray(large).resize((768, 512), Image.Resampling.LANCZOS)).astype(int)
        assert abs(small - expected).mean() < 2


def test_a_large_picture_keeps_its_transparency():
    """Averaged with its colour, without a dark seam where it ends."""
    large = np.zeros((1_200, 1_200, 4), np.uint8)
    large[:, 600:] = (200, 100, 50, 255)
    small = decode(encode(large))

    assert small.shape == (512, 512, 4)
    seen = small[small[..., 3] > 100]
    assert abs(seen[:, :3].astype(int) - (200, 100, 50)).max() < 12


NOT_A_PICTURE = (
    "This is not a picture of a kind that can be read here (JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC), whatever its name says: "
    "save it as JPEG or PNG and try again."
)
DAMAGED = "This picture is damaged or cut short: save it again and try once more."


def text_bomb() -> bytes:
    """Ten times a megabyte of text, in a few kilobytes."""
    info = PngImagePlugin.PngInfo()
    for i in range(100):
        info.add_text(f"k{i}", "x" * 1_000_000, zip=True)
    return encode(QUARTERS, pnginfo=info)


REFUSED = {
    "nothing": (b"", "This file is empty: choose another one."),
    "an EPS named .png": (encode(QUARTERS, "EPS"), NOT_A_PICTURE),
    "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>', NOT_A_PICTURE),
    "text": (b"hello", NOT_A_PICTURE),
    "a PNG's first bytes": (encode(QUARTERS)[:20], None),
    "half a PNG": (encode(QUARTERS)[:100], DAMAGED),
    "half a JPEG": (encode(QUARTERS, "JPEG")[:-200], DAMAGED),
    "a PNG with a wrong checksum": (encode(QUARTERS).replace(b"IDAT", b"IDAU"), None),
    "no width": (png(0, 5, 8, 2, b""), None),
    "much text": (text_bomb(), None),
    "too many layers": (
        layered_jpeg(4_096, 2_000),
        "This picture is stored in too many pieces: save it again as PNG or JPEG and try once more.",
    ),
    "too many comments": (b"\xff\xd8" + b"\xff\xfe\0\2" * 1_900_000, None),
    "nothing but ones": (b"\xff\xd8" + b"\xff" * 2_000_000, None),
    "too many bytes": (
        bytes(MAX_BYTES + 1),
        "This file has 25.0 MB: choose one of up to 25 MB, or save it smaller.",
    ),
    "too many pixels": (
        encode(Image.new("1", (10_000, 5_201))),
        "This picture has 10000 × 5201 pixels: make it smaller, at most 50 million pixels, and try again.",
    ),
    "a quiet bomb": (png(9_459, 9_459, 1, 0, b""), None),
    "a polite bomb": (png(13_377, 13_377, 8, 2, b""), None),
    "a bomb": (png(50_000, 50_000, 1, 0, b""), None),
    "the largest there can be": (png(2**31 - 1, 2**31 - 1, 16, 6, b""), None),
}


@pytest.mark.parametrize(("data", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(data, sentence):
    """One sentence that says what to do."""
    with pytest.raises(PictureError) as caught:
        decode(data)

    text = str(caught.value)
    assert text == (sentence or text)
    assert ": " in text
    assert text.endswith(".")
    assert "\n" not in text


def test_many_layers_within_reason_are_shown():
    """A progressive JPEG, as web sites have them, and one of two hundred layers: in time."""
    assert abs(decode(encode(QUARTERS, "JPEG", progressive=True)).astype(int) - QUARTERS).mean() < 12
    assert decode(layered_jpeg(2_048, 100)).shape == (512, 512, 3)


def test_marks_within_other_segments_do_not_count():
    """A thumbnail or a maker's note may hold any bytes; neither they nor what follows the picture are layers of it."""
    data = encode(QUARTERS, "JPEG")
    note = b"\xff\xda" * 5_000
    noted = data[:2] + b"\xff\xe5" + struct.pack(">H", len(note) + 2) + note + data[2:] + note

    np.testing.assert_array_equal(decode(noted), decode(data))
    assert decode(encode(np.random.default_rng(0).integers(0, 256, (1_500, 1_500, 3), np.uint8))).shape[0] == 512


@given(
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"GIF89a", b"II*\0", b"BM"]
    ),
    st.binary(),
)
def test_random_bytes_are_refused_with_a_sentence(start, rest):
    """Whatever it is, the decoder answers, and the answer is a PictureError, nothing else."""
    with pytest.raises(PictureError):
        believed(_decoder.answer(start + rest))


@given(
    st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]),
    st.integers(0, 400),
    st.binary(min_size=1, max_size=8),
)
def test_damaged_pictures_are_shown_or_refused(kind, at, garbage):
    """A few bytes of a sound file overwritten: a picture or a PictureError, nothing else."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = encode(QUARTERS, kind, exif=exif)
    try:
        picture = believed(_decoder.answer(data[:at] + garbage + data[at + len(garbage) :]))
    except PictureError as fault:
        assert str(fault).endswith(".")
    else:
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.shape[2] in (3, 4)


def answered(verdict: int, width: int, height: int, pixels: int, channels: int = 3, full: tuple | None = None) -> bytes:
    """What a decoder might say."""
    head = _decoder.HEADER.pack(_decoder.MAGIC, verdict, width, height, channels, *(full or (width, height)))
    return head + bytes(pixels)


GOOD = answered(_decoder.PICTURE, 2, 1, 6)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\0",
        b"RGB9" + GOOD[4:],
        answered(77, 2, 1, 6),
        answered(_decoder.PICTURE, 0, 5, 0),
        answered(_decoder.PICTURE, 2**32 - 1, 2**32 - 1, 0),
        answered(_decoder.PICTURE, 600, 600, 600 * 600 * 3),
        answered(_decoder.PICTURE, 2, 1, 10, channels=5),
        answered(_decoder.PICTURE, 2, 1, 6, full=(1, 1)),
        answered(_decoder.PICTURE, 2, 1, 6, full=(10**9, 10**9)),
    ],
)
def test_the_decoder_is_not_believed(answer):
    """An answer that is too short, too long, of another kind or size than agreed is no picture."""
    assert believed(GOOD).pixels.shape == (1, 2, 3)
    with pytest.raises(PictureError):
        believed(answer)
