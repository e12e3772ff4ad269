"""This module captures the outputs of a model's layers during a forward pass, and leaves the model as it was found."""

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.inspection._layers import leaves_of

_RANDOM = threading.RLock()


@contextmanager
def kept_random_state(devices: Sequence[torch.device] = ()) -> Iterator[None]:
    """Keep torch's random state as it is, on the CPU and on CUDA `devices`; in the block it belongs to this thread alone.

    It is one for the whole process: a thread that put it back in the middle of another one's draws would change them.
    """
    with _RANDOM, torch.random.fork_rng(devices=devices):
        yield


@contextmanager
def capture(
    model: nn.Module, names: Collection[str] | None = None, gradients: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Capture layer outputs: each forward pass of `model` within the context fills the mapping, layer name -> output.

    The mapping is in the order of execution.

    `names` are full names of modules without children ("base.conv1"); None: all of them. The model is in eval mode
    and records no gradients. With `gradients`, the outputs stay part of the graph from there on, so that
    `torch.autograd.grad(logits[0, 3], seen["base.conv1"])` works within the context; no parameter wants a gradient
    meanwhile. Afterwards, also after an exception, all is as before: the mode of every submodule,
    every parameter's gradient and requires_grad, the hooks, torch's random state. The tensors stay.

    Raises LookupError, before it touches anything, where a name is no such layer.
    """
    leaves = leaves_of(model)
    chosen = {name: _layer(leaves, name) for name in (leaves if names is None else names)}
    seen: dict[str, Tensor] = {}
    with ExitStack() as restore:
        restore.enter_context(kept_random_state(_cuda_devices(model)))
        restore.enter_context(_kept(model))
        for name, layer in chosen.items():
            note = _note_with_graph if gradients else _note
            restore.callback(layer.register_forward_hook(partial(note, seen, name)).remove)
        model.eval()
        restore.enter_context(torch.set_grad_enabled(gradients))
        if gradients:
            model.requires_grad_(False)
        yield seen


def _layer(leaves: dict[str, nn.Module], name: str) -> nn.Module:
    try:
        return leaves[name]
    except KeyError:
        raise LookupError(f"There is no layer {name!r}. The layers are: {', '.join(leaves)}.") from None


def _note(seen: dict[str, Tensor], name: str, layer: nn.Module, inputs: Any, output: Tensor) -> None:
    del layer, inputs
    seen[name] = output.detach()


def _note_with_graph(seen: dict[str, Tensor], name: str, layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    """Note the layer's output as a tensor that gradients reach.

    Where no layer before wants a gradient, the graph begins at a detached twin of the output, because the output may be
    the caller's own tensor.
    """
    del layer, inputs
    seen[name] = output if output.requires_grad else output.detach().requires_grad_()
    return seen[name]


@contextmanager
def _kept(model: nn.Module) -> Iterator[None]:
    """Put back, after the context, the mode of every submodule and every parameter's gradient and requires_grad."""
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    try:
        for parameter, _, _ in gradients:
            parameter.grad = None  # else a backward pass would add to the kept gradient itself
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad, grad in gradients:
            parameter.requires_grad_(requires_grad).grad = grad


def _cuda_devices(model: nn.Module) -> list[torch.device]:
    return list({parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"})
