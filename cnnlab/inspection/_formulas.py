"""This module knows torch's layers without running them: kind, output shape, sources of each value, multiply-adds.

A layer that is not in the table needs no entry. It is of the kind `OTHER` and has no formula: `cnnlab.inspection.summary`
then runs it to find its output's shape, and people read "no formula" where a number would stand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, prod
from typing import Any

from torch import nn

from cnnlab.analysis import receptive_field as field
from cnnlab.analysis.layers import LayerKind, Pair, Sees
from cnnlab.analysis.receptive_field import Sources
from cnnlab.models._layers import Add

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Formula:
    """A `Formula` holds what a layer makes of one input shape: output shape, sources of each value, multiply-adds."""

    output_shape: Shape
    sources: tuple[Sources, Sources] | Sees = (field.same(), field.same())
    """Input positions that make each output value of a feature map, down and across."""
    macs: int = 0


Rule = Callable[[Any, Shape], Formula | None]
"""Function from a layer and its input's shape to a formula; None where the layer's settings have no formula."""


def _as_it_is(layer: nn.Module, shape: Shape) -> Formula:
    """Return the formula of a layer that computes each output value from the one input value in the same place."""
    return Formula(shape)


def _over_the_map(layer: nn.Module, shape: Shape) -> Formula:
    """Return the formula of a layer that computes each value with statistics of its whole feature map (group norm)."""
    return Formula(
        shape, (field.everything(shape[1]), field.everything(shape[2])) if len(shape) == 3 else Sees.EVERYTHING
    )


def _flatten(layer: nn.Flatten, shape: Shape) -> Formula | None:
    return Formula((prod(shape),), Sees.EVERYTHING) if (layer.start_dim, layer.end_dim) == (1, -1) else None


def _linear(layer: nn.Linear, shape: Shape) -> Formula:
    """Return the formula of a fully connected layer, which works over the last dimension.

    On a feature map, which is unusual, the last dimension mixes each row's columns.
    """
    sees = Sees.EVERYTHING if len(shape) == 1 else Sees.NO_FORMULA
    return Formula((*shape[:-1], layer.out_features), sees, layer.weight.numel() * prod(shape[:-1]))


def _convolution(layer: nn.Conv2d, shape: Shape) -> Formula:
    kernel, stride, dilation = pair(layer.kernel_size), pair(layer.stride), pair(layer.dilation)
    before, around = _padding(layer)
    sides = [
        (shape[1 + i] + around[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in (0, 1)
    ]  # as torch's documentation of Conv2d has it
    sources = [field.sliding(kernel[i], stride[i], before[i], dilation[i]) for i in (0, 1)]
    return Formula((layer.out_channels, *sides), (sources[0], sources[1]), layer.weight.numel() * prod(sides))


def _transposed(layer: nn.ConvTranspose2d, shape: Shape) -> Formula:
    """Return the formula of a transposed convolution, which uses each weight once for every place of the input."""
    kernel, stride, dilation, padding = map(pair, (layer.kernel_size, layer.stride, layer.dilation, layer.padding))
    more = pair(layer.output_padding)
    sides = [
        (shape[1 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel[i] - 1) + more[i] + 1 for i in (0, 1)
    ]
    sources = [field.transposed(kernel[i], stride[i], padding[i], dilation[i]) for i in (0, 1)]
    return Formula((layer.out_channels, *sides), (sources[0], sources[1]), layer.weight.numel() * prod(shape[1:]))


def _pooling(layer: nn.MaxPool2d | nn.AvgPool2d | nn.LPPool2d, shape: Shape) -> Formula:
    kernel, stride = pair(layer.kernel_size), pair(layer.stride or layer.kernel_size)
    padding, dilation = pair(getattr(layer, "padding", 0)), pair(getattr(layer, "dilation", 1))
    sides = []
    for i in (0, 1):
        room = shape[1 + i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1
        side = (ceil(Fraction(room, stride[i])) if layer.ceil_mode else room // stride[i]) + 1
        begins_beyond = layer.ceil_mode and (side - 1) * stride[i] >= shape[1 + i] + padding[i]
        sides.append(side - 1 if begins_beyond else side)
    sources = [field.sliding(kernel[i], stride[i], padding[i], dilation[i]) for i in (0, 1)]
    return Formula((shape[0], *sides), (sources[0], sources[1]))


def _adaptive(layer: nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d, shape: Shape) -> Formula:
    asked: Any = layer.output_size
    asked = asked if isinstance(asked, tuple) else (asked, asked)
    sides = [shape[1 + i] if asked[i] is None else int(asked[i]) for i in (0, 1)]
    return Formula((shape[0], *sides), (field.adaptive(shape[1], sides[0]), field.adaptive(shape[2], sides[1])))


def _upsampling(layer: nn.Upsample, shape: Shape) -> Formula | None:
    if layer.size is None:
        factors: Any = layer.scale_factor
        factors = factors if isinstance(factors, tuple) else (factors, factors)
        exact = [shape[1 + i] * Fraction(factors[i]) for i in (0, 1)]
        if any(side.denominator > 1 for side in exact):
            return None  # torch rounds the size but not the factor: outputs do not line up
        sides = [int(side) for side in exact]
    else:
        sides = list(pair(layer.size))
    if layer.mode == "nearest":
        sources = [field.nearest(shape[1 + i], sides[i]) for i in (0, 1)]
    elif layer.mode == "bilinear":
        sources = [field.bilinear(shape[1 + i], sides[i], bool(layer.align_corners)) for i in (0, 1)]
    else:
        return None
    return Formula((shape[0], *sides), (sources[0], sources[1]))


@dataclass(frozen=True)
class Known:
    """A `Known` is a row of the table KNOWN: kind, word and formula of one of torch's layers."""

    kind: LayerKind
    word: str
    rule: Rule


def _kind(kind: LayerKind, rule: Rule, **words: type[nn.Module]) -> dict[type[nn.Module], Known]:
    return {layer: Known(kind, word.replace("_", " "), rule) for word, layer in words.items()}


KNOWN: dict[type[nn.Module], Known] = {
    **_kind(LayerKind.CONVOLUTION, _convolution, conv=nn.Conv2d),
    **_kind(LayerKind.TRANSPOSED_CONVOLUTION, _transposed, transposed_conv=nn.ConvTranspose2d),
    **_kind(LayerKind.POOLING, _pooling, max_pool=nn.MaxPool2d, mean_pool=nn.AvgPool2d, lp_pool=nn.LPPool2d),
    **_kind(LayerKind.POOLING, _adaptive, mean_pool=nn.AdaptiveAvgPool2d, max_pool=nn.AdaptiveMaxPool2d),
    **_kind(LayerKind.UPSAMPLING, _upsampling, upsample=nn.Upsample),
    **_kind(LayerKind.BATCH_NORM, _as_it_is, bn=nn.BatchNorm2d),
    **_kind(LayerKind.BATCH_NORM, _as_it_is, bn=nn.BatchNorm1d),
    **_kind(LayerKind.NORMALISATION, _over_the_map, group_norm=nn.GroupNorm, instance_norm=nn.InstanceNorm2d),
    **_kind(
        LayerKind.ACTIVATION, _as_it_is, relu=nn.ReLU, relu6=nn.ReLU6, leaky_relu=nn.LeakyReLU, prelu=nn.PReLU,
        rrelu=nn.RReLU, elu=nn.ELU, selu=nn.SELU, celu=nn.CELU, gelu=nn.GELU, silu=nn.SiLU, mish=nn.Mish,
        tanh=nn.Tanh, sigmoid=nn.Sigmoid, log_sigmoid=nn.LogSigmoid, softplus=nn.Softplus, softsign=nn.Softsign,
        hard_tanh=nn.Hardtanh, hard_swish=nn.Hardswish, hard_sigmoid=nn.Hardsigmoid, threshold=nn.Threshold,
        soft_shrink=nn.Softshrink, hard_shrink=nn.Hardshrink, tanh_shrink=nn.Tanhshrink,
    ),
    **_kind(LayerKind.DROPOUT, _as_it_is, dropout=nn.Dropout, channel_dropout=nn.Dropout2d, alpha_dropout=nn.AlphaDropout),
    **_kind(LayerKind.FLATTEN, _flatten, flatten=nn.Flatten),
    **_kind(LayerKind.LINEAR, _linear, linear=nn.Linear),
    **_kind(LayerKind.SUM, _as_it_is, add=Add),
    **_kind(LayerKind.OTHER, _as_it_is, identity=nn.Identity, nothing=nn.Sequential),  # a Sequential without layers
}  # fmt: skip
"""Every layer class that has a formula. A subclass has its parent's kind, and its formula unless `forward` differs."""


def kind_of(layer: nn.Module) -> LayerKind:
    """Return what the layer does; OTHER where cnnlab has no name for its class."""
    known = _nearest(layer)
    return KNOWN[known].kind if known else LayerKind.OTHER


def word_of(layer: nn.Module) -> str:
    """Return what people call the layer: "relu", "bn"; the name of its class where cnnlab has no word."""
    known = KNOWN.get(type(layer))
    return known.word if known else type(layer).__name__


def formula_of(layer: nn.Module, shape: Shape) -> Formula | None:
    """Return the layer's formula for an input of that shape (one picture, no batch); None where none is known."""
    known = _nearest(layer)
    return KNOWN[known].rule(layer, shape) if known and type(layer).forward is known.forward else None


def pair(extent: Any) -> Pair:
    """Return the height and width of a window, which torch writes as 2, as (2,) or as (2, 3)."""
    values = extent if isinstance(extent, tuple | list) else (extent,)
    return int(values[0]), int(values[-1])


def numbers_of(layer: nn.Module) -> dict[str, Any]:
    """Return the fields of a `LayerRow` that are the layer's own settings: kernel, stride, channels and so on."""
    if isinstance(layer, nn.Linear):
        return {"in_channels": layer.in_features, "out_channels": layer.out_features, "bias": layer.bias is not None}
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return {
            "kernel": pair(layer.kernel_size),
            "stride": pair(layer.stride),
            "padding": _padding(layer)[0],
            "dilation": pair(layer.dilation),
            "groups": layer.groups,
            "in_channels": layer.in_channels,
            "out_channels": layer.out_channels,
            "bias": layer.bias is not None,
        }
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d | nn.LPPool2d):
        return {
            "kernel": pair(layer.kernel_size),
            "stride": pair(layer.stride or layer.kernel_size),
            "padding": pair(getattr(layer, "padding", 0)),
            "dilation": pair(getattr(layer, "dilation", 1)),
        }
    return {}


def terms_of(layer: nn.Module) -> tuple[Shape, ...]:
    """Return the products that add up to the layer's number of parameters, as `LayerRow.terms`, one a parameter tensor.

    Kernels as height · width · inputs · outputs, a matrix as inputs · outputs, the scale and the shift of a
    normalisation together; any other parameter by its shape.
    """
    shapes = [tuple(parameter.shape) or (1,) for parameter in layer.parameters()]
    if kind_of(layer) in (LayerKind.BATCH_NORM, LayerKind.NORMALISATION) and len(shapes) == 2:
        return ((2, *shapes[0]),)
    if isinstance(layer, nn.Conv2d):
        return tuple((*shape[2:], shape[1], shape[0]) if len(shape) == 4 else shape for shape in shapes)
    if isinstance(layer, nn.ConvTranspose2d):
        return tuple((*shape[2:], *shape[:2]) if len(shape) == 4 else shape for shape in shapes)
    if isinstance(layer, nn.Linear):
        return tuple(shape[::-1] for shape in shapes)
    return tuple(shapes)


def _nearest(layer: nn.Module) -> type[nn.Module] | None:
    return next((each for each in type(layer).__mro__ if each in KNOWN), None)


def _padding(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[Pair, Pair]:
    """Return the padding at the top and on the left, and the padding of both sides together, each as (down, across)."""
    if layer.padding == "valid":
        return (0, 0), (0, 0)
    if layer.padding == "same":
        kernel, dilation = pair(layer.kernel_size), pair(layer.dilation)
        down, across = (dilation[i] * (kernel[i] - 1) for i in (0, 1))
        return (down // 2, across // 2), (down, across)
    down, across = pair(layer.padding)
    return (down, across), (2 * down, 2 * across)
