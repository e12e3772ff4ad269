"""This module says which layers a view can show, and how the strip of buttons names them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnnlab.analysis.layers import LayerRow, Part


def shapes(rows: Sequence[LayerRow]) -> list[str]:
    """Return the text of each layer's button, in the order of `rows`.

    A strip of more than eight layers leaves out the shapes.
    """
    words = [row.label for row in rows]
    if len(rows) <= 8:
        words = [f"{row.label} {'×'.join(map(str, row.output_shape))}" for row in rows]
    return [text if number == 0 else f"▸ {text}" for number, text in enumerate(words)]


def spatial(row: LayerRow) -> bool:
    """Return whether `row` is a layer of the base whose output is feature maps: (channels, height, width)."""
    return row.part is Part.BASE and len(row.output_shape) == 3


@dataclass(frozen=True)
class LayerChoice:
    """A `LayerChoice` says which layers a view can show, and how the strip of buttons names them."""

    label: str = "Layer"
    among: Callable[[LayerRow], bool] = spatial
    words: Callable[[Sequence[LayerRow]], list[str]] = shapes
    """Function that gives the text of each layer's button."""
    none: str = "No layer of this network's base makes feature maps."
    """Sentence of the page for a network that has no such layer."""
