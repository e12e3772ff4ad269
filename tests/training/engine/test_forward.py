"""Pooling before ReLU is the identical function."""

import pytest
import torch
from torch import nn

from cnnlab.data import DATASETS
from cnnlab.models import ARCHITECTURES, build, complete
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
