"""This module draws the plane of a map: a point a picture, with a mark a class, on one canvas with a legend of buttons."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import streamlit as st

from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.component import component
from cnnlab.figures.style import RUN_COLOURS
from cnnlab.formatting import NARROW, count, tenths
from cnnlab.inspection.picture_map.pictures import PictureMap

COLOURS = (*RUN_COLOURS, "#8A63D2", "#B0306A")
"""Two more than runs have, so that each of ten classes has its own."""
SHAPES = 13
"""Number of shapes in static/picture_map/marks.js: with ten colours, 130 classes have marks of their own."""

_KEY = "picture_map"
_plane = component(
    "picture_map",
    "picture_map/picture_map.css",
    css=""".picture_map {
      min-height: 300px; }
    """,
)


def draw(
    found: PictureMap,
    points: npt.NDArray[np.float32],
    numbers: npt.NDArray[np.int64],
    *,
    classes: Sequence[str],
    picture: str,
    axes: Sequence[str],
    hidden: Sequence[int],
    wrong_only: bool,
    chosen: int | None,
    placed: npt.NDArray[np.float32] | None,
    description: str,
    on_pick: Callable[[int], None],
    on_hide: Callable[[Sequence[int]], None],
) -> None:
    """Draw `found` with its pictures at `points` [N, 2]; the browser gets these float32 and reads them out.

    `numbers` [N]: number of each picture in the dataset's file, which `picture` ("test picture") stands before. `axes`:
    names of the two numbers of a point, none where they mean nothing. `hidden`: classes that are not drawn. `chosen`: point of
    the chosen picture. `placed` [2]: where a picture stands that is none of the map's.
    """

    key = side.key(_KEY)

    def picked() -> None:
        if (point := st.session_state[key].picked) is not None and point < len(found):
            on_pick(point)

    def hid() -> None:
        if (which := st.session_state[key].hidden) is not None:
            on_hide([one for one in which if one < len(classes)])

    columns = {
        "x": points[:, 0],
        "y": points[:, 1],
        "label": found.labels,
        "said": found.said.predicted.astype(np.int16),
        "sure": np.array([tenths(float(share)) for share in found.said.probability], dtype=np.float32),
        "number": numbers.astype(np.int32),
    }
    of_class = np.bincount(found.labels, minlength=len(classes))
    with st.container(
        key=side.key("room_picture_map")
    ):  # frame.css holds it open while the code of the plane is on its way
        _plane(
            key=key,
            data={
                "points": pa.table({name: np.ascontiguousarray(values) for name, values in columns.items()}),
                "classes": [mark_of(index) | {"name": name} for index, name in enumerate(classes)],
                "counts": [count(int(number)) for number in of_class],
                "picture": picture,
                "axes": list(axes),
                "hidden": list(hidden),
                "wrongOnly": wrong_only,
                "chosen": chosen,
                "placed": None if placed is None else {"x": float(placed[0]), "y": float(placed[1])},
                "percent": f"{NARROW}%",
                "hint": "Point at a picture to read it; click to see it. A name above hides its class, or shows it again.",
                "description": description,
            },
            on_picked_change=picked,
            on_hidden_change=hid,
        )


def mark_of(index: int) -> dict[str, Any]:
    """Return colour and shape of the class with that index."""
    return {"colour": COLOURS[index % len(COLOURS)], "shape": index % SHAPES}
