"""This module draws the network at a glance: from the picture over every layer's feature maps to the likeliest classes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import streamlit as st

from cnnlab.analysis.layers import LayerKind, LayerRow
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.color_scales import map_scale, short
from cnnlab.dashboard.widgets.component import component
from cnnlab.formatting import percent
from cnnlab.inspection.feature_maps import FeatureMaps, LayerMaps

MOST = 8
"""Maps shown of a layer; of a layer with more, the strongest."""
CLASSES = 3
LEVELS = 255
"""Steps of a colour scale: what is drawn here is seen and not read, and travels as a byte a value."""

_KEY = "glance"
_glance = component(
    "glance",
    "glance/glance.css",
    css=""".glance {
      min-height: 120px; }
    """,
)


def draw(
    picture: npt.NDArray[np.uint8],
    seen: FeatureMaps,
    rows: Sequence[LayerRow],
    classes: Sequence[str],
    chosen: tuple[str, int],
    on_pick: Callable[[str, int], None],
    beside: FeatureMaps | None = None,
) -> None:
    """Draw the canvas; a map that is clicked becomes the chosen one.

    `picture`: uint8 [size_px, size_px, channels]. `rows`: the network's layers. `chosen`: full name of the layer on the
    screen, and the map in it. `on_pick` gets the label of a layer and a map. `beside`: what a network that stands beside
    this one sees, so that both have the same scales.
    """
    by_name = {row.name: row for row in rows}
    blocks = [block(layer, seen, by_name[layer.name], chosen, beside) for layer in seen.layers]
    places = {layer.name: place for place, layer in enumerate(seen.layers)}
    for one, layer in zip(blocks, seen.layers, strict=True):
        one["inputs"] = [places.get(name, -1) for name in by_name[layer.name].inputs]

    key = side.key(_KEY)

    def picked() -> None:
        if (place := st.session_state[key].picked) is not None:
            on_pick(seen.layers[place[0]].label, place[1])

    likely = np.argsort(-seen.probabilities, kind="stable")[:CLASSES]
    with st.container(
        key=side.key("room_glance")
    ):  # frame.css holds it open while the code of the canvas is on its way
        _glance(
            key=key,
            data={
                "pixels": pa.table({"levels": np.concatenate([one.pop("levels") for one in blocks])}),
                "blocks": blocks,
                "picture": pa.table({"pixels": np.ascontiguousarray(picture).ravel()}),
                "size": picture.shape[0],
                "channels": picture.shape[2],
                "chosen": [places.get(chosen[0], -1), chosen[1]],
                "classes": [
                    {"name": classes[i], "share": float(seen.probabilities[i]), "said": said(seen, i)} for i in likely
                ],
                "description": describe(seen),
                "hint": hint(seen, beside),
            },
            on_picked_change=picked,
        )


def said(seen: FeatureMaps, index: int) -> str:
    """Return the probability of a class as people read it."""
    return percent(float(seen.probabilities[index]))


def strongest(layer: LayerMaps, chosen: int | None = None) -> list[int]:
    """Return which maps of a layer are shown, in their order: all, or those with the largest mean size of their values.

    The `chosen` map is among them.
    """
    if len(layer.maps) <= MOST:
        return list(range(len(layer.maps)))
    sizes = np.abs(layer.maps).mean(axis=(1, 2), dtype=np.float64)
    shown = [int(index) for index in np.argsort(-sizes, kind="stable")[:MOST]]
    if chosen is not None and chosen not in shown:
        shown[-1] = chosen
    return sorted(shown)


def block(
    layer: LayerMaps, seen: FeatureMaps, row: LayerRow, chosen: tuple[str, int], beside: FeatureMaps | None = None
) -> dict[str, Any]:
    """Return one layer as the browser draws it; `levels` are the bytes of its maps, on the layer's own colour scale."""
    shown = strongest(layer, chosen[1] if chosen[0] == layer.name else None)
    scale = map_scale(layer, seen, "layer", beside)
    low, high = scale.of_tile(0)
    levels = np.nan_to_num((layer.maps[shown] - low) / (high - low) * LEVELS).clip(0, LEVELS)
    count, height, width = layer.maps.shape
    return {
        "label": layer.label,
        "kind": layer.kind.words,
        "channels": count,
        "shown": shown,
        "height": height,
        "width": width,
        "palette": scale.palette,
        "scale": f"{short(low)} to {short(high)}",
        "all": row.has_kernels or row.kind is LayerKind.OTHER,  # else a map is made from the map of its own number
        "groups": row.groups or 1,
        "levels": np.rint(levels).astype(np.uint8).ravel(),
    }


def describe(seen: FeatureMaps) -> str:
    """Return the canvas in words, for those who do not see it."""
    layers = ", ".join(f"{layer.label} with {len(layer.maps)} maps" for layer in seen.layers)
    return f"From the picture to the classes: {layers}."


def hint(seen: FeatureMaps, beside: FeatureMaps | None = None) -> str:
    """Return how to read it: what the colours mean, and which maps are there."""
    many = any(len(layer.maps) > MOST for layer in seen.layers)
    which = f", and its {MOST} strongest maps at most" if many else ""
    return f"Each layer: a colour scale of its own{', the same on both sides' if beside else ''}{which}."
