"""This module finds pictures of a dataset that are the same, pixel by pixel, or nearly so.

Alike means: both pictures are averaged to 8 × 8 fields a channel, and the correlation (Pearson) of these numbers is high.
A change of brightness or contrast of the whole picture does not change it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

SIDE = 8
"""Number of fields along each side to which a picture is averaged."""
LEAST = 0.9
"""Correlation below which two pictures are not taken for alike, and no pair is kept."""
MOST_PAIRS = 20_000
"""Number of pairs that are kept: the most alike ones."""
_ROWS = 256
"""Number of pictures that are compared with all others at a time: 60 MB for 60,000 others."""
_AT_ONCE = 1_000

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Alike:
    """`Alike` holds which pictures of a dataset are alike; their numbers count the training file first, then the test file."""

    first: Ints
    """[pairs]: number of one picture."""
    second: Ints
    """[pairs]: number of the other one, which is larger."""
    correlation: Floats
    """[pairs]: how alike they are, the largest first. Pairs with the same pixels are not among them: see `copy_of`."""
    complete_from: Floats
    """[1]: correlation above which every pair is listed."""
    copy_of: Ints
    """[N]: number of the first picture with the very same pixels; of most pictures, their own."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """`Pairs` are pairs of pictures of two sets: first the ones with the same pixels, then the most alike."""

    one: Ints
    """[pairs]: number of the picture of the first set."""
    other: Ints
    """[pairs]: number of the picture of the second set."""
    correlation: Floats
    """[pairs]: how alike they are; 1 for the same pixels."""
    same: npt.NDArray[np.bool_]
    """[pairs]: whether all pixels are the same."""

    def __len__(self) -> int:
        return len(self.one)


def find_alike(
    train: npt.NDArray[np.uint8], test: npt.NDArray[np.uint8], progress: Callable[[int, int], None]
) -> Alike:
    """Compare all pictures uint8 [N, height, width, channels] of both files with each other.

    Calls `progress` with (done, N). N = 60,000 takes 192 · N² multiplications and additions for 3 channels.
    """
    fields = np.concatenate([_fields(part) for part in (train, test)])
    copy_of = _copies(train, test)
    n, limit = len(fields), LEAST
    rows, columns, values = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32)
    for start in range(0, n, _ROWS):
        products = fields[start : start + _ROWS] @ fields[start:].T
        row, column = np.nonzero(products >= limit)
        later = column > row
        row, column = row[later], column[later]
        found = products[row, column]
        row, column = (row + start).astype(np.int32), (column + start).astype(np.int32)
        new = copy_of[row] != copy_of[column]
        rows, columns = np.concatenate([rows, row[new]]), np.concatenate([columns, column[new]])
        values = np.concatenate([values, np.minimum(found[new], np.float32(1))])
        if len(values) > MOST_PAIRS:
            best = np.lexsort((columns, rows, -values))[:MOST_PAIRS]
            rows, columns, values = rows[best], columns[best], values[best]
            limit = float(values[-1])
        progress(min(n, start + _ROWS), n)
    best = np.lexsort((columns, rows, -values))
    complete_from = np.array([limit], np.float32)
    return Alike(rows[best], columns[best], values[best], complete_from, copy_of)


def between(alike: Alike, one: npt.NDArray[np.integer], other: npt.NDArray[np.integer], least: float) -> Pairs:
    """Return the pairs of a picture of the set `one` and a picture of the set `other`, given by their numbers.

    Listed are pairs with the same pixels, and those with a correlation of at least `least`. Of a set with itself every
    pair is listed once.
    """
    in_one, in_other = (np.isin(np.arange(len(alike.copy_of)), numbers) for numbers in (one, other))
    enough = alike.correlation >= np.float32(least)
    a, b, r = alike.first[enough], alike.second[enough], alike.correlation[enough]
    as_listed = in_one[a] & in_other[b]
    turned = in_one[b] & in_other[a] & ~as_listed
    copies = np.array(list(_copied(alike.copy_of, in_one, in_other)), np.int32).reshape(-1, 2)
    near = np.concatenate([np.stack([a, b], 1)[as_listed], np.stack([b, a], 1)[turned]])
    strength = np.concatenate([r[as_listed], r[turned]])
    order = np.lexsort((near[:, 1], near[:, 0], -strength))
    pairs = np.concatenate([copies, near[order]])
    correlation = np.concatenate([np.ones(len(copies), np.float32), strength[order]])
    return Pairs(pairs[:, 0], pairs[:, 1], correlation, np.arange(len(pairs)) < len(copies))


def _copied(copy_of: Ints, in_one: npt.NDArray[np.bool_], in_other: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Give the pairs with the same pixels of a picture of one set and a picture of the other, each pair once."""
    groups, sizes = np.unique(copy_of, return_counts=True)
    for group in groups[sizes > 1]:
        members = np.flatnonzero(copy_of == group)
        for a in members[in_one[members]]:
            for b in members[in_other[members]]:
                if a != b and not (a > b and in_one[b] and in_other[a]):
                    yield int(a), int(b)


def _fields(images: npt.NDArray[np.uint8]) -> Floats:
    """Return each picture as 8 × 8 fields a channel, less their mean and of length 1: [N, 64 · channels].

    The product of two of them is their correlation. Of a picture that is one colour everywhere in grey, all are 0.
    """
    n, height, width, channels = images.shape
    down, across = _averaging(height), _averaging(width)
    fields = np.empty((n, SIDE * SIDE * channels), np.float32)
    for start in range(0, n, _AT_ONCE):
        some = np.asarray(images[start : start + _AT_ONCE], np.float32)
        rows = down @ some.reshape(len(some), height, width * channels)
        fields[start : start + len(some)] = (across @ rows.reshape(len(some), SIDE, width, channels)).reshape(
            len(some), -1
        )
    fields -= fields.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(fields, axis=1, keepdims=True)
    flat = lengths < 1e-3  # what rounding leaves of equal numbers
    return np.where(flat, 0, fields / np.where(flat, 1, lengths)).astype(np.float32)


def _averaging(size: int) -> Floats:
    """Return the matrix [8, size] that averages a line of pixels to 8 fields; where 8 does not divide it, they overlap."""
    weights = np.zeros((SIDE, size), np.float32)
    for field in range(SIDE):
        begin, end = field * size // SIDE, -(-(field + 1) * size // SIDE)
        weights[field, begin:end] = 1 / (end - begin)
    return weights


def _copies(train: npt.NDArray[np.uint8], test: npt.NDArray[np.uint8]) -> Ints:
    """Return for each picture the number of the first one with the same pixels: [N]."""
    seen: dict[bytes, int] = {}
    found = np.empty(len(train) + len(test), np.int32)
    for number in range(len(found)):
        picture = train[number] if number < len(train) else test[number - len(train)]
        found[number] = seen.setdefault(blake2b(picture.tobytes(), digest_size=32).digest(), number)
    return found
