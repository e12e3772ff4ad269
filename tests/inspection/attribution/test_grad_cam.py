"""Grad-CAM against what can be worked out without it: a closed form, and numeric differences on every architecture."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.analysis.layers import Part
from cnnlab.data import DATASETS
from cnnlab.data.tensors import to_network
from cnnlab.inspection import summary
from cnnlab.inspection.attribution.answer import stretched
from cnnlab.inspection.attribution.grad_cam import compute
from cnnlab.models import Network, build, complete
from cnnlab.schema import TrainingConfig
from tests.factories import architectures

HALF = ((0.5,) * 3, (0.5,) * 3)
INFO = DATASETS.get("shapes").info


def picture(seed: int = 0) -> np.ndarray:
    """Noise, uint8 [32, 32, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def config_of(architecture: str) -> TrainingConfig:
    """That architecture on the built-in dataset."""
    return complete(TrainingConfig(architecture=architecture, dataset="shapes", batch_norm=True))


def network_of(config: TrainingConfig) -> Network:
    """Fresh weights by a fixed seed, in training mode as a page must never find it."""
    torch.manual_seed(3)
    return build(config, INFO)


def test_a_network_with_a_closed_form() -> None:
    """Where maps are averaged and then weighed by w, alpha_k is w_ck over the number of places: nothing to derive."""
    torch.manual_seed(0)
    conv, linear = nn.Conv2d(3, 4, 5), nn.Linear(4, 10)
    base, head = nn.Sequential(), nn.Sequential()
    base.add_module("conv1", conv)
    for name, layer in (("pool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("fc", linear)):
        head.add_module(name, layer)
    seen = compute(Network(base, head), picture(), *HALF, "base.conv1", class_index=7)

    with torch.no_grad():
        maps = conv(torch.from_numpy(seen.network_input)[None])[0]
        alpha = linear.weight[7] / (28 * 28)
        expected = torch.einsum("k,khw->hw", alpha, maps).clamp(min=0)
    np.testing.assert_allclose(seen.weights, alpha.numpy(), rtol=1e-5)
    np.testing.assert_allclose(seen.map, expected.numpy(), rtol=1e-4, atol=1e-7)
    assert seen.class_index == 7
    assert 0 < (seen.map == 0).mean() < 1


@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_against_numeric_differences_on_every_architecture(architecture: str) -> None:
    """Adding e to all places of map k moves the logit by e * places * alpha_k: measured in double precision, no autograd."""
    config = config_of(architecture)
    network = network_of(config).eval()
    spatial = [row for row in summary.summarise(config, INFO) if row.part is Part.BASE and len(row.output_shape) == 3]
    x = to_network(torch.from_numpy(picture())[None], *HALF).double()
    answers = {row.name: compute(network, picture(), *HALF, row.name) for row in spatial}
    network.double()
    for name, answer in answers.items():
        alpha, maps = numeric(network, x, name, answer.class_index)
        np.testing.assert_allclose(answer.weights[:3], alpha, rtol=1e-3, atol=1e-5 * np.abs(answer.weights).max())
        expected = np.maximum(0, np.einsum("k,khw->hw", answer.weights.astype(np.float64), maps))
        np.testing.assert_allclose(answer.map, expected, rtol=1e-3, atol=1e-4 * (expected.max() or 1.0))
        assert answer.map.shape == maps.shape[1:]


def numeric(network: nn.Module, x: torch.Tensor, name: str, class_index: int) -> tuple[np.ndarray, np.ndarray]:
    """(alpha of the first three maps by central differences, all maps [K, h, w]) of that layer."""
    layer = network.get_submodule(name)
    seen: list[np.ndarray] = []

    def logit(channel: int, step: float) -> float:
        def shift(module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
            seen.append(output[0].numpy().copy())
            moved = output.clone()
            moved[0, channel] += step
            return moved

        hook = layer.register_forward_hook(shift)
        try:
            with torch.no_grad():
                return float(network(x)[0, class_index])
        finally:
            hook.remove()

    step, channels = 1e-7, range(3)
    slopes = [(logit(channel, step) - logit(channel, -step)) / (2 * step) for channel in channels]
    places = seen[0].shape[1] * seen[0].shape[2]
    return np.array(slopes) / places, seen[0]


def test_the_class_that_it_says_unless_another_is_asked_for() -> None:
    """And each class has a map of its own."""
    network = network_of(config_of("SimpleCNN"))
    said = compute(network, picture(), *HALF, "base.pool2")
    other = compute(network, picture(), *HALF, "base.pool2", class_index=(said.class_index + 1) % 10)

    assert said.class_index == int(said.probabilities.argmax())
    assert said.probabilities.sum() == pytest.approx(1.0)
    assert not np.array_equal(said.weights, other.weights)
    assert network.training


def test_a_layer_without_places() -> None:
    """A fully connected layer has no map, and a wrong name is said."""
    network = network_of(config_of("SimpleCNN"))
    with pytest.raises(ValueError, match="no maps"):
        compute(network, picture(), *HALF, "head.fc1")
    with pytest.raises(LookupError, match="no layer"):
        compute(network, picture(), *HALF, "base.conv9")


def test_stretched_over_the_picture() -> None:
    """Between the centres of two places the values go evenly from one to the other; none lies outside theirs."""
    wide = stretched(np.array([[0.0, 1.0], [0.0, 1.0]], dtype=np.float32), 8)

    np.testing.assert_allclose(wide[0], [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1])
    assert (wide == wide[0]).all()
