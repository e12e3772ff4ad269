"""SimpleCNN and VGGishCNN are the plain networks people write by hand, bit for bit."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.training import reference
from cnnlab.models import ARCHITECTURES, Network


def ours(name: str, dropout: float | None = None, batch_norm: bool | None = None) -> Network:
    """The architecture as it is, or with other options, for 3×32×32 pictures of 10 classes."""
    architecture = ARCHITECTURES.get(name)
    return architecture.build(
        in_channels=3,
        size_px=32,
        num_classes=10,
        dropout=architecture.dropout if dropout is None else dropout,
        batch_norm=architecture.batch_norm if batch_norm is None else batch_norm,
    )


@pytest.mark.parametrize(("name", "plain"), reference.NETWORKS.items())
def test_same_seed_same_bits(name: str, plain: Callable[[], nn.Module]) -> None:
    """Weights and the logits in training mode, dropout's choices included, equal the plain definition's."""
    torch.manual_seed(7)
    expected = plain()
    torch.manual_seed(7)
    network = ours(name)
    pictures = torch.randn(2, 3, 32, 32)

    pairs = zip(expected.parameters(), network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    torch.manual_seed(8)
    logits = expected(pictures)
    torch.manual_seed(8)
    assert torch.equal(logits, network(pictures))


@pytest.mark.parametrize(
    ("name", "count"),
    [("SimpleCNN", 62_006), ("VGGishCNN", 35_339_082), ("ResNet", 308_650), ("SpeedNet", 1_972_768)],
)
def test_parameter_count(name: str, count: int) -> None:
    """As the documentation says."""
    with torch.device("meta"):
        network = ours(name)

    assert count == sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_dropout_changes_no_weight(name: str) -> None:
    """The same seed gives the same weights with and without dropout, so that runs differ in one thing only."""
    torch.manual_seed(3)
    without = ours(name, dropout=0.0).state_dict()
    torch.manual_seed(3)
    with_it = ours(name, dropout=0.5).state_dict()

    assert list(without) == list(with_it)
    assert all(torch.equal(without[key], with_it[key]) for key in without)


@pytest.mark.parametrize(("name", "expected"), [("SimpleCNN", 2), ("VGGishCNN", 2), ("ResNet", 1), ("SpeedNet", 1)])
def test_dropout_stands_in_the_head(name: str, expected: int) -> None:
    """After each hidden fully connected layer's ReLU; in the ResNet before its only one."""
    with torch.device("meta"):
        network = ours(name, dropout=0.2)
    head = list(network.head.named_children())
    before = [head[i - 1][1] for i, (_, module) in enumerate(head) if isinstance(module, nn.Dropout)]

    assert expected == len(before)
    assert all(isinstance(module, nn.ReLU if expected == 2 else nn.Flatten) for module in before)
    assert not any(isinstance(module, nn.Dropout) for module in network.base.modules())
