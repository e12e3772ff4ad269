"""This module makes the recipes of layers that add up input times weight: convolutions, fully connected layers, resizing."""

from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.analysis.layers import LayerKind
from cnnlab.inspection._formulas import formula_of, kind_of, numbers_of
from cnnlab.inspection.formula import axis
from cnnlab.inspection.formula.recipe import Floats
from cnnlab.inspection.formula.trace import Call, Trace

Parts = dict[str, Any]
"""The fields of a recipe that are the layer's own."""

_PRODUCTS = "Each input under the kernel is multiplied with its weight. All products are added up"
PASSED_ON = (LayerKind.ACTIVATION, LayerKind.DROPOUT)
"""Layers behind which each feature still has its place in the map that was flattened."""


def maps_of(tensor: Tensor) -> Floats:
    """Return a layer's input or output [1, …] as maps [channels, height, width]; a feature is a map of one value."""
    values: Floats = np.atleast_1d(tensor[0].float().cpu().numpy())
    if values.ndim == 3:
        return values
    return values.reshape(len(values), values.shape[1] if values.ndim > 3 else 1, -1)


def convolution(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a convolution: the input channels of the map's group, their kernels, the padding."""
    del trace
    layer: Any = call.layer
    x, numbers = call.inputs[0], numbers_of(layer)
    if x.ndim != 4:
        return None
    padding, words = numbers["padding"], ""
    if layer.padding_mode != "zeros":
        x, padding = F.pad(x, layer._reversed_padding_repeated_twice, mode=layer.padding_mode), (0, 0)
        words = f" Around the map stand copies of its own values ({layer.padding_mode}) in place of zeros."
    per_group = layer.in_channels // layer.groups
    first = channel // (layer.out_channels // layer.groups) * per_group
    sides = [
        axis.sliding(call.shape[1 + i], numbers["kernel"][i], numbers["stride"][i], padding[i], numbers["dilation"][i])
        for i in (0, 1)
    ]
    return _weighted(x, range(first, first + per_group), layer.weight[channel], layer.bias, channel, sides, words)


def transposed_convolution(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a transposed convolution, whose outputs use some of the weights each."""
    del trace
    layer: Any = call.layer
    x, numbers = call.inputs[0], numbers_of(layer)
    if x.ndim != 4 or formula_of(layer, tuple(x.shape[1:])) is None:
        return None
    per_group, out_of_group = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    first = channel // out_of_group * per_group
    sides = [
        axis.transposed(
            x.shape[2 + i], call.shape[1 + i], numbers["kernel"][i], numbers["stride"][i], numbers["padding"][i],
            numbers["dilation"][i],
        )
        for i in (0, 1)
    ]  # fmt: skip
    kernel = layer.weight[first : first + per_group, channel % out_of_group]
    words = " A transposed convolution spreads each input over several outputs: here is what reaches this one."
    return _weighted(x, range(first, first + per_group), kernel, layer.bias, channel, sides, words)


def fully_connected(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a fully connected layer; behind a flatten layer the inputs are laid out as the maps they were."""
    layer: Any = call.layer
    x = call.inputs[0]
    if x.ndim != 2:
        return None
    shape = _shape_before_flatten(call, trace, x.shape[1])
    inputs = x.reshape(1, *shape)
    sides = [axis.everything(shape[1]), axis.everything(shape[2])]
    kernel = layer.weight[channel].reshape(shape)
    return _weighted(inputs, range(shape[0]), kernel, layer.bias, channel, sides, "")


def resizing(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a resizing to the nearest or by mixing neighbours, where its scale is exact."""
    del trace
    layer: Any = call.layer
    x = call.inputs[0]
    if x.ndim != 4 or formula_of(layer, tuple(x.shape[1:])) is None:
        return None
    nearest = layer.mode == "nearest"
    sides = [
        axis.nearest(x.shape[2 + i], call.shape[1 + i])
        if nearest
        else axis.bilinear(x.shape[2 + i], call.shape[1 + i], bool(layer.align_corners))
        for i in (0, 1)
    ]
    words = "The nearest input is repeated." if nearest else "The nearest inputs are mixed: the nearer, the more."
    return {
        "inputs": maps_of(x)[channel : channel + 1],
        "channels": (channel,),
        "rows": sides[0],
        "columns": sides[1],
        "sentence": words,
    }


def _weighted(
    x: Tensor, channels: range, kernel: Tensor, bias: Tensor | None, channel: int, sides: list[axis.Axis], words: str
) -> Parts:
    return {
        "inputs": maps_of(x)[channels.start : channels.stop],
        "channels": tuple(channels),
        "kernel": kernel.detach().float().cpu().numpy(),
        "bias": 0.0 if bias is None else float(bias.detach()[channel]),
        "has_bias": bias is not None,
        "rows": sides[0],
        "columns": sides[1],
        "sentence": f"{_PRODUCTS}{'.' if bias is None else ', and the bias.'}{words}",
    }


def _shape_before_flatten(call: Call, trace: Trace, features: int) -> tuple[int, int, int]:
    """Return the shape of the maps that were flattened into the layer's input; (features, 1, 1) without any."""
    maker = trace.calls.get(call.made_by[0])
    while maker and kind_of(maker.layer) in PASSED_ON:
        maker = trace.calls.get(maker.made_by[0])
    if maker and kind_of(maker.layer) is LayerKind.FLATTEN and isinstance(maker.layer, nn.Flatten):
        channels, height, width = maps_of(maker.inputs[0]).shape
        if channels * height * width == features:
            return channels, height, width
    return features, 1, 1
