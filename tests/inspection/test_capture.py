"""Capture sees every layer's output and leaves no trace: when all goes well, on a bad name, when the model raises."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnnlab.data import DATASETS
from cnnlab.inspection._layers import leaves_of
from cnnlab.inspection.capture import capture
from cnnlab.models import ARCHITECTURES, Network, build
from cnnlab.schema import TrainingConfig

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@pytest.fixture(scope="module", params=ARCHITECTURES.names())
def network(request: pytest.FixtureRequest) -> Network:
    """In the midst of training: mixed modes, gradients on, one parameter frozen."""
    info = DATASETS.get("CIFAR-10").info
    network = build(TrainingConfig(architecture=request.param, dropout=0.3, batch_norm=True), info)
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    network.base.eval()
    next(network.base.parameters()).requires_grad_(False)
    return network


def picture() -> Tensor:
    """One picture, the same each time, without touching the random state."""
    return torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)


def state_of(model: nn.Module) -> dict[str, Any]:
    """Everything that a look inside must not change."""
    return {
        "modes": [module.training for module in model.modules()],
        "hooks": [len(getattr(module, hooks)) for module in model.modules() for hooks in HOOKS],
        "requires_grad": [parameter.requires_grad for parameter in model.parameters()],
        "gradients": [None if p.grad is None else (id(p.grad), p.grad.sum().item()) for p in model.parameters()],
        "values": [value.double().sum().item() for value in model.state_dict().values()],
        "random": torch.get_rng_state().tolist(),
        "grad_enabled": torch.is_grad_enabled(),
    }


def test_no_trace_when_all_goes_well(network: Network) -> None:
    """And meanwhile the model was in eval mode, without gradients."""
    before = state_of(network)
    with capture(network) as seen:
        torch.rand(5)
        network.zero_grad()
        network.requires_grad_(True)
        meanwhile = ([module.training for module in network.modules()], torch.is_grad_enabled())
        network(picture())

    assert before == state_of(network)
    assert not any(meanwhile[0])
    assert not meanwhile[1]
    assert seen.keys() == leaves_of(network).keys()
    assert not any(output.requires_grad for output in seen.values())


def test_no_trace_with_gradients(network: Network) -> None:
    """Gradients of the logits flow back to every output; no parameter gets one, and what is put back is untouched."""
    before, x = state_of(network), picture()
    with torch.no_grad(), capture(network, gradients=True) as seen:  # also where the caller records none
        logits = network(x)
        logits[0, 3].backward(inputs=list(seen.values()))
        meanwhile = [parameter.requires_grad for parameter in network.parameters()]
        reached = [name for name, output in seen.items() if output.grad is not None]

    assert before == state_of(network)
    assert not any(meanwhile)
    assert reached == list(seen)
    assert not x.requires_grad
    with capture(network) as plain:
        network(x)
    assert all(torch.equal(seen[name], output) for name, output in plain.items())


def test_no_trace_of_a_backward_pass_through_the_parameters(network: Network) -> None:
    """Not even where somebody wants their gradients back within: what is put back is the old tensor with its old numbers."""
    before = state_of(network)
    with capture(network, gradients=True):
        network.requires_grad_(True)
        network(picture()).sum().backward()

    assert before == state_of(network)


def test_no_trace_of_a_backward_pass_that_fails(network: Network) -> None:
    """As after a forward pass that fails."""
    before = state_of(network)
    with pytest.raises(RuntimeError, match="scalar"), capture(network, ["base.conv1"], gradients=True) as seen:
        torch.autograd.grad(network(picture()), seen["base.conv1"])

    assert before == state_of(network)


def test_no_trace_of_a_bad_name(network: Network) -> None:
    """The text lists the names there are; a group of layers is no layer."""
    before = state_of(network)
    for name in ("base.conv99", "base", ""):
        with pytest.raises(LookupError, match=r"base\.conv1"), capture(network, ["base.conv1", name]):
            pass

    assert before == state_of(network)


def test_no_trace_of_a_model_that_raises(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own exception comes out; what was seen until then stays."""

    def fail(x: Tensor) -> Tensor:
        raise ArithmeticError("by design")

    before = state_of(network)
    with monkeypatch.context() as patch:
        patch.setattr(list(leaves_of(network).values())[-1], "forward", fail)
        with pytest.raises(ArithmeticError, match="by design"), capture(network) as seen:
            network(picture())

    assert before == state_of(network)
    assert "base.conv1" in seen


def test_sees_what_the_model_computes(network: Network) -> None:
    """The last layer's output is the model's, and only the named layers are noted."""
    last = list(leaves_of(network))[-1]
    with capture(network, [last]) as seen:
        logits = network(picture())

    assert list(seen) == [last]
    assert torch.equal(logits, seen[last])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_no_trace_in_the_random_state_of_a_gpu(network: Network) -> None:
    """As on the CPU."""
    model = network.cuda()
    before = torch.cuda.get_rng_state()
    with capture(model):
        torch.rand(5, device="cuda")

    assert torch.equal(before, torch.cuda.get_rng_state())
    network.cpu()
