"""This module makes the recipes of layers that work on each map alone: pooling, normalisation, activation, sums, copies."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.inspection._formulas import pair
from cnnlab.inspection.formula import axis
from cnnlab.inspection.formula.axis import Axis
from cnnlab.inspection.formula.functions import MAKERS
from cnnlab.inspection.formula.recipe import Rule
from cnnlab.inspection.formula.trace import Call, Trace
from cnnlab.inspection.formula.weighted import Parts, maps_of


def max_pooling(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a max pooling."""
    del trace
    layer: Any = call.layer
    if call.inputs[0].ndim != 4:
        return None
    size = call.inputs[0].shape[2:]
    window, step = pair(layer.kernel_size), pair(layer.stride or layer.kernel_size)
    padding, dilation = pair(layer.padding), pair(layer.dilation)
    sides = [axis.largest(size[i], call.shape[1 + i], window[i], step[i], padding[i], dilation[i]) for i in (0, 1)]
    return _window(call, channel, sides, Rule.LARGEST, "The largest value of the window wins.")


def mean_pooling(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a mean pooling."""
    del trace
    layer: Any = call.layer
    if call.inputs[0].ndim != 4:
        return None
    size = call.inputs[0].shape[2:]
    window, step = pair(layer.kernel_size), pair(layer.stride or layer.kernel_size)
    padding, counts = pair(layer.padding), bool(layer.count_include_pad)
    sides = [axis.mean(size[i], call.shape[1 + i], window[i], step[i], padding[i], counts) for i in (0, 1)]
    if layer.divisor_override:
        sides = [_each(sides[0], 1 / layer.divisor_override), _each(sides[1], 1.0)]
    return _window(call, channel, sides, Rule.SUM, "The mean of the window.")


def adaptive_pooling(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a pooling whose windows follow from the size of its output."""
    del trace
    if call.inputs[0].ndim != 4:
        return None
    size, mean = call.inputs[0].shape[2:], isinstance(call.layer, nn.AdaptiveAvgPool2d)
    sides = [axis.adaptive(size[i], call.shape[1 + i], mean) for i in (0, 1)]
    words = "The mean of the window." if mean else "The largest value of the window wins."
    return _window(call, channel, sides, Rule.SUM if mean else Rule.LARGEST, words)


def batch_norm(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a batch normalisation: its own running mean and variance where it keeps them."""
    del trace
    layer: Any = call.layer
    if layer.running_mean is None:
        return _normalised(call, channel, slice(channel, channel + 1), "of this map")
    mean, variance = float(layer.running_mean[channel]), float(layer.running_var[channel])
    return _norm(call, channel, mean, variance, "running, as training left them")


def group_norm(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a group normalisation, whose mean and variance are those of the group's maps."""
    del trace
    layer: Any = call.layer
    size = layer.num_channels // layer.num_groups
    first = channel // size * size
    return _normalised(call, channel, slice(first, first + size), f"of the {size} maps of its group")


def instance_norm(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of an instance normalisation, which is a batch normalisation of one picture."""
    return batch_norm(call, channel, trace)


def activation(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of an activation function."""
    del trace
    known = next((each for each in type(call.layer).__mro__ if each in MAKERS), None)
    if known is None or type(call.layer).forward is not known.forward:
        return None
    function = MAKERS[known](call.layer, channel)
    return _same_place(call, channel) | {"rule": Rule.FUNCTION, "function": function, "sentence": function.words}


def copied(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a layer that hands its input on as it is: dropout outside of training, identity."""
    del trace
    return _same_place(call, channel) | {"sentence": "Outside of training the layer hands on what it receives."}


def flattened(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a flatten layer: each feature is one value of one map."""
    del trace
    layer: Any = call.layer
    if (layer.start_dim, layer.end_dim) != (1, -1):
        return None
    maps = maps_of(call.inputs[0])
    which, row, column = (int(place) for place in np.unravel_index(channel, maps.shape))
    return {
        "inputs": maps[which : which + 1],
        "channels": (which,),
        "rows": axis.only(row),
        "columns": axis.only(column),
        "sentence": f"The value of map {which} at row {row + 1}, column {column + 1}, unchanged: all maps in one long row.",
    }


def added(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a layer that adds maps of the same shape, as a residual block does."""
    del trace
    if len({tuple(one.shape) for one in call.inputs}) != 1:
        return None
    maps = np.stack([maps_of(one)[channel] for one in call.inputs])
    words = "The values of both paths in the same place are added."
    return _same_place(call, channel) | {"inputs": maps, "channels": (channel,) * len(maps), "sentence": words}


def softmax(call: Call, channel: int, trace: Trace) -> Parts | None:
    """Return the parts of a softmax over all features."""
    del trace
    if call.inputs[0].ndim != 2 or call.layer.dim not in (1, -1):
        return None
    return softmax_of(call.inputs[0], channel)


def softmax_of(logits: Tensor, channel: int) -> Parts:
    """Return the parts of the softmax of logits [1, N]: the probability of class `channel`."""
    return {
        "inputs": maps_of(logits),
        "channels": tuple(range(logits.shape[1])),
        "rows": axis.one_to_one(1),
        "columns": axis.one_to_one(1),
        "rule": Rule.SOFTMAX,
        "numbers": (("chosen", float(channel)),),
        "sentence": "e to the power of this number, divided by the sum of the same over all classes.",
    }


def _window(call: Call, channel: int, sides: list[Axis], rule: Rule, words: str) -> Parts:
    return {
        "inputs": maps_of(call.inputs[0])[channel : channel + 1],
        "channels": (channel,),
        "rows": sides[0],
        "columns": sides[1],
        "rule": rule,
        "sentence": words,
    }


def _same_place(call: Call, channel: int) -> Parts:
    maps = maps_of(call.inputs[0])[channel : channel + 1]
    return {
        "inputs": maps,
        "channels": (channel,),
        "rows": axis.one_to_one(maps.shape[1]),
        "columns": axis.one_to_one(maps.shape[2]),
    }


def _normalised(call: Call, channel: int, group: slice, of_what: str) -> Parts:
    """Return the parts of a normalisation by the mean and the variance of the maps `group` of this very picture."""
    values = torch.from_numpy(maps_of(call.inputs[0])[group]).double()
    return _norm(call, channel, float(values.mean()), float(values.var(correction=0)), of_what)


def _norm(call: Call, channel: int, mean: float, variance: float, of_what: str) -> Parts:
    layer: Any = call.layer
    weight, bias = layer.weight, layer.bias
    scale = 1.0 if weight is None else float(weight.detach()[channel])
    shift = 0.0 if bias is None else float(bias.detach()[channel])
    factor = scale / float(np.sqrt(variance + layer.eps))
    return _same_place(call, channel) | {
        "rule": Rule.NORM,
        "kernel": np.array([[[factor]]]),
        "bias": shift - mean * factor,
        "has_bias": True,
        "numbers": (
            ("mean", mean), ("variance", variance), ("eps", float(layer.eps)), ("scale", scale), ("shift", shift),
        ),
        "sentence": f"Mean and variance: {of_what}.",
    }  # fmt: skip


def _each(side: Axis, factor: float) -> Axis:
    return Axis(tuple(tuple(one._replace(factor=factor) for one in sources) for sources in side.sources))
