"""What the pages that look inside stand on: the walk through the epochs, the scales and their words, kept pictures."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect.bar.epochs import next_moment
from cnnlab.dashboard.own_picture import edit, keep
from cnnlab.dashboard.widgets.color_scales import KERNEL_SCOPES, MAP_SCOPES, Scale, kernel_scale, map_scale, short
from cnnlab.data.images import PictureError, decode
from cnnlab.inspection.feature_maps import FeatureMaps, LayerMaps

NOWHERE = AppConfig(home=Path("/nowhere"))
Floats = npt.NDArray[np.float32]

epochs = st.sets(st.integers(0, 1000), min_size=1, max_size=300).map(sorted)
numbers = st.floats(-1e6, 1e6, width=32)


@given(epochs)
def test_a_walk_ends_at_the_last_epoch(saved: list[int]) -> None:
    """From the first epoch it only goes on, stops at kept epochs, reaches the last, and takes under a minute."""
    stops = [saved[0]]
    while (following := next_moment(saved, stops[-1])) is not None:
        assert following > stops[-1]
        stops.append(following)
    assert set(stops) <= set(saved)
    assert stops[-1] == saved[-1]
    assert len(stops) <= 42


def test_a_short_walk_leaves_nothing_out() -> None:
    """Up to forty epochs each one is shown."""
    assert [next_moment([0, 1, 2, 5], epoch) for epoch in (0, 1, 2, 5)] == [1, 2, 5, None]


def holds(scale: Scale, tile: int, values: Floats) -> bool:
    """True where every value of the tile has a colour of its own: none is cut off."""
    low, high = scale.of_tile(tile)
    return low < high and low <= values.min() and values.max() <= high


@given(arrays(np.float32, (3, 2, 2, 2), elements=numbers), st.sampled_from(sorted(KERNEL_SCOPES)))
def test_a_kernel_scale_is_symmetric_and_cuts_nothing_off(kernels: Floats, scope: str) -> None:
    """Zero is in the middle, whatever the weights; all of a kernel's input channels fit."""
    scale = kernel_scale(kernels, scope, "conv1")
    for index, kernel in enumerate(kernels):
        low, high = scale.of_tile(index)
        assert low == -high
        assert holds(scale, index, kernel)


def layer(name: str, maps: Floats) -> LayerMaps:
    """A layer with these maps."""
    return LayerMaps(f"base.{name}", name, "activation", maps)


@given(
    arrays(np.float32, (3, 2, 2), elements=numbers),
    arrays(np.float32, (2, 2, 2), elements=numbers),
    st.sampled_from(sorted(MAP_SCOPES)),
)
def test_a_map_scale_cuts_nothing_off_and_keeps_zero_in_its_place(mine: Floats, others: Floats, scope: str) -> None:
    """Negative values: zero in the middle of a diverging scale; none: zero at the dark end of viridis."""
    shown = layer("conv1", mine)
    nothing = np.zeros(1, np.float32)
    seen = FeatureMaps(nothing, (shown, layer("relu1", others)), nothing, nothing.astype(np.float64))
    scale = map_scale(shown, seen, scope)
    signed = (mine < 0).any() or (scope == "network" and (others < 0).any())
    assert scale.palette == ("diverging" if signed else "viridis")
    if scope == "network":  # colours of two layers are compared on one palette, from one end to one end
        other = map_scale(seen.layers[1], seen, scope)
        assert (other.palette, other.limits) == (scale.palette, scale.limits)
    for index, one in enumerate(mine):
        low, high = scale.of_tile(index)
        assert low == (-high if scale.palette == "diverging" else 0)
        assert holds(scale, index, one)
        if scope == "network":
            assert high >= np.abs(others).max()


@given(
    arrays(np.float32, (3, 2, 2, 2), elements=numbers),
    arrays(np.float32, (4, 2, 2, 2), elements=numbers),
    st.sampled_from(sorted(KERNEL_SCOPES)),
)
def test_kernels_side_by_side_have_one_scale(mine: Floats, theirs: Floats, scope: str) -> None:
    """Whichever of the two is asked; nothing of either is cut off, also where one has more kernels."""
    left, right = kernel_scale(mine, scope, "conv1", theirs), kernel_scale(theirs, scope, "conv1", mine)
    for index, pair in enumerate(zip(mine, theirs, strict=False)):
        assert left.of_tile(index) == right.of_tile(index)
        assert all(holds(left, index, kernel) for kernel in pair)
    assert holds(right, 3, theirs[3])
    assert "on both sides" in left.sentence


@given(
    arrays(np.float32, (3, 2, 2), elements=numbers),
    arrays(np.float32, (4, 3, 3), elements=numbers),
    st.sampled_from(sorted(MAP_SCOPES)),
)
def test_maps_side_by_side_have_one_scale(mine: Floats, theirs: Floats, scope: str) -> None:
    """Also where one of the two has no negative values, more maps or larger ones."""
    shown, beside = layer("conv1", mine), layer("conv1", theirs)
    nothing = np.zeros(1, np.float32)
    seen, other = (
        FeatureMaps(nothing, (one, layer("relu1", one.maps * 2)), nothing, nothing.astype(np.float64))
        for one in (shown, beside)
    )
    left, right = map_scale(shown, seen, scope, other), map_scale(beside, other, scope, seen)
    assert left.palette == right.palette
    for index, pair in enumerate(zip(mine, theirs, strict=False)):
        assert left.of_tile(index) == right.of_tile(index)
        assert all(holds(left, index, one) for one in pair)
    assert holds(right, 3, theirs[3])
    assert "both sides" in left.sentence


def test_each_choice_says_what_is_the_same() -> None:
    """In so few letters that the choices fit side by side."""
    shared = {name: choice.split()[0] for name, choice in (KERNEL_SCOPES | MAP_SCOPES).items()}
    assert shared == {"layer": "Same", "network": "Same", "kernel": "Each", "map": "Each"}
    assert all(len(choice) <= 20 for choice in (*KERNEL_SCOPES.values(), *MAP_SCOPES.values()))


def test_the_sentence_has_the_numbers() -> None:
    """What is said of the scale is what the scale is."""
    kernels = np.array([0.5, -0.25], np.float32).reshape(2, 1, 1, 1)
    shared = kernel_scale(kernels, "layer", "conv1").sentence
    assert "All kernels of conv1 share one colour scale, from −0.5 to 0.5, its largest weight" in shared
    assert "0.25 to 0.5" in kernel_scale(kernels, "kernel", "conv1").sentence
    assert short(-0.123456) == "−0.123"


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    """The picture as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def noise(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A picture like no other."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def test_a_small_picture_is_kept_pixel_for_pixel(app_config: AppConfig) -> None:
    """Up to 512 pixels on its shorter side nothing is changed, and the same picture has the same name."""
    picture = noise(40, 300)
    name = keep.add(app_config, png(picture))
    np.testing.assert_array_equal(keep.find(app_config, name), picture)
    assert keep.add(app_config, png(picture)) == name
    assert keep.add(app_config, png(noise(40, 300, seed=1))) != name


def test_a_large_picture_is_kept_smaller(app_config: AppConfig) -> None:
    """Its shorter side becomes 512 pixels, its shape stays and its own size is told."""
    name = keep.add(app_config, png(noise(600, 900)))
    kept = keep.find(app_config, name)
    assert kept is not None
    assert kept.shape == (512, 768, 3)
    assert keep.size_of(name) == (900, 600)


def test_a_picture_that_the_browser_has_shrunk_keeps_its_size(app_config: AppConfig) -> None:
    """As its type says, where that can be: not smaller than it is, not of another shape, and no text."""
    small = png(noise(30, 40))
    for media_type, size in (
        ("image/png;width=4000;height=3000", (4_000, 3_000)),
        ("image/png; width=4000; height=3000", (4_000, 3_000)),
        ("image/png;width=4000;height=4000", (40, 30)),
        ("image/png;width=20;height=15", (40, 30)),
        ("image/png;width=4000000000;height=3000000000", (40, 30)),
        ("image/png;width=-4000;height=<b>", (40, 30)),
        ("image/png", (40, 30)),
    ):
        assert keep.size_of(keep.add(app_config, small, media_type)) == size, media_type


@pytest.mark.parametrize(
    "text", ["abc~9-0-0", "abc~101-0-0", "abc~50-101-0", "abc~50-0", "abc~x", "../abc", "abc~inverted~inverted", ""]
)
def test_what_no_page_writes_is_no_picture(text: str) -> None:
    """A square outside of the picture, a half of one, a path: nothing is read."""
    assert edit.read(text) is None


@given(st.integers(10, 100), st.integers(0, 100), st.integers(0, 100), st.booleans())
def test_the_square_comes_back_from_the_address(side: int, left: int, top: int, inverted: bool) -> None:
    """Whatever was chosen."""
    own = edit.Own("0" * 32 + "-3000x4000", edit.Square(side, left, top), inverted)
    assert edit.read(own.text) == own
    assert len(own.text) < 70


@given(st.text(max_size=60))
def test_only_a_name_finds_a_picture(name: str) -> None:
    """Nothing that is not 32 hexadecimal digits reaches the disk."""
    assert keep.find(NOWHERE, name) is None


@pytest.mark.parametrize("name", ["../" + "a" * 29, "a" * 32 + "\n", "A" * 32, "a" * 31, "a" * 33, "a" * 30 + "\0/"])
def test_a_name_made_to_break_out_finds_nothing(app_config: AppConfig, name: str) -> None:
    """Paths, line ends and other lengths are no names."""
    assert keep.find(app_config, name) is None


def test_a_damaged_file_is_no_picture(app_config: AppConfig) -> None:
    """What lies there but cannot be read is as good as gone."""
    name = keep.add(app_config, png(noise(8, 8)))
    (app_config.home / "pictures" / f"{name}.png").write_bytes(b"garbage")
    assert keep.find(app_config, name) is None


def test_garbage_is_refused_and_leaves_nothing_behind(app_config: AppConfig) -> None:
    """PictureError, and no file."""
    with pytest.raises(PictureError):
        keep.add(app_config, b"garbage")
    assert not list(app_config.home.rglob("*.*"))


def test_the_picture_unused_longest_goes_first(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder stays bounded; looking at a picture keeps it."""
    monkeypatch.setattr(keep, "MOST", 3)
    names = [keep.add(app_config, png(noise(8, 8, seed))) for seed in range(3)]
    for age, name in enumerate(names):
        os.utime(app_config.home / "pictures" / f"{name}.png", (age, age))
    assert keep.find(app_config, names[0]) is not None
    names.append(keep.add(app_config, png(noise(8, 8, 3))))
    assert [keep.find(app_config, name) is not None for name in names] == [True, False, True, True]
    assert len(list((app_config.home / "pictures").iterdir())) == 3


def test_many_may_upload_the_same_at_once(app_config: AppConfig) -> None:
    """Ten visitors, one file, no error, nothing half-written."""
    data, picture, failures = png(noise(64, 64)), noise(64, 64), []

    def upload() -> None:
        try:
            np.testing.assert_array_equal(keep.find(app_config, keep.add(app_config, data)), picture)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=upload) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [path.suffix for path in (app_config.home / "pictures").iterdir()] == [".png"]
    np.testing.assert_array_equal(decode(data).pixels, picture)
