"""A network before it is trained: each layer's output, parameters, receptive field and work."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, cast

import torch
from torch import nn

from cnnlab.data import DatasetInfo
from cnnlab.inspection._layers import BASE, kind_of, label_of, leaves_of, part_of
from cnnlab.models import build
from cnnlab.schema import TrainingConfig


@dataclass(frozen=True)
class LayerRow:
    """One layer, in the order of execution."""

    name: str
    """Full name: "base.conv1"."""
    label: str
    """Name within the network: "conv1"."""
    kind: str
    """In words: convolution, activation, pooling, batch norm, dropout, linear, flatten, sum."""
    part: str
    """One of the two: feature-extraction base, classifier head."""
    output_shape: tuple[int, ...]
    """For one picture: (channels, height, width), or (features,)."""
    parameters: int
    arithmetic: str
    """How the parameters come about, "5×5×3×6 + 6 = 456"; empty where there are none."""
    receptive_field_px: int | None
    """Side of the square of the picture that one output value can see, the padding around the picture included
    (so it may exceed the picture); None from flatten on, where a value sees all of it."""
    macs: int
    """Multiply-adds for one picture in convolutions and fully connected layers, as papers count them; 0 elsewhere."""


@dataclass(frozen=True)
class Totals:
    """All layers together."""

    parameters: int
    base_parameters: int
    head_parameters: int
    macs: int
    """Multiply-adds for one picture, forward."""


def summarise(config: TrainingConfig, info: DatasetInfo) -> list[LayerRow]:
    """What `build(config, info)` would be, in milliseconds: no weight is allocated and no picture computed.

    Every operation of a `Network` is a module, so what flows through it need not be a tensor: here it is a note
    of its shape and of where it looks. (A forward pass on torch's meta device would do, but it imports torch's
    compiler first: 1.5 s.)
    """
    with torch.device("meta"):
        network = build(config, info)
    rows: list[LayerRow] = []

    def describe(name: str, layer: nn.Module, *inputs: _Value) -> _Value:
        output = _after(layer, *inputs)
        rows.append(_row(name, layer, output))
        return output

    for name, layer in leaves_of(network).items():
        layer.forward = partial(describe, name, layer)
    shape = (info.channels, info.size_px, info.size_px)
    network(_Value(shape, _Field(jump_px=1, first_px=0, last_px=0)))
    return rows


def totals(rows: Iterable[LayerRow]) -> Totals:
    """Sums over the rows."""
    rows = list(rows)
    base = sum(row.parameters for row in rows if row.part == BASE)
    everything = sum(row.parameters for row in rows)
    return Totals(everything, base, everything - base, sum(row.macs for row in rows))


@dataclass(frozen=True)
class _Window:
    """The square of inputs that one output of a convolution or pooling is made from, along one side."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def outputs(self, inputs: int) -> int:
        """How many there are, as torch's documentation of Conv2d has it."""
        return (inputs + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.stride + 1


@dataclass(frozen=True)
class _Field:
    """Where in the picture the values of a layer look, along one side.

    Value 0 sees the pixels first_px..last_px (negative: in the padding), value n sees those moved by n * jump_px
    (Araujo, Norris & Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019).
    """

    jump_px: int
    first_px: int
    last_px: int

    def through(self, window: _Window) -> "_Field":
        first, last = -window.padding, (window.kernel - 1) * window.dilation - window.padding
        return _Field(
            jump_px=self.jump_px * window.stride,
            first_px=self.first_px + first * self.jump_px,
            last_px=self.last_px + last * self.jump_px,
        )


@dataclass(frozen=True)
class _Value:
    """What flows through the network here in place of a tensor."""

    shape: tuple[int, ...]
    field: _Field | None


def _after(layer: nn.Module, *inputs: _Value) -> _Value:
    """What the layer makes of its inputs; a layer with several (a sum) sees as far as the widest of them."""
    shape = inputs[0].shape
    if isinstance(layer, nn.Flatten):
        return _Value((prod(shape),), None)
    if isinstance(layer, nn.Linear):
        return _Value((layer.out_features,), None)
    fields = [x.field for x in inputs if x.field is not None]
    if not fields:
        return inputs[0]
    first, last = min(field.first_px for field in fields), max(field.last_px for field in fields)
    field = _Field(fields[0].jump_px, first, last)
    window = _window_of(layer, shape[-1])
    if window is None:
        return _Value(shape, field)
    channels = layer.out_channels if isinstance(layer, nn.Conv2d) else shape[0]
    side = window.outputs(shape[-1])
    return _Value((channels, side, side), field.through(window))


def _window_of(layer: nn.Module, side: int) -> _Window | None:
    if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
        return _Window(*(_one(n) for n in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)))
    if isinstance(layer, nn.AdaptiveAvgPool2d):  # down to 1×1: a single window over everything
        return _Window(side)
    return None


def _one(extent: Any) -> int:
    """Of a square window, which torch gives as 2 or as (2, 2)."""
    return cast(int, extent[0] if isinstance(extent, tuple) else extent)


def _row(name: str, layer: nn.Module, output: _Value) -> LayerRow:
    parameters = sum(parameter.numel() for parameter in layer.parameters())
    field = output.field
    return LayerRow(
        name=name,
        label=label_of(name),
        kind=kind_of(layer),
        part=part_of(name),
        output_shape=output.shape,
        parameters=parameters,
        arithmetic=_arithmetic(layer, parameters),
        receptive_field_px=None if field is None else field.last_px - field.first_px + 1,
        macs=_macs(layer, output.shape),
    )


def _arithmetic(layer: nn.Module, parameters: int) -> str:
    if isinstance(layer, nn.BatchNorm2d):
        terms = f"2×{layer.num_features}"  # a scale and a shift for each channel
    elif isinstance(layer, nn.Conv2d | nn.Linear):
        terms = "×".join(str(n) for n in _factors(layer)) + ("" if layer.bias is None else f" + {len(layer.bias)}")
    else:
        return ""
    return f"{terms} = {parameters:,}".replace(",", " ")


def _factors(layer: nn.Conv2d | nn.Linear) -> tuple[int, ...]:
    if isinstance(layer, nn.Conv2d):
        return (*layer.kernel_size, layer.in_channels, layer.out_channels)
    return layer.in_features, layer.out_features


def _macs(layer: nn.Module, output_shape: tuple[int, ...]) -> int:
    """Each weight is used once for every place of the output."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return layer.weight.numel() * prod(output_shape[1:])
    return 0
