"""This module draws an attribution: what the network says, the map, the picture under it, and what the map cannot say."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cnnlab.dashboard.inspect.picture import draw_received
from cnnlab.dashboard.inspect.view import Screen
from cnnlab.dashboard.state import side
from cnnlab.dashboard.why import sanity
from cnnlab.dashboard.why.overlay import DARKEST, over_picture
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.formatting import MINUS, percent
from cnnlab.inspection.attribution.answer import Attribution
from cnnlab.inspection.kernels import symmetric_limit

SIDE_PX, NARROW_PX = 280, 208
"""Width of a map on the page, and where the view stands twice."""


def side_px() -> int:
    """Return the width of one of the maps."""
    return NARROW_PX if side.twice() else SIDE_PX


@dataclass(frozen=True)
class Way:
    """A `Way` says how one way of asking "why this class?" is shown, and what it can and cannot say."""

    name: str
    """Name of its view, and of its canvases."""
    title: str
    signed: bool
    """True where the map has numbers on both sides of zero: for the class, and against it."""
    reading: str
    """How to read the colours, where {name} stands for the class."""
    can: str
    cannot: str


def draw(screen: Screen, seen: Attribution, way: Way, more: Callable[[], None] = lambda: None) -> None:
    """Draw the attribution `seen`; `more` draws what only this way has to say of it."""
    info = screen.subject.info
    name = escape(info.classes[seen.class_index])
    place = f", seen from {screen.layer.label}" if screen.row else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(f"What in this picture speaks for {name}{place}?", anchor=False, width="content")
        st.markdown(_verdict(screen, seen), width="content")
    if not seen.map.any():
        where = f"at {screen.layer.label} no place" if screen.row else "no place"
        st.info(
            f"The map is zero everywhere: {where} of this picture speaks for {name}. "
            f"Choose the class that the network says{', or another layer' if screen.row else ''}.",
            icon=":material/visibility_off:",
        )
    with st.container(horizontal=True, gap="medium"):
        draw_received(screen.subject.config, info, seen.network_input)
        with st.container(width=side_px()):
            st.markdown("**The map**")
            draw_map(screen, seen, way, way.name, screen.other)
        _draw_overlay(screen, seen, way)
    st.caption(way.reading.format(name=name))
    more()
    st.markdown(f":material/check: **It can say** {way.can}  \n:material/block: **It cannot say** {way.cannot}")
    sanity.draw(screen, seen, lambda fresh: draw_map(screen, fresh, way, f"{way.name}_random"))


def limit_of(seen: Attribution, beside: Attribution | None = None) -> float:
    """Return the end of the colour scale: the largest size in the map, or in both maps; 1 where all is zero."""
    return largest_in(seen, beside) or 1.0


def largest_in(seen: Attribution, beside: Attribution | None = None) -> float:
    """Return the largest size in the map, finite also where the network overflows; 0 where all is zero.

    With another network's map `beside`, the largest of both.
    """
    sizes = [symmetric_limit(one.map) for one in (seen, beside) if one is not None and one.map.any()]
    return max(sizes, default=0.0)


def _verdict(screen: Screen, seen: Attribution) -> str:
    """Return what the network says of the picture, and how likely it finds the class that is explained."""
    info = screen.subject.info
    probabilities = seen.probabilities
    said = int(probabilities.argmax())
    when = screen.selection.when
    begin = "It" if screen.selection.run.imported else f"{when[0].upper()}{when[1:]} it"
    sure = f"says **{escape(info.classes[said])}** ({percent(float(probabilities[said]))})"
    if said == seen.class_index:
        return f"{begin} {sure}."
    name = escape(info.classes[seen.class_index])
    return f"{begin} {sure}, and gives **{name}** {percent(float(probabilities[seen.class_index]))}."


def draw_map(screen: Screen, seen: Attribution, way: Way, key: str, beside: Attribution | None = None) -> None:
    """Draw the map itself, with the very numbers of the tensor, and the scale of its colours."""
    height, width = seen.map.shape
    limit = limit_of(seen, beside)
    low = -limit if way.signed else 0.0
    tiles(
        key=key,
        values=seen.map[np.newaxis],
        limits=(low, limit),
        palette="diverging" if way.signed else "viridis",
        labels=[way.title],
        columns=1,
        tile_px=side_px() - 40,
        colour_bar="value",
        hint="Point at a place to read its number.",
        description=f"{way.title} for {screen.subject.info.classes[seen.class_index]}: a map of {height} by {width} places.",
    )
    of_what = f"places of {screen.layer.label}" if screen.row else "pixels"
    end = largest_in(seen, beside)
    ends = f"{short(-end) if way.signed and end else 0} to {short(end)}"
    st.caption(f"{height}×{width} {of_what}. Colours from {ends}{', on both sides' if beside else ''}.")


def _draw_overlay(screen: Screen, seen: Attribution, way: Way) -> None:
    """Draw the picture under the map, and say what the brightness or the colours are."""
    picture, limit = screen.chosen_picture.sized, limit_of(seen, screen.other)
    shown = over_picture(picture, seen.map, limit, way.signed)
    with st.container(width=side_px()):
        st.markdown("**The map over the picture**" if way.signed else "**The picture, lit by the map**")
        tiles(
            key=f"{way.name}_overlay",
            values=np.ascontiguousarray(shown[np.newaxis]),
            limits=(0.0, 255.0),
            palette="viridis",
            labels=["overlay"],
            columns=1,
            tile_px=side_px() - 40,
            hint="",
            description="The picture in grey, orange where the map is above zero and blue where it is below."
            if way.signed
            else "The picture, bright where the map is high and dark where it is zero.",
        )
        size_px = len(picture)
        same = seen.map.shape == picture.shape[:2]
        laid = "The map" if same else f"The map stretched over the picture (bilinear, {size_px}×{size_px})"
        if way.signed:
            st.caption(f"{laid}: no colour at 0, strongest colour at {short(limit)} and {MINUS}{short(limit)}.")
        else:
            beyond = "" if same else " A place sees more than the pixels under it."
            whose = "its largest value" if screen.other is None else "the largest value of both sides"
            full = f"full brightness at {short(largest_in(seen, screen.other))}, {whose}"
            st.caption(f"{laid}: {full}, {percent(DARKEST)} of it at zero.{beyond}")
