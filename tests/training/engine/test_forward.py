"""Pooling before ReLU is the identical function."""

import pytest
import torch
from torch import nn

from cnnlab.data import DATASETS
from cnnlab.models import ARCHITECTURES, Network, build, complete
from cnnlab.schema import TrainingConfig
from cnnlab.training.engine.forward import training_forward


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_not_a_bit_changes(architecture: str, batch_norm: bool) -> None:
    """Logits and every gradient are those of the network's own order, zeros and negative windows included."""
    config = complete(TrainingConfig(architecture=architecture, batch_norm=batch_norm, dropout=0.0))
    torch.manual_seed(0)
    network = build(config, DATASETS.get("CIFAR-10").info)
    pictures = torch.randn(4, 3, 32, 32).clamp(min=-1, max=0.2)
    pictures[0] = 0.0

    def logits_and_gradients(forward: nn.Module) -> list[torch.Tensor]:
        network.zero_grad()
        logits = forward(pictures)
        logits.logsumexp(1).sum().backward()
        return [logits.detach(), *(p.grad.clone() for p in network.parameters() if p.grad is not None)]

    usual = logits_and_gradients(network)
    reordered = logits_and_gradients(training_forward(network))

    assert len(usual) == len(reordered) > 1
    assert all(torch.equal(a, b) for a, b in zip(usual, reordered, strict=True))


class Shifted(nn.ReLU):
    """A ReLU of the author's own, which does not commute with the maximum."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What is left of the value when its row's mean is taken away, where that is positive."""
        return (x - x.mean(dim=3, keepdim=True)).relu()


class Doubled(Network):
    """A network that sends its input through its base twice and orders its layers itself."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Logits."""
        maps: torch.Tensor = self.head(self.base(self.base(pictures)))
        return maps


def chain(*layers: nn.Module, network: type[Network] = Network) -> Network:
    """A network of these layers and a head."""
    return network(nn.Sequential(*layers), nn.Sequential(nn.Flatten()))


@pytest.mark.parametrize(
    "network",
    [
        chain(nn.ReLU(), nn.AvgPool2d(2)),
        chain(Shifted(), nn.MaxPool2d(2)),
        chain(nn.LeakyReLU(-1.0), nn.MaxPool2d(2)),
        chain(nn.ReLU(), nn.MaxPool2d(3, stride=1, padding=1), network=Doubled),
    ],
    ids=["mean pooling", "own activation", "falling activation", "own order"],
)
def test_what_does_not_commute_stays_where_it_is(network: Network) -> None:
    """Bit for bit the network's own pass, where another order would give other numbers; and oneDNN is not asked."""
    pictures = torch.randn(2, 3, 8, 8)

    assert torch.equal(network(pictures), training_forward(network)(pictures))
    if not isinstance(network.base[0], nn.ReLU) or type(network.base[0]) is Shifted or type(network) is Doubled:
        with pytest.raises(RuntimeError, match="oneDNN"):
            training_forward(network, blocked=True)
