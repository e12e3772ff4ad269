"""Units that answer no picture are counted, layer by layer, and the network stays as it was."""

import torch

from cnnlab.data import DATASETS
from cnnlab.inspection.dead_units import dead_units
from cnnlab.models import build
from tests.factories import shapes_config


def test_units_that_were_killed_are_counted() -> None:
    """A bias far below zero kills a channel, or a unit of a dense layer; the others live."""
    network = build(shapes_config(architecture="SimpleCNN"), DATASETS.get("shapes").info)
    pictures = torch.randn(20, 3, 32, 32)
    before = dead_units(network, pictures)
    first, _, third, _ = before
    convolution = next(m for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    dense = next(m for m in network.modules() if isinstance(m, torch.nn.Linear))
    with torch.no_grad():
        convolution.bias[:2] = -1e3
        dense.bias[:] = -1e3
    network.train()

    after = dead_units(network, pictures)

    assert before[first] == (0, convolution.out_channels)
    assert after[first] == (2, convolution.out_channels)
    assert after[third] == (dense.out_features, dense.out_features)
    assert network.training
