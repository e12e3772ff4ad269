"""This module explains one value of a layer: what the network computed, and the same worked out by the layer's formula."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from torch import nn

from cnnlab.analysis.layers import LayerKind
from cnnlab.inspection._formulas import kind_of
from cnnlab.inspection.formula import axis, single, weighted
from cnnlab.inspection.formula.recipe import Recipe, Rule, Terms
from cnnlab.inspection.formula.trace import Call, Trace, trace
from cnnlab.inspection.formula.weighted import Parts, maps_of
from cnnlab.models import Network
from cnnlab.models._layers import Add

Maker = Callable[[Call, int, Trace], Parts | None]
"""Function from a layer at work and the number of a map to the parts of its recipe; None: these settings have none."""

NO_FORMULA = "A layer of this kind has no formula here: cnnlab shows what it computed, not how."

MAKERS: dict[type[nn.Module], Maker] = {
    nn.Conv2d: weighted.convolution,
    nn.ConvTranspose2d: weighted.transposed_convolution,
    nn.Linear: weighted.fully_connected,
    nn.Upsample: weighted.resizing,
    nn.MaxPool2d: single.max_pooling,
    nn.AvgPool2d: single.mean_pooling,
    nn.AdaptiveAvgPool2d: single.adaptive_pooling,
    nn.AdaptiveMaxPool2d: single.adaptive_pooling,
    nn.BatchNorm1d: single.batch_norm,
    nn.BatchNorm2d: single.batch_norm,
    nn.GroupNorm: single.group_norm,
    nn.InstanceNorm2d: single.instance_norm,
    nn.Flatten: single.flattened,
    nn.Dropout: single.copied,
    nn.Dropout2d: single.copied,
    nn.AlphaDropout: single.copied,
    nn.Identity: single.copied,
    nn.Sequential: single.copied,
    nn.Softmax: single.softmax,
    Add: single.added,
}
"""How each of torch's layers computes. An activation is found by its kind; whatever else has no formula."""


def explain(
    network: Network,
    picture: npt.NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    layer: str,
    channel: int,
    row: int,
    column: int,
) -> Terms:
    """Explain the value of the layer `layer` ("base.conv1") in map `channel` at `row` and `column`, counted from 0.

    `picture`: uint8 [size_px, size_px, channels]; `mean` and `std` are those the network was trained with. A layer
    without maps has features: `channel` names one, row and column are 0. The network is in eval mode and left as it was.
    Raises LookupError where there is no such layer, map, row or column; never for a layer of an unknown kind.
    """
    return recipe_of(trace(network, picture, mean, std), layer, channel).at(row, column)


def recipe_of(seen: Trace, layer: str, channel: int) -> Recipe:
    """Return the formula of the map `channel` of the layer `layer`, with all its numbers. Raises LookupError."""
    call = seen.call(layer)
    maps = maps_of(call.output)
    if not 0 <= channel < len(maps):
        raise IndexError(f"{layer} has the maps 0 to {len(maps) - 1}, not {channel}.")
    parts = _parts(call, channel, seen)
    return Recipe(**_common(call, channel) | (_unknown() if parts is None else parts))


def _parts(call: Call, channel: int, seen: Trace) -> Parts | None:
    """Return the parts of the recipe; None where the layer has no formula, or one that gives maps of another size."""
    maker = _maker(call.layer)
    parts = maker(call, channel, seen) if maker else None
    size = maps_of(call.output).shape[1:]
    return parts if parts and (len(parts["rows"]), len(parts["columns"])) == size else None


def _maker(layer: nn.Module) -> Maker | None:
    """Return what knows the layer; None for another class, and for a subclass that computes in a way of its own."""
    known = next((each for each in type(layer).__mro__ if each in MAKERS), None)
    if known:
        return MAKERS[known] if type(layer).forward is known.forward else None
    return single.activation if kind_of(layer) is LayerKind.ACTIVATION else None


def _common(call: Call, channel: int) -> Parts:
    return {
        "layer": call.name,
        "kind": kind_of(call.layer),
        "rule": Rule.SUM,
        "output": maps_of(call.output)[channel],
        "sources": call.made_by,
    }


def _unknown() -> Parts:
    nothing = np.zeros((0, 1, 1), dtype=np.float32)
    return {
        "rule": Rule.UNKNOWN, "inputs": nothing, "channels": (), "rows": axis.one_to_one(0),
        "columns": axis.one_to_one(0), "sentence": NO_FORMULA,
    }  # fmt: skip
