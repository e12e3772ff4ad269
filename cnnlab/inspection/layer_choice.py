"""This module says which layers a view can show, and how the strip of buttons names them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnnlab.analysis.layers import LayerKind, LayerRow, Part

MOST_UNITS = 512
"""Fully connected layers of more units are not looked at unit by unit."""


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
    most_buttons: int = 99
    """Number of layers up to which each has a button; more are a list to choose from, one line high."""
    none: str = "No layer of this network's base makes feature maps."
    """Sentence of the page for a network that has no such layer."""


def with_channels(row: LayerRow) -> bool:
    """Return whether the layer has kernels, or is a fully connected one of few units: each unit counts as a channel."""
    return row.has_kernels or (row.kind is LayerKind.LINEAR and row.output_shape[-1] <= MOST_UNITS)


def channel_words(rows: Sequence[LayerRow]) -> list[str]:
    """Return the text of each button of a strip of layers that have channels."""
    return [f"{row.label} · {row.output_shape[0]} {'channels' if row.has_kernels else 'units'}" for row in rows]


WITH_CHANNELS = LayerChoice(
    "Layer",
    with_channels,
    channel_words,
    none="This network has no layer with channels that can be looked at one by one.",
)
KERNELS_ONLY = LayerChoice(
    "Convolution",
    lambda row: row.has_kernels,
    channel_words,
    none="This network has no convolutions, so it has no kernels to look at.",
)
