"""What travels to the browser is small, and every value of the map, and of what follows, comes out of it again."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.inspection.formula import trace
from cnnlab.inspection.formula.parcel import MOST_BYTES, Block, Parcel, Stage, parcel_of
from cnnlab.inspection.formula.recipe import Rule
from cnnlab.models import Network
from tests.factories import architectures
from tests.inspection.formula.networks import MADE_UP, named, settled
from tests.inspection.formula.test_explain import HALF, network_of, outputs_of, picture


def array(parcel: Parcel, block: Block) -> np.ndarray:
    """The array that a block stands for."""
    return parcel.numbers[block.begin : block.begin + int(np.prod(block.shape))].reshape(block.shape).astype(float)


def sums(parcel: Parcel, stage: Stage) -> np.ndarray:
    """All values of a stage that adds up products, by plain loops over its tables."""
    inputs, kernel = array(parcel, stage.inputs), array(parcel, stage.kernel) if stage.kernel.shape else None
    made = np.zeros(stage.output.shape)
    for row, down in enumerate(stage.rows):
        for column, across in enumerate(stage.columns):
            total = stage.bias + (array(parcel, stage.rest)[row, column] if stage.left_out else 0.0)
            for y, i, f in down:
                for x, j, g in across:
                    if 0 <= y < inputs.shape[1] and 0 <= x < inputs.shape[2]:
                        weights = f * g * (kernel[:, i, j] if kernel is not None else 1.0)
                        total += float((inputs[:, y, x] * weights).sum())
            made[row, column] = total
    return made


@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_it_is_small_on_every_architecture(architecture: str) -> None:
    """At most 300 kB for any map of any layer, nothing left out; the maps of all stages are the network's."""
    network = network_of(architecture)
    outputs, seen = outputs_of(network), trace(network, picture(), *HALF)
    labels = {name.partition(".")[2]: name for name in outputs}
    for name, output in outputs.items():
        channel = len(output) - 1
        parcel = parcel_of(seen, name, channel)
        assert parcel.numbers.nbytes <= MOST_BYTES
        assert not parcel.stages[0].left_out
        for stage in parcel.stages:
            if stage.label != "softmax":
                expected = outputs[labels[stage.label]][channel]
                np.testing.assert_array_equal(array(parcel, stage.output).ravel(), expected.ravel())
        row, column = parcel.strongest
        assert array(parcel, parcel.stages[0].output)[row, column] == output[channel].max()


@pytest.mark.parametrize("name", ["windows", "normalisations"])
def test_every_sum_comes_out_again(name: str) -> None:
    """The tables, kernels and inputs of the parcel give every value of the map."""
    torch.manual_seed(1)
    network = settled(MADE_UP[name]())
    seen = trace(network, picture(), *HALF)
    for layer, call in seen.calls.items():
        parcel = parcel_of(seen, layer, 1)
        stage = parcel.stages[0]
        if stage.rule is Rule.SUM and call.output[0, 0].numel() < 300:
            np.testing.assert_allclose(sums(parcel, stage), array(parcel, stage.output), atol=1e-4)


def test_the_story_goes_on_to_the_next_layer_that_mixes_maps() -> None:
    """Batch normalisation, sum and activation belong to it; a map that two layers take ends it; the softmax is its end."""
    seen = trace(network_of("ResNet"), picture(), *HALF)

    def story(name: str) -> list[str]:
        return [stage.label for stage in parcel_of(seen, name, 0).stages]

    assert story("base.conv1") == ["conv1", "bn1", "relu1", "pool1"]
    assert story("base.block2.conv2") == ["block2.conv2", "block2.bn2", "block2.add", "block2.relu2"]
    assert story("base.block2.shortcut") == ["block2.shortcut", "block2.shortcut_bn", "block2.add", "block2.relu2"]
    assert story("head.pool2") == ["pool2"]
    assert story("head.fc1") == ["fc1", "softmax"]
    assert parcel_of(seen, "base.conv1", 0).then.startswith("block1.conv1 and block1.add take this map next")
    assert "end of the network" in parcel_of(seen, "head.fc1", 0).then


def test_where_it_looks() -> None:
    """The rows and columns of the picture that each value depends on, beyond its edge where there is padding."""
    seen = trace(network_of("ResNet"), picture(), *HALF)
    parcel = parcel_of(seen, "base.block1.conv1", 0)
    assert parcel.sees == "window"
    assert parcel.down[:2] == ((-3, 4), (-1, 6))  # conv1 3×3, pool1 2×2, conv1 3×3: 8 pixels, 2 apart
    assert parcel_of(seen, "head.flatten", 0).sees == "everything"


def test_what_does_not_fit_is_added_up() -> None:
    """An input of 1 MB: as many channels as fit, the rest as one exact number a place."""
    torch.manual_seed(1)
    base = named(nn.Conv2d(3, 250, 3, padding=1), nn.Conv2d(250, 4, 3, padding=1))
    network = Network(base, named(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)))
    seen = trace(network, picture(), *HALF)
    parcel = parcel_of(seen, "base.conv2d1", 2)
    stage = parcel.stages[0]
    assert parcel.numbers.nbytes <= MOST_BYTES
    assert 0 < len(stage.channels) < 250
    assert len(stage.channels) + stage.left_out == 250
    np.testing.assert_allclose(sums(parcel, stage), array(parcel, stage.output), atol=1e-4)


def test_many_features_that_do_not_fit() -> None:
    """A dense layer of 100,000 inputs keeps those with the largest products."""
    torch.manual_seed(1)
    base = named(nn.Conv2d(3, 100, 1))
    network = Network(base, named(nn.Flatten(), nn.ReLU(), nn.Linear(100 * 32 * 32, 10)))
    seen: Any = trace(network, picture(), *HALF)
    parcel = parcel_of(seen, "head.linear2", 3)
    stage = parcel.stages[0]
    assert stage.inputs.shape[1:] == (32, 32)  # laid out as the maps they were
    assert stage.left_out > 0
    np.testing.assert_allclose(sums(parcel, stage), array(parcel, stage.output), atol=1e-4)
