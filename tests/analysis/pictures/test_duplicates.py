"""Pictures that are alike: every planted one is found, and the others are those of a search without any tricks."""

from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.analysis.pictures import duplicates
from cnnlab.analysis.pictures.duplicates import LEAST, SIDE, Alike, between, find_alike

Pictures = npt.NDArray[np.uint8]
ROUNDING = 1e-4


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def noise(number: int, size: int, channels: int, seed: int) -> Pictures:
    """Random pictures, none like another."""
    return np.random.default_rng(seed).integers(40, 200, (number, size, size, channels), dtype=np.uint8)


def plain(alike: Alike) -> dict[tuple[int, int], float]:
    """The listed pairs and their correlation."""
    pairs = zip(alike.first.tolist(), alike.second.tolist(), alike.correlation.tolist(), strict=True)
    return {(one, other): r for one, other, r in pairs}


def by_hand(images: Pictures) -> dict[tuple[int, int], float]:
    """The correlation of each two pictures, field by field in plain loops and by NumPy's corrcoef."""
    size = images.shape[1]
    edges = [(i * size // SIDE, int(np.ceil((i + 1) * size / SIDE))) for i in range(SIDE)]
    fields = [
        [image[a:b, c:d].mean(axis=(0, 1)) for (a, b), (c, d) in product(edges, edges)]
        for image in images.astype(np.float64)
    ]
    flat = np.array(fields).reshape(len(images), -1)
    return {(i, j): float(np.corrcoef(flat[i], flat[j])[0, 1]) for i, j in combinations(range(len(images)), 2)}


@given(
    planted=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=8),
    cut=st.integers(1, 19),
    seed=st.integers(0, 99),
)
def test_planted_copies_are_found_with_their_numbers(planted: list[tuple[int, int]], cut: int, seed: int) -> None:
    """Whatever is copied over what, within a file or across both, and no other pair."""
    images = noise(20, 9, 3, seed)
    for source, target in planted:
        images[target] = images[source]
    alike = find_alike(images[:cut], images[cut:], silent)
    equal = {(i, j) for i, j in product(range(20), range(20)) if (images[i] == images[j]).all()}

    assert alike.copy_of.tolist() == [min(j for i, j in equal if i == number) for number in range(20)]
    train, test = np.arange(cut), np.arange(cut, 20)
    for one, other in ((train, test), (test, train), (train, train)):
        found = between(alike, one, other, 1.0)
        listed = set(zip(found.one[found.same].tolist(), found.other[found.same].tolist(), strict=True))
        wanted = {(i, j) for i, j in equal if i in one and j in other and i != j}
        assert listed == ({(i, j) for i, j in wanted if i < j} if one is other else wanted)
        assert len(listed) == found.same.sum()


@pytest.mark.parametrize(("size", "channels"), [(8, 3), (13, 1), (28, 1), (32, 3)])
def test_near_ones_are_those_of_a_plain_search(size: int, channels: int) -> None:
    """Changed a little or a lot, brighter, flatter; also where 8 does not divide the size."""
    images = noise(40, size, channels, seed=size)
    random = np.random.default_rng(1)
    for place, strength in zip(range(20, 40), np.linspace(1, 60, 20), strict=True):
        changed = images[place - 20] * random.uniform(0.6, 1.2) + random.normal(0, strength, images[0].shape)
        images[place] = np.clip(changed, 0, 255).astype(np.uint8)
    alike = find_alike(images[:25], images[25:], silent)
    found, wanted = plain(alike), by_hand(images)
    sure = {pair for pair, r in wanted.items() if r > LEAST + ROUNDING}

    assert len(sure) > 3
    assert sure <= set(found)
    assert set(found) <= {pair for pair, r in wanted.items() if r > LEAST - ROUNDING}
    for pair, r in found.items():
        assert r == pytest.approx(wanted[pair], abs=ROUNDING)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_brightness_and_contrast_do_not_count_and_flat_pictures_are_alike_to_none() -> None:
    """A darker copy has 1; a picture of one grey has no correlation, but may be an exact copy."""
    images = noise(4, 16, 1, seed=3)
    images[1] = images[0] // 2
    images[2:] = 77
    alike = find_alike(images[:2], images[2:], silent)

    assert plain(alike) == {(0, 1): pytest.approx(1, abs=1e-3)}
    assert alike.copy_of.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("most", [1, 7, 30])
def test_of_many_pairs_the_most_alike_are_kept(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few at a time as well: those that a list of all begins with, and from where on it is complete."""
    images = np.repeat(noise(4, 16, 3, seed=5), 12, axis=0)
    images = np.clip(images + np.random.default_rng(2).normal(0, 8, images.shape), 0, 255).astype(np.uint8)
    everything = plain(find_alike(images, images[:0], silent))
    monkeypatch.setattr(duplicates, "MOST_PAIRS", most)
    monkeypatch.setattr(duplicates, "_ROWS", 5)
    few = find_alike(images, images[:0], silent)

    assert len(everything) > 30
    assert list(plain(few)) == list(everything)[:most]
    assert few.complete_from[0] == pytest.approx(list(everything.values())[most - 1], abs=1e-6)


def test_between_lists_each_pair_the_right_way_round() -> None:
    """The picture of the first set first, whichever has the larger number; below the similarity nothing."""
    alike = Alike(
        np.array([0, 1, 2], np.int32),
        np.array([3, 2, 5], np.int32),
        np.array([0.99, 0.97, 0.95], np.float32),
        np.array([0.9], np.float32),
        np.arange(6, dtype=np.int32),
    )
    high, low = np.array([3, 4, 5]), np.array([0, 1, 2])

    assert between(alike, high, low, 0.95).one.tolist() == [3, 5]
    assert between(alike, high, low, 0.95).other.tolist() == [0, 2]
    assert between(alike, low, low, 0.9).one.tolist() == [1]
    assert len(between(alike, low, high, 0.96)) == 1
    assert not len(between(alike, high, high, 0.9))
