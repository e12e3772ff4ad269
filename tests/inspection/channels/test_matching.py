"""Channels are paired as by trying every way to pair them, on correlations as NumPy computes them."""

import copy
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from cnnlab.data import DATASETS
from cnnlab.data.tensors import to_network
from cnnlab.inspection.channels import matching
from cnnlab.inspection.channels.matching import Matching, match
from cnnlab.models import Network, build
from tests.factories import shapes_config

INFO = DATASETS.get("shapes").info
HALF = ((0.5,) * 3, (0.5,) * 3)
OTHER = ((0.4,) * 3, (0.3,) * 3)
IMAGES = np.random.default_rng(5).integers(0, 256, (140, 32, 32, 3), dtype=np.uint8)
PLACES = np.random.default_rng(6).permutation(140)[:123]


def made(seed: int, architecture: str = "SimpleCNN") -> Network:
    """A fresh network."""
    torch.manual_seed(seed)
    return build(shapes_config(architecture=architecture), INFO)


def looked(one: Network, other: Network, layer: str, normalisation: object = HALF) -> Matching:
    """What is found over the pictures, of which there is more than one batch."""
    told: list[tuple[int, int]] = []
    found = matching.compute(
        one, layer, other, layer, IMAGES, PLACES, HALF, normalisation, lambda *given: told.append(given)
    )
    assert told == [(100, 123), (123, 123)]
    return found


def answers(network: Network, layer: str, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    """All answers of a layer by a plain hook: [channels, places of all pictures]."""
    kept: list[torch.Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(lambda *given: kept.append(given[2]))
    network.eval()
    with torch.no_grad():
        network(to_network(torch.from_numpy(IMAGES[PLACES]), mean, std))
    handle.remove()
    return kept[0].transpose(0, 1).flatten(1).double().numpy()


@pytest.mark.parametrize("layer", ["base.conv1", "base.pool2", "head.fc2"])
def test_correlations_are_those_of_numpy(layer: str) -> None:
    """Each channel with each of the other network, over all places of the same pictures, each normalised its own way."""
    one, other = made(1), made(2)
    found = looked(one, other, layer, OTHER)
    mine, theirs = answers(one, layer, *HALF), answers(other, layer, *OTHER)
    alive = np.ix_(mine.std(axis=1) > 0, theirs.std(axis=1) > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.corrcoef(mine, theirs)[: len(mine), len(mine) :]
    np.testing.assert_allclose(found.correlation[alive], expected[alive], atol=1e-5)
    assert found.correlation.shape == expected.shape


@given(st.integers(1, 5).flatmap(lambda n: arrays(np.float64, (n, 5), elements=st.floats(-1, 1))))
def test_no_other_way_to_pair_is_more_alike(correlation: np.ndarray) -> None:
    """Against all permutations; each channel at most once, the smaller side whole. Also where the sides are turned."""
    rows = len(correlation)
    best = max(sum(correlation[i, j] for i, j in enumerate(way)) for way in permutations(range(5), rows))
    for table in (correlation, correlation.T):
        left, right = match(table)
        assert len(left) == len(right) == rows
        assert len(set(left)) == len(set(right)) == rows
        assert list(left) == sorted(left)
        assert table[left, right].sum() == pytest.approx(best)


@pytest.mark.parametrize("layer", ["base.conv1", "base.conv2"])
def test_a_permuted_network_is_put_back(layer: str) -> None:
    """The same network with the layer's channels in another order: every channel finds itself, at r = 1."""
    one = made(3)
    other, order = copy.deepcopy(one), np.random.default_rng(0).permutation(one.get_submodule(layer).out_channels)
    twin = other.get_submodule(layer)
    assert isinstance(twin, nn.Conv2d)
    assert twin.bias is not None
    with torch.no_grad():
        twin.weight.copy_(twin.weight[order])
        twin.bias.copy_(twin.bias[order])
    found = looked(one, other, layer)
    np.testing.assert_array_equal(order[found.right], found.left)
    np.testing.assert_allclose(found.alike, 1, atol=1e-5)


def test_layers_of_other_sizes_are_refused() -> None:
    """A map of 28×28 has no place that a map of 32×32 has."""
    with pytest.raises(ValueError, match="different sizes"):
        looked(made(1), made(1, "VGGishCNN"), "base.conv1")


def test_both_networks_stay_as_they_were() -> None:
    """Mode, hooks and random state."""
    one, other = made(1).train(), made(2).train()
    random = torch.get_rng_state()
    looked(one, other, "base.conv1")
    assert torch.equal(random, torch.get_rng_state())
    assert all(module.training and not module._forward_hooks for net in (one, other) for module in net.modules())
