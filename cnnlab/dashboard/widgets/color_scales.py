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

KERNEL_SCOPES = {"layer": "Same for all kernels", "kernel": "Each kernel its own"}
MAP_SCOPES = {"map": "Each map its own", "layer": "Same in this layer", "network": "Same in all layers"}


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


def kernel_scale(kernels: Floats, scope: str, layer: str, beside: Floats | None = None) -> Scale:
    """Return a scale symmetric about zero for the kernels [out, in, h, w] of one layer, also across its input channels.

    `beside`: the kernels of another network that stand beside these and get the same scale.
    """
    others = kernels if beside is None else beside
    on_both = "" if beside is None else " on both sides"
    if scope == "kernel":
        sizes = [symmetric_limit(kernel) for kernel in kernels]
        for index, kernel in enumerate(others[: len(sizes)]):
            sizes[index] = max(sizes[index], symmetric_limit(kernel))
        limits = np.array([(-size, size) for size in sizes], dtype=np.float32)
        ends = f"{short(min(sizes))} to {short(max(sizes))}"
        words = f"Each kernel has a colour scale of its own, up to its largest weight{on_both} ({ends})"
        return Scale(limits, "diverging", f"{words}. The same colour in two tiles is not the same weight.")
    size = max(symmetric_limit(kernels), symmetric_limit(others))
    words = (
        f"All kernels of {layer} share one colour scale{on_both}, from {MINUS}{short(size)} to {short(size)}, its largest "
        "weight"
    )
    return Scale((-size, size), "diverging", f"{words}. The same colour is the same weight in every tile.")


def map_scale(layer: LayerMaps, everything: FeatureMaps, scope: str, beside: FeatureMaps | None = None) -> Scale:
    """Return the scale of feature maps: symmetric about zero where there are negative values; else from zero to the
    largest. The scale of the network has one palette for all its layers, or their colours could not be compared.

    `beside`: what another network that stands beside this one makes of the picture; both get the same scale.
    """
    theirs = list(beside.layers) if beside else []
    if scope != "network":
        theirs = [one for one in theirs if one.name == layer.name]
    shown = [one.maps for one in ([*everything.layers, *theirs] if scope == "network" else [layer, *theirs])]
    signed = any(bool((maps < 0).any()) for maps in shown)
    on_both = " on both sides" if beside else ""
    palette: Palette = "diverging" if signed else "viridis"

    def limits_of(values: Sequence[Floats]) -> tuple[float, float]:
        size = max(symmetric_limit(v) if v.any() else 0.0 for v in values) or 1.0
        return (-size if signed else 0.0), size

    if scope == "map":
        pairs = [[maps[number] for maps in shown if number < len(maps)] for number in range(len(layer.maps))]
        limits = np.array([limits_of(pair) for pair in pairs], dtype=np.float32)
        biggest = float(limits[:, 1].max())
        words = (
            f"Each map has a colour scale of its own{', the same' if beside else ''}{on_both}; the strongest goes up to "
            f"{short(biggest)}. The same colour in two maps is not the same number."
        )
        return Scale(limits, palette, words)
    low, high = limits_of(shown)
    if scope == "network":
        words = f"All layers share one colour scale{on_both}"
        end = "the largest value in any layer. The same colour is the same number in every layer."
    else:
        words = f"All maps of {layer.label} share one colour scale{on_both}"
        end = "its largest value. The same colour is the same number in every map."
    return Scale((low, high), palette, f"{words}, from {short(low)} to {short(high)}: {end}")
