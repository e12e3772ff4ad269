"""The changes against SciPy and plain numpy: whole pixels, and strength 0 changes nothing."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from cnnlab.inspection.robustness.changes import (
    CHANGES,
    FUNCTIONS,
    blur,
    change_of,
    noise,
    rotate,
    shift,
    strength_of,
)
from cnnlab.registry import UnknownNameError


@pytest.fixture(params=[3, 1], ids=["colour", "grey"])
def pictures(request: pytest.FixtureRequest) -> np.ndarray:
    """Two pictures of noise, uint8 [2, 32, 32, channels]."""
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, request.param), dtype=np.uint8)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_at_strength_0(pictures: np.ndarray, name: str) -> None:
    """The very pictures come back, and those given stay at any strength."""
    given = torch.from_numpy(pictures.copy())
    np.testing.assert_array_equal(FUNCTIONS[name](given, 0).numpy(), pictures)
    changed = FUNCTIONS[name](given, 7)
    assert changed.dtype is torch.uint8
    assert changed.shape == given.shape
    assert not torch.equal(changed, given)
    np.testing.assert_array_equal(given.numpy(), pictures)


@pytest.mark.parametrize("pixels", [1, 5, 31, 32, 40])
def test_shift(pictures: np.ndarray, pixels: int) -> None:
    """To the right, zeros behind it."""
    expected = np.pad(pictures, ((0, 0), (0, 0), (pixels, 0), (0, 0)))[:, :, :32]
    np.testing.assert_array_equal(shift(torch.from_numpy(pictures), pixels).numpy(), expected)


@pytest.mark.parametrize("degrees", [5, 30, 77, 90, 180])
def test_rotate(pictures: np.ndarray, degrees: int) -> None:
    """As SciPy does it, bilinear with zeros around, to one unit of rounding; a right angle gives the pixels themselves."""
    found = rotate(torch.from_numpy(pictures), degrees).numpy().astype(float)
    expected = ndimage.rotate(
        pictures.astype(float), degrees, axes=(1, 2), reshape=False, order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(found, expected, atol=0.51)
    if degrees == 90:
        np.testing.assert_array_equal(found, np.rot90(pictures, axes=(1, 2)))


@pytest.mark.parametrize("tenths_px", [3, 10, 30])
def test_blur(pictures: np.ndarray, tenths_px: int) -> None:
    """As SciPy does it with the edge going on, to one unit of rounding."""
    sigma = tenths_px / 10
    expected = ndimage.gaussian_filter(pictures.astype(float), sigma=(0, sigma, sigma, 0), mode="nearest", truncate=4.0)
    np.testing.assert_allclose(blur(torch.from_numpy(pictures), tenths_px).numpy(), expected, atol=0.51)


def test_noise() -> None:
    """Of the stated deviation, the same by the seed, another with another one; black and white are clipped."""
    grey = torch.full((4, 32, 32, 3), 128, dtype=torch.uint8)
    changed = noise(grey, 20)
    moved = changed.double() - 128
    assert float(moved.mean()) == pytest.approx(0, abs=1)
    assert float(moved.std()) == pytest.approx(20, rel=0.05)
    assert torch.equal(changed, noise(grey, 20))
    assert not torch.equal(changed, noise(grey, 20, seed=1))
    assert int(noise(torch.zeros_like(grey), 64).min()) == 0
    assert int(noise(torch.full_like(grey, 255), 64).max()) == 255


def test_what_there_is_not() -> None:
    """A sentence that says what there is: the command line hands on what was typed."""
    with pytest.raises(UnknownNameError, match=r"no change 'melt'.*shift, rotate"):
        change_of("melt")
    assert strength_of(change_of("blur"), None) == 0
    assert strength_of(change_of("blur"), 30) == 30
    for asked in (31, -1, "much"):
        with pytest.raises(UnknownNameError, match=f"Blur goes from 0 to 30, not {asked}"):
            strength_of(change_of("blur"), asked)


def test_the_strengths_of_a_curve() -> None:
    """They begin with 0, grow, and the slider reaches the last one."""
    for change in CHANGES:
        assert change.strengths[0] == 0
        assert list(change.strengths) == sorted(set(change.strengths))
        assert change.strengths[-1] <= change.most
        assert {*FUNCTIONS, "fgsm"} == {one.name for one in CHANGES}
