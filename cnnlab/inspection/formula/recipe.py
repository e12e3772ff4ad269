"""This module holds a layer's formula for one of its maps with all its numbers, and computes any value of the map by it."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.layers import LayerKind
from cnnlab.inspection.formula.axis import Axis
from cnnlab.inspection.formula.functions import Function

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Rule(StrEnum):
    """A `Rule` says how a layer makes one number of many."""

    SUM = "sum"
    """Input times weight, summed over the window and the input channels, plus the bias."""
    LARGEST = "largest"
    """The largest value of the window."""
    NORM = "norm"
    """(x - mean) / √(variance + ε) · scale + shift."""
    FUNCTION = "function"
    """A function of the one value in the same place."""
    SOFTMAX = "softmax"
    """e to the power of the value, divided by the sum of the same over all values."""
    UNKNOWN = "unknown"
    """Nobody told cnnlab how the layer computes: there is its tensor, and no formula."""


@dataclass(frozen=True)
class Term:
    """A `Term` is what one input channel adds to a value: the sum of patch times kernel."""

    channel: int
    """Number of the input channel; of the input, in order, where a layer adds several maps."""
    patch: Doubles
    """[h, w]: the inputs under the kernel, zeros where there is padding."""
    kernel: Doubles
    """[h, w]: the weight of each."""
    share: float
    """Sum of patch times kernel."""
    inside: npt.NDArray[np.bool_]
    """[h, w]: False where the patch lies in the padding."""


@dataclass(frozen=True, eq=False)
class Terms:
    """A `Terms` is one value of a layer in its parts, and beside it what the network computed."""

    terms: tuple[Term, ...]
    """What each input channel adds, largest share first (by size, without sign)."""
    bias: float
    value: float
    """The value by the formula, in double precision: the shares and the bias added up, or a function of it. Not a number
    where the layer has no formula."""
    tensor: float
    """The value that the network itself computed, in single precision."""
    sentence: str
    """The formula in words; for a layer of an unknown kind, that it has none."""
    has_formula: bool = True
    """Whether cnnlab knows how the layer computes."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """A `Recipe` is the formula of one map of one layer for one picture, with all its numbers."""

    layer: str
    """Full name of the layer."""
    kind: LayerKind
    rule: Rule
    output: Floats
    """[H, W]: the map as the network computed it."""
    sentence: str
    """The formula in words."""
    inputs: Floats
    """[K, h, w]: the input channels that this map is made from, and no others."""
    channels: tuple[int, ...]
    """[K]: number of each of them among the channels of the layer's input."""
    sources: tuple[str, ...]
    """Full names of the layers that made the inputs: one, or one a channel where several maps are added; "" the picture."""
    rows: Axis
    columns: Axis
    kernel: npt.NDArray[np.floating] | None = None
    """[K, kh, kw]: the weights; None: all of them are 1."""
    bias: float = 0.0
    has_bias: bool = False
    numbers: tuple[tuple[str, float], ...] = ()
    """Name and value of further numbers of the formula: "mean", "variance", …"""
    function: Function | None = None
    """Function of the sum; None where the sum itself is the value."""

    def at(self, row: int, column: int) -> Terms:
        """Compute the value at that row and column of the map in double precision. Raises IndexError outside the map."""
        height, width = self.output.shape
        if not (0 <= row < height and 0 <= column < width):
            raise IndexError(f"The map has {height} rows and {width} columns, counted from 0: not {row}, {column}.")
        tensor = float(self.output[row, column])
        if self.rule is Rule.UNKNOWN:
            return Terms((), 0.0, math.nan, tensor, self.sentence, has_formula=False)
        patches, kernels, inside = self._window(row, column)
        if self.rule is Rule.LARGEST:
            kernels = np.zeros_like(patches)
            kernels.flat[patches.argmax()] = 1.0  # the winner alone counts
        shares = (patches * kernels).sum(axis=(1, 2))
        order = np.argsort(-np.abs(shares), kind="stable")
        terms = (Term(self.channels[k], patches[k], kernels[k], float(shares[k]), inside) for k in order)
        return Terms(
            tuple(terms), self.bias, self._value(patches, float(shares.sum()) + self.bias), tensor, self.sentence
        )

    def _value(self, patches: Doubles, total: float) -> float:
        if self.rule is Rule.SOFTMAX:
            return softmax(patches.ravel(), int(dict(self.numbers)["chosen"]))
        return self.function(total) if self.function else total

    def _window(self, row: int, column: int) -> tuple[Doubles, Doubles, npt.NDArray[np.bool_]]:
        """Return the patches [K, h, w] under the kernel, the weights [K, h, w], and what is no padding [h, w]."""
        down, across = self.rows.sources[row], self.columns.sources[column]
        ys, xs = (np.array([one.at for one in side], dtype=int) for side in (down, across))
        height, width = self.inputs.shape[1:]
        inside = ((ys >= 0) & (ys < height))[:, None] & ((xs >= 0) & (xs < width))
        taken = self.inputs[:, ys.clip(0, height - 1)[:, None], xs.clip(0, width - 1)].astype(np.float64)
        factors = np.outer([one.factor for one in down], [one.factor for one in across])
        weights = np.broadcast_to(factors, taken.shape).astype(np.float64)
        if self.kernel is not None:
            taps = np.array([one.tap for one in down], dtype=int), np.array([one.tap for one in across], dtype=int)
            weights = weights * self.kernel[:, taps[0][:, None], taps[1]]
        return np.where(inside, taken, 0.0), weights, inside


def softmax(logits: Doubles, chosen: int) -> float:
    """Return the softmax of one of the logits [N]: e to its power, divided by the sum of all such powers."""
    powers = np.exp(logits - logits.max())  # the same for all cancels out, and nothing overflows
    return float(powers[chosen] / powers.sum())
