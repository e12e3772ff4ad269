"""Where a channel answers most and least is found as by looking everywhere, and its box holds all that it depends on."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab.analysis.layers import LayerRow, Sees, box_of, heard_at, relu_behind
from cnnlab.data import DATASETS
from cnnlab.data.tensors import to_network
from cnnlab.inspection.channels import duplicates, top_activations
from cnnlab.inspection.channels.top_activations import LEAST, MOST, TopActivations
from cnnlab.inspection.summary import rows_of, summarise
from cnnlab.models import Network, build
from tests.factories import architectures, shapes_config

INFO = DATASETS.get("shapes").info
HALF = ((0.5,) * 3, (0.5,) * 3)


def made(seed: int = 3, **settings: Any) -> tuple[Network, list[LayerRow]]:
    """A fresh network whose batch normalisation turns some signs around, and its layers."""
    torch.manual_seed(seed)
    config = shapes_config(**settings)
    network = build(config, INFO)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
    return network, summarise(config, INFO)


def looked(network: Network, rows: list[LayerRow], layer: str, n: int = 23) -> tuple[TopActivations, np.ndarray]:
    """What is found over n pictures in an odd order, and all answers of the layer by a plain hook: [n, C, H, W]."""
    images = np.random.default_rng(5).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    places = np.random.default_rng(6).permutation(40)[:n]
    row, heard = next(row for row in rows if row.name == layer), heard_at(rows, layer)
    found = top_activations.compute(network, row, heard, images, places, *HALF, lambda done, total: None)
    kept: list[torch.Tensor] = []
    handle = network.get_submodule(heard.name).register_forward_hook(lambda *given: kept.append(given[2]))
    network.eval()
    with torch.no_grad():
        for place in places:
            network(to_network(torch.from_numpy(images[place][None]), *HALF))
    handle.remove()
    answers = torch.cat(kept)
    return found, (answers[:, :, None, None] if answers.ndim == 2 else answers).numpy()


@pytest.mark.parametrize(
    ("architecture", "layer"),
    [
        ("SimpleCNN", "base.conv1"),
        ("SimpleCNN", "base.conv2"),
        ("SimpleCNN", "head.fc1"),
        ("ResNet", "base.block2.conv1"),
        ("ResNet", "base.block2.conv2"),
        ("SpeedNet", "base.conv2"),
    ],
)
def test_as_by_looking_everywhere(architecture: str, layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine pictures at either end, in order, each at its best place, in batches that do not fit; correlation as numpy's."""
    monkeypatch.setattr(top_activations, "BATCH", 10)
    network, rows = made(architecture=architecture)
    found, answers = looked(network, rows, layer)
    for end, best in ((MOST, answers.max((2, 3)).T), (LEAST, -answers.min((2, 3)).T)):
        expected = np.sort(best, axis=1)[:, ::-1][:, :9] * (1 if end == MOST else -1)
        np.testing.assert_allclose(found.value[end], expected, rtol=1e-4, atol=1e-5)
        for channel in range(answers.shape[1]):
            assert len(set(found.picture[end, channel])) == 9
            where = found.picture[end, channel], channel, found.row[end, channel], found.column[end, channel]
            np.testing.assert_allclose(answers[where], found.value[end, channel], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found.positive, (answers.max((2, 3)) > 0).sum(0))
    flat = answers.transpose(1, 0, 2, 3).reshape(answers.shape[1], -1).astype(np.float64)
    np.testing.assert_allclose(found.correlation, np.corrcoef(flat), atol=2e-5)


def test_fewer_pictures_than_nine_and_channels_that_say_nothing() -> None:
    """What there is; a channel that is always the same has no correlation, a dead one no positive picture."""
    network, rows = made()
    with torch.no_grad():
        network.base.conv1.weight[2] = 0  # type: ignore[union-attr, operator]
        network.base.conv1.bias[2] = -1  # type: ignore[union-attr, operator]
    found, _ = looked(network, rows, "base.conv1", n=4)
    assert found.value.shape == (2, 6, 4)
    assert found.positive[2] == 0
    assert (found.positive > 0).sum() >= 4
    assert not found.correlation[2].any()
    assert not found.cosine[2].any()


def test_twins_are_found() -> None:
    """A copied kernel is its original's nearest, in its weights and in its answers; the others are not so near."""
    network, rows = made()
    with torch.no_grad():
        network.base.conv1.weight[4] = 2 * network.base.conv1.weight[1]  # type: ignore[union-attr, operator, index]
    found, _ = looked(network, rows, "base.conv1")
    for likeness in (found.correlation, found.cosine):
        other, size = duplicates.nearest(likeness)
        assert (other[1], other[4]) == (4, 1)
        assert size[1] == pytest.approx(1, abs=1e-5)
        assert size[1] >= duplicates.NEARLY_THE_SAME
        assert duplicates.near_duplicates(likeness) == [(1, 4)]
    assert duplicates.nearest(np.ones((1, 1), np.float32))[1] == 0
    kernels = duplicates.kernels_in(network, rows[0]).reshape(6, -1)
    np.testing.assert_allclose(
        found.cosine[0, 3], kernels[0] @ kernels[3] / np.linalg.norm(kernels[0]) / np.linalg.norm(kernels[3]), rtol=1e-5
    )


def test_where_a_channels_answer_is_read() -> None:
    """Behind its batch normalisation and before its activation, also with pooling between; a sum is not its own."""
    rows = {name: made(architecture=name)[1] for name in ("SimpleCNN", "ResNet", "SpeedNet")}
    assert heard_at(rows["SimpleCNN"], "base.conv1").name == "base.conv1"
    assert heard_at(rows["SimpleCNN"], "head.fc3").name == "head.fc3"
    assert heard_at(rows["ResNet"], "base.block1.conv1").name == "base.block1.bn1"
    assert heard_at(rows["ResNet"], "base.block1.conv2").name == "base.block1.bn2"
    assert heard_at(rows["SpeedNet"], "base.conv1").name == "base.bn1"
    relus = [relu_behind(rows["ResNet"], f"base.block1.conv{n}") for n in (1, 2)]
    assert [relu and relu.name for relu in relus] == ["base.block1.relu1", None]
    assert relu_behind(rows["SpeedNet"], "base.conv1") is None


Layers = list[tuple[str, int, int, int, int]]
SIZE = 24


def chain(layers: Layers) -> Network:
    """Convolutions and poolings, one after another: kind, kernel, stride, padding, dilation."""
    modules: list[nn.Module] = []
    channels = 1
    for kind, kernel, stride, padding, dilation in layers:
        if kind == "conv":
            modules.append(nn.Conv2d(channels, 2, kernel, stride, padding, dilation))
            channels = 2
        else:
            modules.append(nn.AvgPool2d(kernel, stride, min(padding, kernel // 2)))
    return Network(nn.Sequential(*modules), nn.Sequential())


def last_of(layers: Layers) -> tuple[list[LayerRow], LayerRow]:
    """The layers of such a chain, and its last one; the example is left out where its maps have become too small."""
    try:
        rows = rows_of(lambda: chain(layers), (1, SIZE, SIZE))
    except RuntimeError:
        reject()
    assume(min(rows[-1].output_shape) >= 1)
    return rows, rows[-1]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["conv", "pool"]),
            st.integers(1, 4),
            st.integers(1, 3),
            st.integers(0, 2),
            st.integers(1, 2),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 10_000),
)
def test_pixels_outside_the_box_change_nothing(layers: Layers, seed: int) -> None:
    """And each side of the box holds a pixel that does, where all weights are positive: it is no larger than needed."""
    rows, row = last_of(layers)
    torch.manual_seed(seed)
    network = chain(layers).double()
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.1, 1)
    random = np.random.default_rng(seed)
    y, x = (int(random.integers(0, side)) for side in row.output_shape[1:])
    found = box_of(rows, row.name, (y, x), (SIZE, SIZE))
    assert not isinstance(found, Sees)
    picture, outside = torch.rand(2, 1, 1, SIZE, SIZE, dtype=torch.float64)

    def answer(to: torch.Tensor) -> float:
        with torch.no_grad():
            return float(network(to)[0, 0, y, x])

    try:
        before = answer(picture)
    except RuntimeError:  # torch says that a window is larger than what is left of the picture
        assume(False)
    if found is None:
        assert answer(outside) == before  # nothing but padding: it depends on no pixel
        return
    (top, bottom), (left, right) = found
    down, across = slice(top, bottom + 1), slice(left, right + 1)
    outside[:, :, down, across] = picture[:, :, down, across]
    assert abs(answer(outside) - before) < 1e-12
    for side in ((top, across), (bottom, across), (down, left), (down, right)):
        changed = picture.clone()
        changed[(0, 0, *side)] += 1
        assert answer(changed) > before + 1e-9


@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_the_box_of_every_convolution(architecture: str) -> None:
    """On every architecture: a place at the edge and one in the middle, with all pixels outside made anew."""
    network, rows = made(architecture=architecture)
    network.eval().double()
    for row in rows:
        heard = heard_at(rows, row.name)
        if not row.has_kernels:
            continue
        for place in ((0, 0), (heard.output_shape[1] // 2, heard.output_shape[2] - 1)):
            assert_outside_counts_nothing(network, rows, heard, place)


def assert_outside_counts_nothing(
    network: Network, rows: list[LayerRow], heard: LayerRow, place: tuple[int, int]
) -> None:
    """The layer's answers at that place stay when every pixel outside the box is another."""
    kept: list[torch.Tensor] = []
    handle = network.get_submodule(heard.name).register_forward_hook(lambda *given: kept.append(given[2]))
    picture = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    other = torch.rand_like(picture)
    found = box_of(rows, heard.name, place, (32, 32))
    assert isinstance(found, tuple)
    (top, bottom), (left, right) = found
    other[:, :, top : bottom + 1, left : right + 1] = picture[:, :, top : bottom + 1, left : right + 1]
    with torch.no_grad():
        network(picture)
        network(other)
    handle.remove()
    first, second = (answers[0, :, place[0], place[1]] for answers in kept)
    torch.testing.assert_close(first, second, rtol=1e-10, atol=1e-10)


def test_the_result_is_made_of_arrays() -> None:
    """So that a file can keep it."""
    network, rows = made()
    found, _ = looked(network, rows, "base.conv2")
    assert all(isinstance(getattr(found, field.name), np.ndarray) for field in dataclasses.fields(found))
