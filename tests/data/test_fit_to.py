"""What a network gets to see of any picture."""

import io

import numpy as np
import pytest
from PIL import Image

from cnnlab.data.images import decode, fit_to


def test_the_middle_square_is_taken():
    """Of a wide or high picture the network sees the middle."""
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200

    assert (fit_to(wide, 10, 3) == 200).all()
    assert (fit_to(wide.transpose(1, 0, 2), 10, 3) == 200).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (31, 33), (28, 28), (900, 700)])
def test_any_picture_fits_any_network(shape, channels):
    """[size, size, channels] from every shape; one colour stays that colour."""
    fitted = fit_to(np.full((*shape, 3), 77, np.uint8), 28, channels)

    assert fitted.shape == (28, 28, channels)
    assert fitted.dtype == np.uint8
    assert (fitted == 77).all()


def test_a_picture_of_the_right_size_is_not_touched():
    """A picture of the dataset itself, saved and uploaded, comes back bit for bit."""
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")

    np.testing.assert_array_equal(fit_to(decode(file.getvalue()), 32, 3), picture)


def test_shrinking_averages():
    """A fine chessboard becomes even grey; taking single pixels would leave black and white."""
    fine = (np.indices((320, 320)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)

    assert abs(fit_to(fine, 32, 3)[2:-2, 2:-2].astype(int) - 127).max() <= 3


def test_grey_is_luma():
    """0.299 R + 0.587 G + 0.114 B, as ITU-R 601 has it."""
    colours = np.eye(3, dtype=np.uint8)[:, None] * 255

    assert [int(fit_to(colour[None], 1, 1)[0, 0, 0]) for colour in colours] == [76, 150, 29]
