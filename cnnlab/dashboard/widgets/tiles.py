"""This module draws many small pictures of numbers on one canvas: kernels, feature maps. Hover reads a value, a click
picks a tile.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import streamlit as st

from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.component import component

_tiles = component(
    "tiles",
    "tiles/tiles.css",
    css=""".tiles { min-height: 68px; }
    """,
)


def tiles(
    *,
    key: str,
    values: npt.NDArray[np.float32],
    limits: tuple[float, float] | npt.NDArray[np.floating],
    palette: Literal["diverging", "viridis"],
    labels: Sequence[str],
    columns: int | None = None,
    selected: int | None = None,
    tile_px: int | None = None,
    colour_bar: str = "",
    hint: str | None = None,
    description: str = "",
    pick: bool = True,
    cell: str = "",
    words: Mapping[float, str] = MappingProxyType({}),
    on_pick: Callable[[int], None] | None = None,
) -> int | None:
    """Draw `values` as tiles and return the tile that was clicked, in the one run that follows the click.

    `values`: [n, h, w], or [n, h, w, 3] drawn as red, green and blue. The browser gets these float32 and no others,
    so what it reads out is the array itself.
    `limits`: the numbers at the ends of the colour scale, (low, high) for all tiles or [n, 2], one pair a tile.
    `labels`: n short names, shown under the tiles where there is room and in the read-out always.
    `tile_px`: about how wide a tile is; values are always whole device pixels wide.
    `colour_bar`: what the numbers are, and their unit; without it there is no bar.
    `hint`: what stands above while nothing is pointed at; "" keeps no room for a read-out either, for pictures to pick.
    `description`: the picture in words, for those who cannot see it.
    `cell`: what one value of a tile is, where its place is a number and not a row and a column: "unit 17".
    `words`: what is read out in place of certain numbers.
    `pick`: False where a click means nothing; one tile alone cannot be picked.
    `on_pick`: called with the clicked tile before the page runs, where a page wants to act on it first.
    Raises ValueError where the shapes do not fit each other.
    """
    key = side.key(key)
    n, height, width, channels = _shape(values)
    pairs = np.broadcast_to(np.asarray(limits, dtype=float), (n, 2)) if np.ndim(limits) == 2 else np.asarray([limits])
    if len(labels) != n or not np.isfinite(pairs).all():
        raise ValueError(f"{n} tiles need {n} labels (not {len(labels)}) and finite limits.")

    def picked() -> None:
        if on_pick and (tile := st.session_state[key].picked) is not None:
            on_pick(tile)

    room = "captioned" if colour_bar else "plain"
    with st.container(key=f"room_{room}_{key}"):  # frame.css holds it open while the code of the tiles is on its way
        result = _tiles(
            key=key,
            data={
                "values": pa.table({"values": np.ascontiguousarray(values, dtype=np.float32).ravel()}),
                "height": height,
                "width": width,
                "channels": channels,
                "limits": pairs.tolist(),
                "palette": palette,
                "labels": list(labels),
                "columns": columns,
                "selected": selected,
                "tilePx": tile_px,
                "caption": colour_bar,
                "hint": hint,
                "description": description,
                "pick": pick and n > 1,
                "cell": cell,
                "words": [[value, word] for value, word in words.items()],
            },
            on_picked_change=picked,
        )
    tile: int | None = result.picked
    return tile


def _shape(values: npt.NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Return (n, height, width, channels) of the tiles. Raises ValueError for another shape."""
    if values.size and (values.ndim == 3 or (values.ndim == 4 and values.shape[3] == 3)):
        n, height, width = values.shape[:3]
        return n, height, width, 3 if values.ndim == 4 else 1
    raise ValueError(f"Tiles are [n, h, w] or [n, h, w, 3], not {list(values.shape)}.")
