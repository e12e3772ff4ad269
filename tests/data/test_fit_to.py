"""What a network gets to see of any picture."""

import io

import numpy as np
import pytest
from PIL import Image

from cnnlab.data.images import Square, decode, fit_to, is_inverse


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

    np.testing.assert_array_equal(fit_to(decode(file.getvalue()).pixels, 32, 3), picture)


def test_shrinking_averages():
    """A fine chessboard becomes even grey; taking single pixels would leave black and white."""
    fine = (np.indices((320, 320)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)

    assert abs(fit_to(fine, 32, 3)[2:-2, 2:-2].astype(int) - 127).max() <= 3


def test_grey_is_luma():
    """0.299 R + 0.587 G + 0.114 B, as ITU-R 601 has it."""
    colours = np.eye(3, dtype=np.uint8)[:, None] * 255

    assert [int(fit_to(colour[None], 1, 1)[0, 0, 0]) for colour in colours] == [76, 150, 29]


def test_the_square_is_the_one_that_was_chosen():
    """Half the shortest side, at the right and at the bottom; and it stays inside at every setting."""
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[50:, 150:] = 200

    assert (fit_to(picture, 10, 3, Square(50, 100, 100)) == 200).all()
    assert (fit_to(picture, 10, 3, Square(50, 0, 0)) == 0).all()
    for left, top in ((0, 0), (100, 0), (37, 100)):
        first, row, side = Square(33, left, top).of(200, 100)
        assert (side, first >= 0, first + side <= 200, row + side <= 100) == (33, True, True, True)


def test_transparent_parts_show_the_training_sets_ground():
    """Black for a set on black, a set's own colour otherwise, and the ground is not inverted with the picture."""
    clear = np.zeros((8, 8, 4), np.uint8)
    assert (fit_to(clear, 4, 1, ground=(0.0,)) == 0).all()
    assert fit_to(clear, 4, 3, ground=(1.0, 0.5, 0.0))[0, 0].tolist() == [255, 128, 0]
    ink = clear.copy()
    ink[2:6, 2:6] = (0, 0, 0, 255)
    assert fit_to(ink, 8, 1, ground=(0.0,), inverted=True)[:, :, 0].tolist()[3][:4] == [0, 0, 255, 255]


def test_a_dark_drawing_for_light_training_pictures_is_noticed():
    """Dark ink on paper, and dark ink on nothing; light things on black are as they should be."""
    paper = np.full((28, 28, 3), 250, np.uint8)
    paper[8:20, 12:16] = 10
    ink = np.dstack([np.zeros((28, 28, 3), np.uint8), np.where(paper[..., 0] < 128, 255, 0).astype(np.uint8)])

    for drawing in (paper, ink):
        assert is_inverse(fit_to(drawing, 28, 1, ground=(0.0,)), (0.0,))
        assert not is_inverse(fit_to(drawing, 28, 1, ground=(0.0,), inverted=True), (0.0,))
