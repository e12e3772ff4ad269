"""This module is the Formula view: one map, large, and beside it how the value under the pointer comes about."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import streamlit as st
from PIL import Image

from cnnlab.analysis.layers import LayerRow
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect.picture import Picture
from cnnlab.dashboard.inspect.selection import complain
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.component import component
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.inspection.formula import trace
from cnnlab.inspection.formula.parcel import Block, Parcel, parcel_of
from cnnlab.inspection.kernels import symmetric_limit
from cnnlab.inspection.layer_choice import LayerChoice, spatial

Place = tuple[int, int]
"""Row and column of a value in a map, counted from 0."""

_KEY, _SENT = "formula", "formula_sent"

_formula = component(
    "formula",
    "tiles/tiles.css",
    "formula/formula.css",
    css=""":host { container-type: inline-size; }
    .formula { min-height: 620px; }""",
)


def compute(subject: Subject) -> Parcel:
    """Pack the formula of one map for one picture: everything from which the browser works out each of its values."""
    if subject.picture is None or subject.layer is None or subject.channel is None:
        raise TypeError("A formula is that of one map of one layer for one picture.")
    with subject.network() as network:
        seen = trace(network, subject.picture, *subject.normalisation)
    return parcel_of(seen, subject.layer, subject.channel)


def draw(screen: Screen, parcel: Parcel) -> None:
    """Draw the map and the arithmetic of the value that the address names."""
    layer, channel = screen.layer, screen.channel
    one = "map" if len(layer.output_shape) > 1 else "number"
    place, names = side.once("formula_place", lambda: chosen_place(screen, parcel)), class_names(screen)
    if any(at >= length for at, length in zip(place, parcel.stages[0].output.shape, strict=True)):
        place = parcel.strongest  # the network beside has a smaller map
    name = f" ({escape(names[channel])})" if names else ""
    st.header(f"{layer.label}, {one} {channel}{name}: how each value comes about", anchor=False)
    mount(
        parcel,
        key=sha256(f"{screen.subject.key} {screen.chosen_picture.key}".encode()).hexdigest()[:16],
        channel=channel,
        place=place,
        picture=screen.chosen_picture,
        names=names,
        description=f"{one} {channel} of {layer.label} for {screen.chosen_picture.words}.",
    )
    st.caption(
        "Point at the map, or move over it with the arrow keys: beside it stands the arithmetic of that value. A click or "
        "Enter keeps the place in the address."
        if one == "map"
        else "The arithmetic of one number of this layer. Point at another to read it; a click works it out."
    )
    draw_links(layer, channel)


def chosen_place(screen: Screen, parcel: Parcel) -> Place:
    """Return the place that the address names, and keep it there; without one the place of the map's largest value."""
    height, width = parcel.stages[0].output.shape
    row, column = url.number("row"), url.number("column")
    if row is not None and column is not None and row < height and column < width:
        screen.address.update(row=row, column=column)
        return row, column
    if any(url.asked(name) is not None and url.from_outside(name) for name in ("row", "column")):
        complain(
            f"This map has the rows 0 to {height - 1} and the columns 0 to {width - 1}. Here is its largest value."
        )
    screen.address.update(row=None, column=None)
    return parcel.strongest


def class_names(screen: Screen) -> list[str] | None:
    """Return the names of the classes where the layer is the network's last one; else None."""
    return list(screen.subject.info.classes) if screen.layer is screen.selection.layers[-1] else None


def mount(
    parcel: Parcel,
    *,
    key: str,
    channel: int,
    place: Place,
    picture: Picture,
    names: list[str] | None,
    description: str,
) -> None:
    """Draw the map and its arithmetic. `key` names the parcel: the same key, the same numbers."""
    mounted, sent = side.key(_KEY), side.key(_SENT)
    with st.container(key=side.key("room_formula")):  # frame.css holds it open while the code is on its way
        _formula(
            key=mounted,
            data=message(parcel, key, channel, _start(sent, key, place), picture, names, description),
            on_picked_change=partial(_picked, mounted, sent),
        )


def message(
    parcel: Parcel,
    key: str,
    channel: int,
    start: tuple[Place, int],
    picture: Picture,
    names: list[str] | None,
    description: str,
) -> dict[str, Any]:
    """Return what travels to the browser, once a map: at most 300 kB."""
    shown = parcel.units if parcel.units.shape else parcel.stages[0].output
    limits, palette = colours(_array(parcel, shown))
    described = _finite(asdict(parcel))
    del described["numbers"]
    return {
        "key": key,
        "channel": channel,
        "start": list(start[0]),
        "times": start[1],
        "numbers": pa.table({"numbers": parcel.numbers}),
        "parcel": described,
        "limits": limits,
        "palette": palette,
        "caption": "value; colours for this layer alone" if parcel.units.shape else "value; colours for this map alone",
        "names": names,
        "picture": _as_png(picture.sized),
        "pictureSize": picture.sized.shape[:2],
        "pictureWords": picture.words,
        "description": description,
    }


def colours(values: npt.NDArray[np.float32]) -> tuple[tuple[float, float], str]:
    """Return the ends of the colours, and the palette: about zero where there are values below it, else from zero."""
    size = symmetric_limit(values)
    return ((-size, size), "diverging") if (values < 0).any() else ((0.0, size), "viridis")


def draw_links(layer: LayerRow, channel: int) -> None:
    """Draw the ways to the other views of this very map."""
    here = {name: value for name, value in url.view().items() if name != "view"} | {"layer": layer.label}
    with st.container(horizontal=True):
        if spatial(layer):
            url.link(
                navigation.feature_maps(),
                "All maps of this layer",
                icon=":material/layers:",
                **here | {"channel": str(channel)},
            )
        if layer.has_kernels:
            url.link(
                navigation.kernels(), "All its kernels", icon=":material/grid_view:", **here | {"channel": str(channel)}
            )


def _start(kept: str, key: str, place: Place) -> tuple[Place, int]:
    """Return the place that the browser is told, and the number of times that it was told one.

    A place that was picked in the browser is known there: it is told the same as before, and so Streamlit sends no number
    again.
    """
    sent = st.session_state.get(kept)
    if not sent or sent["key"] != key or sent["picked"] != place:
        times = sent["times"] + 1 if sent else 1
        sent = st.session_state[kept] = {"key": key, "start": place, "picked": place, "times": times}
    return sent["start"], sent["times"]


def _picked(key: str, kept: str) -> None:
    """Put what was picked into the address. What a browser sends may be anything: the page checks its range."""
    picked = st.session_state[key].picked
    chosen = {name: picked.get(name) for name in ("row", "column", "channel")} if isinstance(picked, dict) else {}
    whole = {name: value for name, value in chosen.items() if isinstance(value, int) and value >= 0}
    if {"row", "column"} <= set(whole):
        if sent := st.session_state.get(kept):
            sent["picked"] = (whole["row"], whole["column"])
        url.keep(row=whole["row"], column=whole["column"])
    elif "channel" in whole:
        url.keep(channel=whole["channel"])


def _finite(described: Any) -> Any:
    """Return the same with None in place of every number that JSON cannot carry: a diverged network has some."""
    if isinstance(described, dict):
        return {name: _finite(value) for name, value in described.items()}
    if isinstance(described, tuple):
        return tuple(_finite(value) for value in described)
    return None if isinstance(described, float) and not math.isfinite(described) else described


def _array(parcel: Parcel, block: Block) -> npt.NDArray[np.float32]:
    return parcel.numbers[block.begin : block.begin + int(np.prod(block.shape))]


def _as_png(picture: npt.NDArray[np.uint8]) -> str:
    """Return the picture [height, width, channels] as the address of a PNG that holds it whole."""
    file = io.BytesIO()
    Image.fromarray(picture.squeeze(axis=2) if picture.shape[2] == 1 else picture).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def any_layer(row: LayerRow) -> bool:
    """Return True: a layer of an unknown kind has its tensor, and the sentence that it has no formula here."""
    del row
    return True


def names_of(rows: Sequence[LayerRow]) -> list[str]:
    """Return the text of each layer's button, or of its line in the list."""
    return [f"{'▸ ' if number else ''}{row.label}" for number, row in enumerate(rows)]


FORMULA = register(
    View(
        name="formula",
        title="Formula",
        page="feature_maps",
        place=1,
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "picture", "layer", "channel"}),
        cost="instant",
        source="Each value is worked out twice. The network computes it in single precision (float32): that is what “the "
        "tensor says”. The browser computes it in double precision from what the layer received, by the layer's formula; a "
        "convolution for instance is\n\n"
        r"$$y_{c,i,j} = b_c + \sum_{k} \sum_{u,v} w_{c,k,u,v} \; x_{k,\; s i + d u - p,\; s j + d v - p}$$"
        "\n\nwith stride $s$, dilation $d$, padding $p$, and $x = 0$ beyond the map's edge. Batch normalisation in eval mode: "
        "Ioffe and Szegedy, *Batch Normalization* (2015), algorithm 2.",
        layers=LayerChoice(among=any_layer, words=names_of, most_buttons=14),
    )
)
