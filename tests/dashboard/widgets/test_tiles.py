"""What the tiles are sent is the array itself; what does not fit is refused."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnnlab.dashboard.widgets import tiles as module
from cnnlab.dashboard.widgets.component import STATIC
from cnnlab.dashboard.widgets.tiles import tiles


class Mounted:
    """Stands where the browser would: keeps what it was given, and has been clicked where told."""

    def __init__(self, picked: int | None = None) -> None:
        self.picked = picked
        self.given: dict[str, Any] = {}

    def __call__(self, **given: Any) -> "Mounted":
        self.given = given
        return self


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> Mounted:
    """The component, replaced."""
    browser = Mounted()
    monkeypatch.setattr(module, "_tiles", browser)
    return browser


def draw(values: np.ndarray, **options: Any) -> int | None:
    """Tiles with the labels and limits they need."""
    needed: dict[str, Any] = {
        "limits": (-1.0, 1.0),
        "palette": "diverging",
        "labels": [str(i) for i in range(len(values))],
    }
    return tiles(key="t", values=values, **{**needed, **options})


SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6))


@given(arrays.arrays(np.float32, SHAPES) | arrays.arrays(np.uint8, SHAPES))
def test_every_number_sent_is_the_tensor_s(values: np.ndarray) -> None:
    """Bit for bit, in C order, whatever the numbers are; a picture's bytes travel as bytes."""
    with pytest.MonkeyPatch.context() as patch:
        browser = Mounted()
        patch.setattr(module, "_tiles", browser)
        draw(values)

    sent = browser.given["data"]["values"].column("values").to_numpy()
    assert sent.dtype == values.dtype
    assert sent.tobytes() == values.tobytes()
    data = browser.given["data"]
    assert (len(data["labels"]), data["height"], data["width"], data["channels"]) == (*values.shape, 1)


def test_colour_tiles_are_three_channels(mounted: Mounted) -> None:
    """[n, h, w, 3] is drawn as red, green and blue, also when it is a view with strides."""
    values = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5).transpose(0, 2, 3, 1)

    draw(values)

    assert mounted.given["data"]["channels"] == 3
    np.testing.assert_array_equal(mounted.given["data"]["values"].column("values").to_numpy(), values.ravel())


def test_one_scale_for_all_or_one_each(mounted: Mounted) -> None:
    """A pair is sent once, an array of pairs one a tile."""
    values = np.zeros((3, 2, 2), np.float32)
    draw(values)
    assert mounted.given["data"]["limits"] == [[-1.0, 1.0]]

    draw(values, limits=np.array([[0, 1], [0, 2], [0, 3]], np.float32))
    assert mounted.given["data"]["limits"] == [[0, 1], [0, 2], [0, 3]]


def test_a_click_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tile that was clicked is returned."""
    monkeypatch.setattr(module, "_tiles", Mounted(picked=1))

    assert draw(np.zeros((2, 2, 2), np.float32)) == 1


@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 4, 2), (0, 3, 3), (1, 2, 3, 3, 3)])
@pytest.mark.usefixtures("mounted")
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    """What is no stack of pictures is said to be none."""
    with pytest.raises(ValueError, match="Tiles are"):
        draw(np.zeros(shape, np.float32), labels=[])


@pytest.mark.parametrize("wrong", [{"labels": ["one"]}, {"limits": (0.0, float("nan"))}])
@pytest.mark.usefixtures("mounted")
def test_labels_and_limits_must_fit(wrong: dict[str, Any]) -> None:
    """As many labels as tiles, and a scale of finite ends."""
    with pytest.raises(ValueError, match="2 tiles need 2 labels"):
        draw(np.zeros((2, 2, 2), np.float32), **wrong)


def lightness(name: str) -> np.ndarray:
    """CIE L* of the 33 stops of a palette in palettes.js."""
    text = re.search(rf"const {name} =\s*((?:\"[0-9a-f]+\"[\s+]*)+);", (STATIC / "tiles" / "palettes.js").read_text())
    assert text
    hexes = "".join(re.findall(r"[0-9a-f]{6,}", text[1]))
    colours = np.array([[int(hexes[i + j : i + j + 2], 16) for j in (0, 2, 4)] for i in range(0, len(hexes), 6)]) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(luminance) - 16


def test_viridis_grows_lighter_evenly() -> None:
    """A step of the number is a step of lightness, the same everywhere: the picture invents no edges."""
    steps = np.diff(lightness("VIRIDIS"))

    assert len(steps) == 32
    assert steps.min() > 0
    assert steps.max() < 2 * steps.mean()


def test_the_diverging_scale_is_symmetric_about_zero() -> None:
    """Equal numbers of either sign are equally dark, zero is lightest, and the steps are even."""
    levels = lightness("DIVERGING")

    np.testing.assert_allclose(levels, levels[::-1], atol=0.6)
    assert levels.argmax() == 16
    steps = np.abs(np.diff(levels))
    assert steps.max() - steps.min() < 1.0
