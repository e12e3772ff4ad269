"""This module notes what every layer of a network receives and returns for one picture, and which layer made each input."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cnnlab.analysis.layers import Sees
from cnnlab.analysis.receptive_field import PICTURE
from cnnlab.data.tensors import to_network
from cnnlab.inspection._formulas import formula_of
from cnnlab.inspection._layers import leaves_of
from cnnlab.inspection.capture import capture
from cnnlab.inspection.summary import Fields, Value, value_after
from cnnlab.models import Network

UNKNOWN = "?"
"""Stands for the maker of a tensor that no layer made, but an operation between the layers."""


@dataclass(frozen=True, eq=False)
class Call:
    """A `Call` is one layer at work on one picture."""

    name: str
    """Full name of the layer: "base.conv1"."""
    layer: nn.Module
    inputs: tuple[Tensor, ...]
    """What the layer received, each [1, …], as it was before the layer ran."""
    made_by: tuple[str, ...]
    """For each input the full name of the layer that made it; "" for the picture, UNKNOWN where no layer did."""
    output: Tensor
    """[1, …]: what the layer returned."""
    fields: Fields
    """Pixels of the picture that each output value depends on, down and across."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the output for one picture: (channels, height, width) or (features,)."""
        return tuple(self.output.shape[1:])


@dataclass(frozen=True, eq=False)
class Trace:
    """A `Trace` holds all layers of a network at work on one picture, in the order of execution."""

    calls: dict[str, Call]

    def call(self, name: str) -> Call:
        """Return the layer of that full name at work. Raises LookupError where it did not run or there is none."""
        try:
            return self.calls[name]
        except KeyError:
            raise LookupError(f"There is no layer {name!r}. The layers are: {', '.join(self.calls)}.") from None

    def after(self, name: str) -> list[Call]:
        """Return the layers that take the output of the layer `name`, in the order of execution."""
        return [call for call in self.calls.values() if name in call.made_by]


def trace(network: Network, picture: npt.NDArray[np.uint8], mean: tuple[float, ...], std: tuple[float, ...]) -> Trace:
    """Run the network in eval mode on a picture uint8 [size_px, size_px, channels], and note all layers at work.

    `mean` and `std` are those the network was trained with. Leaves no trace in the network.
    """
    device = next(network.parameters()).device
    pixels = torch.from_numpy(np.array(picture)).to(device)  # a copy: memory-mapped pictures are read-only
    x = to_network(pixels[None], mean, std)
    with _noting(network, x) as calls:
        network(x)
    return Trace(calls)


@contextmanager
def _noting(network: nn.Module, x: Tensor) -> Iterator[dict[str, Call]]:
    """Note, while the context lasts, each layer that runs.

    A tensor is known by its identity, so every tensor is kept until the end. What is noted are copies: a layer that works
    in place would overwrite its input.
    """
    calls: dict[str, Call] = {}
    values = {id(x): Value("", tuple(x.shape[1:]), (PICTURE, PICTURE))}
    alive: list[Any] = [x]
    received: dict[str, tuple[tuple[Tensor, Value], ...]] = {}

    def before(name: str, layer: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        del layer
        tensors = [one for one in (*given, *named.values()) if isinstance(one, Tensor)]
        alive.extend(tensors)
        received[name] = tuple((one.detach().clone(), values.get(id(one), _of_nobody(one))) for one in tensors)

    def after(name: str, layer: nn.Module, given: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        del given, named
        taken = received.pop(name)
        if not isinstance(output, Tensor) or not taken:
            return
        alive.append(output)
        inputs, origins = zip(*taken, strict=True)
        values[id(output)] = made = _value(name, layer, origins, output)
        calls.pop(name, None)
        calls[name] = Call(
            name, layer, inputs, tuple(one.made_by for one in origins), output.detach().clone(), made.fields
        )

    with capture(network, []), ExitStack() as hooks:
        for name, layer in leaves_of(network).items():
            hooks.callback(layer.register_forward_pre_hook(partial(before, name), with_kwargs=True).remove)
            hooks.callback(layer.register_forward_hook(partial(after, name), with_kwargs=True).remove)
        yield calls


def _of_nobody(tensor: Tensor) -> Value:
    return Value(UNKNOWN, tuple(tensor.shape[1:]), Sees.NO_FORMULA)


def _value(name: str, layer: nn.Module, inputs: tuple[Value, ...], output: Tensor) -> Value:
    alike = len({one.shape for one in inputs}) == 1
    formula = formula_of(layer, inputs[0].shape) if alike else None
    shape = tuple(output.shape[1:])
    right = formula is not None and formula.output_shape == shape
    return value_after(name, formula if right else None, shape, inputs)
