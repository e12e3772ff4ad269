"""Without torch.optim's Python around it, an optimizer's step is the same to the last bit."""

from copy import deepcopy
from typing import Any
from unittest import mock

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from cnnlab.training.optim.fast_adam import Update

LRS = (0.01, 0.02, 0.005, 0.0)
OPTIMIZERS: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {"fused": True}),
    "adam with weight decay": (Adam, {"fused": True, "weight_decay": 0.1, "betas": (0.8, 0.9), "eps": 1e-3}),
    "adamw": (AdamW, {"fused": True, "weight_decay": 0.1}),
    "amsgrad": (Adam, {"fused": True, "amsgrad": True}),
    "not fused": (Adam, {}),
    "sgd": (SGD, {"fused": True, "momentum": 0.9}),
}
QUICK = {"adam", "adam with weight decay", "adamw"}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5))


def trained(model: nn.Module, optimizer: Optimizer, move: Any, forget: Any) -> list[torch.Tensor]:
    """Weights, gradients and the optimizer's whole state after some steps, each with a learning rate of its own."""
    generator = torch.Generator().manual_seed(1)
    for lr in LRS:
        optimizer.param_groups[0]["lr"] = lr
        forget()
        model(torch.randn(2, 3, 8, 8, generator=generator)).square().sum().backward()
        move()
    states = [value for state in optimizer.state_dict()["state"].values() for value in state.values()]
    return [*model.parameters(), *(p.grad for p in model.parameters() if p.grad is not None), *states]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_bit_is_the_optimizers_own(name: str) -> None:
    """Also when learning rates change from step to step; and afterwards the optimizer itself could go on."""
    kind, options = OPTIMIZERS[name]
    usual, ours = network(), network()
    of_usual, of_ours = (kind(model.parameters(), lr=1.0, **options) for model in (usual, ours))
    update = Update(of_ours)

    expected = trained(usual, of_usual, of_usual.step, of_usual.zero_grad)
    found = trained(ours, of_ours, update, update.forget_gradients)

    assert len(expected) == len(found) > 8
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_goes_its_own_way_only_where_it_knows_how(name: str) -> None:
    """What is known has its own way from the second step on; everything else is left to torch."""
    kind, options = OPTIMIZERS[name]
    model = network()
    optimizer = kind(model.parameters(), lr=1.0, **options)
    update = Update(optimizer)
    with mock.patch.object(optimizer, "step", wraps=optimizer.step) as theirs:
        trained(model, optimizer, update, update.forget_gradients)

    assert theirs.call_count == (1 if name in QUICK else len(LRS))


def test_it_takes_up_a_state_that_was_restored() -> None:
    """As a run that is continued does."""
    whole, first = network(), network()
    of_whole, of_first = (Adam(model.parameters(), lr=1.0, fused=True) for model in (whole, first))
    for model, optimizer in ((whole, of_whole), (first, of_first)):
        update = Update(optimizer)
        trained(model, optimizer, update, update.forget_gradients)
    second = deepcopy(first)
    of_second = Adam(second.parameters(), lr=1.0, fused=True)
    of_second.load_state_dict(of_first.state_dict())
    update = Update(of_second)

    expected = trained(whole, of_whole, of_whole.step, of_whole.zero_grad)
    found = trained(second, of_second, update, update.forget_gradients)

    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_forgotten_gradients_are_gone() -> None:
    """Rather than zero: the next backward pass need not add."""
    model = network()
    model(torch.randn(1, 3, 8, 8)).sum().backward()
    Update(SGD(model.parameters(), lr=1.0)).forget_gradients()
    assert all(parameter.grad is None for parameter in model.parameters())
