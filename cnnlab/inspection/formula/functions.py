"""This module holds the activation functions as plain formulas of one number, with their words."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Function:
    """A `Function` is an activation with its settings filled in."""

    name: str
    """Name by which the browser knows it too."""
    settings: tuple[float, ...]
    words: str
    """The formula, where x stands for the input."""

    def __call__(self, x: float) -> float:
        """Return the function of `x`."""
        return _RULES[self.name](x, *self.settings)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x: float, beta: float = 1.0, threshold: float = math.inf) -> float:
    if x * beta > threshold:
        return x
    return (max(0.0, x * beta) + math.log1p(math.exp(-abs(x * beta)))) / beta


def _gelu_tanh(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


_RULES: dict[str, Callable[..., float]] = {
    "relu": lambda x: max(0.0, x),
    "clamp": lambda x, low, high: min(high, max(low, x)),
    "leaky": lambda x, slope: x if x >= 0 else slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * math.expm1(x),
    "celu": lambda x, alpha: x if x > 0 else alpha * math.expm1(x / alpha),
    "selu": lambda x, alpha, scale: scale * (x if x > 0 else alpha * math.expm1(x)),
    "gelu": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "gelu_tanh": _gelu_tanh,
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * math.tanh(_softplus(x)),
    "tanh": math.tanh,
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -_softplus(-x),
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + abs(x)),
    "hard_swish": lambda x: x * min(6.0, max(0.0, x + 3)) / 6,
    "hard_sigmoid": lambda x: min(6.0, max(0.0, x + 3)) / 6,
    "threshold": lambda x, threshold, value: x if x > threshold else value,
    "soft_shrink": lambda x, size: x - size if x > size else x + size if x < -size else 0.0,
    "hard_shrink": lambda x, size: 0.0 if -size <= x <= size else x,
    "tanh_shrink": lambda x: x - math.tanh(x),
}
SELU = (1.6732632423543772848170429916717, 1.0507009873554804934193349852946)
"""Alpha and scale of Klambauer et al. 2017, Self-Normalizing Neural Networks."""

_Maker = Callable[[Any, int], Function]


def _plain(name: str, words: str) -> _Maker:
    return lambda layer, channel: Function(name, (), words)


def _leaky(slope: float) -> Function:
    return Function("leaky", (slope,), f"x where x is above 0, else {slope:.4g} · x")


def _prelu(layer: nn.PReLU, channel: int) -> Function:
    return _leaky(float(layer.weight.detach()[channel if layer.weight.numel() > 1 else 0]))


def _gelu(layer: nn.GELU, channel: int) -> Function:
    del channel
    if layer.approximate == "tanh":
        return Function("gelu_tanh", (), "½ x · (1 + tanh(√(2/π) · (x + 0.044715 x³)))")
    return Function("gelu", (), "x · Φ(x)")


MAKERS: dict[type[nn.Module], _Maker] = {
    nn.ReLU: _plain("relu", "max(0, x)"),
    nn.ReLU6: lambda layer, channel: Function("clamp", (0.0, 6.0), "x, but at least 0 and at most 6"),
    nn.Hardtanh: lambda layer, channel: Function(
        "clamp", (layer.min_val, layer.max_val), f"x, but at least {layer.min_val:g} and at most {layer.max_val:g}"
    ),
    nn.LeakyReLU: lambda layer, channel: _leaky(layer.negative_slope),
    nn.RReLU: lambda layer, channel: _leaky((layer.lower + layer.upper) / 2),
    nn.PReLU: _prelu,
    nn.ELU: lambda layer, channel: Function("elu", (layer.alpha,), f"x above 0, else {layer.alpha:g} · (eˣ - 1)"),
    nn.CELU: lambda layer, channel: Function(
        "celu", (layer.alpha,), f"x above 0, else a · (e^(x/a) - 1) with a = {layer.alpha:g}"
    ),
    nn.SELU: lambda layer, channel: Function("selu", SELU, "1.0507 · (x above 0, else 1.6733 · (eˣ - 1))"),
    nn.GELU: _gelu,
    nn.SiLU: _plain("silu", "x · sigmoid(x)"),
    nn.Mish: _plain("mish", "x · tanh(ln(1 + eˣ))"),
    nn.Tanh: _plain("tanh", "tanh(x)"),
    nn.Sigmoid: _plain("sigmoid", "1 / (1 + e⁻ˣ)"),
    nn.LogSigmoid: _plain("log_sigmoid", "ln(1 / (1 + e⁻ˣ))"),
    nn.Softplus: lambda layer, channel: Function(
        "softplus", (float(layer.beta), float(layer.threshold)), f"ln(1 + e^(b · x)) / b with b = {layer.beta:g}"
    ),
    nn.Softsign: _plain("softsign", "x / (1 + |x|)"),
    nn.Hardswish: _plain("hard_swish", "x · (x + 3 between 0 and 6) / 6"),
    nn.Hardsigmoid: _plain("hard_sigmoid", "(x + 3 between 0 and 6) / 6"),
    nn.Threshold: lambda layer, channel: Function(
        "threshold", (layer.threshold, layer.value), f"x above {layer.threshold:g}, else {layer.value:g}"
    ),
    nn.Softshrink: lambda layer, channel: Function("soft_shrink", (layer.lambd,), f"x, {layer.lambd:g} nearer to 0"),
    nn.Hardshrink: lambda layer, channel: Function(
        "hard_shrink", (layer.lambd,), f"x, but 0 between -{layer.lambd:g} and {layer.lambd:g}"
    ),
    nn.Tanhshrink: _plain("tanh_shrink", "x - tanh(x)"),
}
"""For each of torch's activations, what makes its function from the layer and the number of the channel."""
