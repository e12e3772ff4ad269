"""This module turns numbers into colours: the limits of the colour scale, and the sentence that says what they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cnnlab.formatting import MINUS
from cnnlab.inspection.feature_maps import FeatureMaps, LayerMaps
from cnnlab.inspection.kernels import symmetric_limit

Floats = npt.NDArray[np.float32]
Palette = Literal["diverging", "viridis"]

KERNEL_SCOPES = {"layer": "For the layer", "kernel": "Each its own"}
MAP_SCOPES = {"map": "Each its own", "layer": "For the layer", "network": "For the network"}


@dataclass(frozen=True)
class Scale:
    """A `Scale` says how values become colours."""

    limits: tuple[float, float] | Floats
    """(low, high) for all tiles, or one pair a tile: [n, 2]."""
    palette: Palette
    sentence: str

    def of_tile(self, index: int) -> tuple[float, float]:
        """Return the colour limits of one tile."""
        low, high = self.limits if isinstance(self.limits, tuple) else self.limits[index]
        return float(low), float(high)


def short(value: float) -> str:
    """Write a number with three significant digits: enough for a caption; the exact value stands under the pointer."""
    return f"{value:.3g}".replace("-", MINUS)


def kernel_scale(kernels: Floats, scope: str, layer: str) -> Scale:
    """Return a scale symmetric about zero for the kernels [out, in, h, w] of one layer, also across its input channels."""
    if scope == "kernel":
        sizes = [symmetric_limit(kernel) for kernel in kernels]
        limits = np.array([(-size, size) for size in sizes], dtype=np.float32)
        words = f"Each kernel its own: from {MINUS} to + its largest weight, {short(min(sizes))} to {short(max(sizes))}"
        return Scale(limits, "diverging", f"{words}. Colours of two tiles cannot be compared.")
    size = symmetric_limit(kernels)
    words = f"One for the layer: {MINUS}{short(size)} to {short(size)}, the largest weight of {layer}"
    return Scale((-size, size), "diverging", f"{words}. Colours can be compared.")


def map_scale(layer: LayerMaps, everything: FeatureMaps, scope: str) -> Scale:
    """Return the scale of feature maps: symmetric about zero where there are negative values; else from zero to the
    largest. The scale of the network has one palette for all its layers, or their colours could not be compared.
    """
    shown = [one.maps for one in everything.layers] if scope == "network" else [layer.maps]
    signed = any(bool((maps < 0).any()) for maps in shown)
    palette: Palette = "diverging" if signed else "viridis"

    def limits_of(values: Sequence[Floats]) -> tuple[float, float]:
        size = max(symmetric_limit(v) if v.any() else 0.0 for v in values) or 1.0
        return (-size if signed else 0.0), size

    if scope == "map":
        limits = np.array([limits_of([one]) for one in layer.maps], dtype=np.float32)
        biggest = float(limits[:, 1].max())
        words = f"Each map its own, the strongest up to {short(biggest)}. Colours of two maps cannot be compared."
        return Scale(limits, palette, words)
    low, high = limits_of(shown)
    if scope == "network":
        words = "One for the network"
        end = "the largest value in any of its layers. Colours of two layers can be compared."
    else:
        words = "One for the layer"
        end = f"the largest value in {layer.label}. Colours of two maps can be compared."
    return Scale((low, high), palette, f"{words}: {short(low)} to {short(high)}, {end}")
