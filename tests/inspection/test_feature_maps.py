"""Feature maps are the numbers the network computes, not something like them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.analysis.layers import LayerKind
from cnnlab.data import DATASETS
from cnnlab.inspection.feature_maps import FeatureMaps, LayerMaps, compute
from cnnlab.models import ARCHITECTURES, Network, build
from cnnlab.schema import TrainingConfig

HALF = (0.5, 0.5, 0.5)


def network_of(architecture: str, batch_norm: bool = True) -> Network:
    """Fresh, by a fixed seed; its batch normalisation has seen a batch, so that it does something."""
    torch.manual_seed(11)
    config = TrainingConfig(architecture=architecture, batch_norm=batch_norm, dropout=0.4)
    network = build(config, DATASETS.get("CIFAR-10").info)
    network(torch.rand(4, 3, 32, 32))
    return network


def picture_of(seed: int) -> npt.NDArray[np.uint8]:
    """Noise, read-only as a memory map is."""
    picture = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    picture.setflags(write=False)
    return picture


@pytest.fixture(scope="module", params=ARCHITECTURES.names())
def network(request: pytest.FixtureRequest) -> Network:
    """Every architecture."""
    return network_of(request.param)


@pytest.fixture(scope="module")
def computed(network: Network) -> FeatureMaps:
    """On one picture."""
    return compute(network, picture_of(1), HALF, HALF)


def squares(maps: npt.NDArray[np.float32], after: LayerMaps) -> npt.NDArray[np.float32]:
    """[channels, height, width, 4]: the 2×2 squares that tile the maps."""
    channels, height, width = after.maps.shape
    tiled = maps[:, : 2 * height, : 2 * width].reshape(channels, height, 2, width, 2)
    return tiled.swapaxes(2, 3).reshape(channels, height, width, 4)


FUNCTIONS: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.ReLU: F.relu,
    nn.GELU: F.gelu,
    nn.LeakyReLU: lambda x: torch.where(x > 0, x, 0.1 * x),
    nn.SiLU: F.silu,
    nn.Tanh: torch.tanh,
}


def test_simple_cnn_by_hand() -> None:
    """Every map equals, bit for bit, that of a forward pass written with torch's functions."""
    network = network_of("SimpleCNN", batch_norm=False)
    weights = {name.split(".", 1)[1]: value for name, value in network.state_dict().items()}
    picture = picture_of(2)
    mean, std = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)

    def conv(x: Tensor, name: str) -> Tensor:
        return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def fc(x: Tensor, name: str) -> Tensor:
        return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    scaled = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
    x = (scaled - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    expected = [("input", x)]
    for number in (1, 2):
        expected.append((f"conv{number}", conv(expected[-1][1], f"conv{number}")))
        expected.append((f"relu{number}", F.relu(expected[-1][1])))
        expected.append((f"pool{number}", F.max_pool2d(expected[-1][1], 2)))
    logits = fc(F.relu(fc(F.relu(fc(expected[-1][1].flatten(1), "fc1")), "fc2")), "fc3")

    maps = compute(network, picture, mean, std)

    np.testing.assert_array_equal(x[0], maps.network_input)
    assert [name for name, _ in expected[1:]] == [layer.label for layer in maps.layers]
    for (_, values), layer in zip(expected[1:], maps.layers, strict=True):
        np.testing.assert_array_equal(values[0], layer.maps)
    np.testing.assert_array_equal(logits[0], maps.logits)


def test_each_layer_follows_from_the_one_before(network: Network, computed: FeatureMaps) -> None:
    """After activation: its function of each value; after 2×2 pooling: the maximum or the mean of each square."""
    checked = set()
    for before, after in zip(computed.layers, computed.layers[1:], strict=False):
        layer = network.get_submodule(after.name)
        if after.kind is LayerKind.ACTIVATION:
            np.testing.assert_array_equal(FUNCTIONS[type(layer)](torch.tensor(before.maps)[None])[0], after.maps)
        elif isinstance(layer, nn.MaxPool2d) and layer.kernel_size == 2:
            np.testing.assert_array_equal(squares(before.maps, after).max(axis=3), after.maps)
        elif isinstance(layer, nn.AvgPool2d) and layer.kernel_size == 2:
            np.testing.assert_allclose(squares(before.maps, after).mean(axis=3), after.maps, atol=1e-6)
        checked.add(after.kind)

    assert LayerKind.ACTIVATION in checked


def test_a_residual_sum_is_the_sum_of_its_branches() -> None:
    """With and without a convolution in the shortcut."""
    layers: dict[str, LayerMaps] = {
        layer.label: layer for layer in compute(network_of("ResNet"), picture_of(3), HALF, HALF).layers
    }

    def maps(label: str) -> npt.NDArray[np.float32]:
        return layers[label].maps

    assert layers["block1.add"].kind is LayerKind.SUM
    np.testing.assert_array_equal(maps("block1.bn2") + maps("pool1"), maps("block1.add"))
    np.testing.assert_array_equal(maps("block2.bn2") + maps("block2.shortcut_bn"), maps("block2.add"))


def test_shapes_and_numbers(computed: FeatureMaps) -> None:
    """Float maps [C, H, W] of the base alone, and probabilities that are the softmax of the logits."""
    assert computed.network_input.shape == (3, 32, 32)
    assert all(layer.maps.ndim == 3 and layer.maps.dtype == np.float32 for layer in computed.layers)
    assert all(layer.name == f"base.{layer.label}" for layer in computed.layers)
    assert computed.layers[0].kind is LayerKind.CONVOLUTION
    assert abs(computed.probabilities.sum() - 1) < 1e-12
    exponentials = np.exp(computed.logits.astype(np.float64))
    np.testing.assert_allclose(exponentials / exponentials.sum(), computed.probabilities, rtol=1e-12)


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_looking_changes_nothing(architecture: str) -> None:
    """A network in training mode stays so, with its weights and batch statistics; and a second look is the same."""
    network = network_of(architecture).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random = torch.get_rng_state()
    first, second = (compute(network, picture_of(4), HALF, HALF) for _ in range(2))

    assert all(module.training for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    np.testing.assert_array_equal(first.logits, second.logits)
