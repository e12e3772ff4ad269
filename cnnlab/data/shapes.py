"""This module registers shapes: ten kinds of drawn shapes, made on this machine in a second or two, without a download."""

import numpy as np
from numpy.typing import NDArray

from cnnlab.data._dataset import DATASETS, Dataset
from cnnlab.data._drawing import SHAPES, Field, radius
from cnnlab.data._types import Arrays, DatasetInfo, Progress
from cnnlab.data_folders import DataFolders

INFO = DatasetInfo(
    name="shapes",
    classes=tuple(SHAPES),
    channels=3,
    size_px=32,
    num_train=22_000,
    num_test=3_000,
    mean=(0.4999, 0.4971, 0.5018),
    std=(0.2896, 0.2877, 0.2890),
    summary="Ten kinds of drawn shapes in any place, size, tilt and colour. Made on this machine: no download.",
    source="Drawn by cnnlab from a fixed seed: the same pictures on every machine.",
    download_bytes=0,
)

CHUNK = 200  # pictures drawn at a time: small enough for the processor's cache
PIXELS = np.arange(INFO.size_px, dtype=np.float32) - (INFO.size_px - 1) / 2  # from the middle
PICTURE_BYTES = INFO.size_px**2 * INFO.channels


class _Dice:
    """`_Dice` makes uniform numbers from the raw bits of PCG64: NumPy promises these bits for good, but not what it
    makes of them.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Field:
        """Return float32 [*shape, 1, 1]: a uniform number for each picture and channel."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        share = (raw >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
        return (low + (high - low) * share).reshape(*shape, 1, 1)

    def grain(self, *shape: int) -> NDArray[np.int16]:
        """Return int16 [*shape]: the sum of two dice from -128 to 127, the noise of a cheap camera."""
        raw = self._bits.random_raw(int(np.prod(shape)) // 4).astype("<u8")
        grain: NDArray[np.int16] = raw.view(np.int8).reshape(2, *shape).sum(axis=0, dtype=np.int16)
        return grain


def draw(count: int, seed: int, progress: Progress) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw `count` pictures uint8 [count, 32, 32, 3] and return them with their classes int64 [count], every class in
    turn.
    """
    images = np.empty((count, INFO.size_px, INFO.size_px, INFO.channels), np.uint8)
    labels = np.arange(count, dtype=np.int64) % len(SHAPES)
    dice = _Dice(seed)
    for start in range(0, count, CHUNK):
        chunk = labels[start : start + CHUNK]
        images[start : start + CHUNK] = _pictures(chunk, dice).transpose(0, 2, 3, 1)
        progress(min(start + CHUNK, count) * PICTURE_BYTES, count * PICTURE_BYTES)
    return images, labels


def _pictures(labels: NDArray[np.int64], dice: _Dice) -> NDArray[np.uint8]:
    """Draw one picture a label, uint8 [N, 3, 32, 32]: a shape on a ground, a small disc in the way, noise over all."""
    n = len(labels)
    x, y = PIXELS[None, :], PIXELS[:, None]
    paper = dice.uniform(0, 256, n, 3)
    # A fifth to four fifths of the way round the scale in each channel: always visible, never the same.
    ink = (paper + dice.uniform(51, 205, n, 3)) % 256

    pictures = paper + _slope(x, y, dice, n)
    _lay(pictures, ink + _slope(x, y, dice, n), _shape_masks(labels, x, y, dice))
    _lay(pictures, dice.uniform(0, 256, n, 3), _disc_masks(x, y, dice, n))
    pictures += dice.grain(*pictures.shape) * dice.uniform(0.02, 0.18, n, 1)
    return pictures.clip(0, 255, out=pictures).astype(np.uint8)


def _shape_masks(labels: NDArray[np.int64], x: Field, y: Field, dice: _Dice) -> Field:
    """Return how much of each pixel the shape covers, 0 to 1: float32 [N, 1, 32, 32]."""
    n = len(labels)
    size_px, stretch, tilt = dice.uniform(6.5, 13, n, 1), dice.uniform(0.85, 1.18, n, 1), dice.uniform(-0.5, 0.5, n, 1)
    room = INFO.size_px / 2 - 0.9 * size_px  # a tip may leave the picture, the shape may not
    x, y = x - room * dice.uniform(-1, 1, n, 1), y - room * dice.uniform(-1, 1, n, 1)
    sin, cos = _steady(np.sin(tilt, dtype=np.float64)), _steady(np.cos(tilt, dtype=np.float64))
    right, down = (x * cos + y * sin) / (size_px * stretch), (y * cos - x * sin) / size_px * stretch

    masks = np.empty_like(right)
    for label, distance in enumerate(SHAPES.values()):
        mine = labels == label
        masks[mine] = _cover(distance(right[mine], down[mine]) * size_px[mine])
    return masks


def _steady(values: NDArray[np.float64]) -> Field:
    """Round sines to eight digits: their last digit differs from one machine to the next."""
    return values.round(8).astype(np.float32)


def _disc_masks(x: Field, y: Field, dice: _Dice, n: int) -> Field:
    x, y = x - dice.uniform(-16, 16, n, 1), y - dice.uniform(-16, 16, n, 1)
    return _cover(radius(x, y) - dice.uniform(1, 3.5, n, 1))


def _slope(x: Field, y: Field, dice: _Dice, n: int) -> Field:
    """Return a soft change of light across the picture: float32 [N, 1, 32, 32]."""
    return x * dice.uniform(-2, 2, n, 1) + y * dice.uniform(-2, 2, n, 1)


def _cover(distance_px: Field) -> Field:
    """Return how much of a pixel is covered at this distance from the outline; half on the outline, for smooth edges."""
    return (0.5 - distance_px).clip(0, 1)


def _lay(pictures: Field, colour: Field, mask: Field) -> None:
    """Paint a colour over the pictures in place (they are most of the work), as much as the mask covers."""
    colour = colour - pictures
    colour *= mask
    pictures += colour


def _read(_folders: DataFolders, progress: Progress) -> Arrays:
    total = (INFO.num_train + INFO.num_test) * PICTURE_BYTES
    train = draw(INFO.num_train, 0, lambda done, _: progress(done, total))
    test = draw(INFO.num_test, 1, lambda done, _: progress(INFO.num_train * PICTURE_BYTES + done, total))
    return Arrays(*train, *test)


DATASETS.register(INFO.name, Dataset(INFO, _read, sources=((),)))
