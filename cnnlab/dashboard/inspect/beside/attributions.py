"""This module draws how two networks differ in what speaks for a class."""

import numpy as np
import streamlit as st

from cnnlab.dashboard.inspect.beside import difference
from cnnlab.dashboard.inspect.view import Screen
from cnnlab.dashboard.why.overlay import over_picture
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.formatting import MINUS
from cnnlab.inspection.attribution.answer import Attribution
from cnnlab.inspection.kernels import symmetric_limit

SIDE_PX = 240


def draw(left: Screen, right: Screen, seen: Attribution, other: Attribution) -> None:
    """Draw the difference of two maps, alone and over the picture, and of the probabilities of the classes."""
    difference.header(left, right)
    maps, bars = st.columns([3, 2], gap="large")
    with maps:
        _draw_maps(left, right, seen, other)
    with bars:
        difference.draw_probabilities(left, right, seen.probabilities, other.probabilities, "why_bars_difference")


def _draw_maps(left: Screen, right: Screen, seen: Attribution, other: Attribution) -> None:
    classes = left.subject.info.classes
    if seen.class_index != other.class_index:
        one, two = (escape(classes[each.class_index]) for each in (seen, other))
        st.info(
            f"One map explains {one}, the other {two}: they answer two questions, so they are not subtracted. Choose one "
            "class above.",
            icon=":material/difference:",
        )
        return
    if left.row and difference.shapes_differ(left, seen.map.shape, other.map.shape, "places"):
        return
    values = seen.map - other.map
    limit = symmetric_limit(values)
    name = classes[seen.class_index]
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=SIDE_PX):
            st.markdown("**The maps, subtracted**")
            tiles(
                key="why_difference",
                values=values[np.newaxis],
                limits=(-limit, limit),
                palette="diverging",
                labels=["difference"],
                columns=1,
                tile_px=SIDE_PX - 40,
                colour_bar="difference",
                hint="Point at a place to read its number.",
                description=f"The difference of the two maps for {name}.",
            )
        with st.container(width=SIDE_PX):
            st.markdown("**Over the picture**")
            over = over_picture(left.chosen_picture.sized, values, limit, signed=True)
            tiles(
                key="why_difference_overlay",
                values=np.ascontiguousarray(over[np.newaxis]),
                limits=(0.0, 255.0),
                palette="viridis",
                labels=["overlay"],
                columns=1,
                tile_px=SIDE_PX - 40,
                hint="",
                description="The picture in grey, orange where the left map is larger and blue where the other one is.",
            )
            if values.any():
                st.caption(f"No colour at 0, strongest colour at {short(limit)} and {MINUS}{short(limit)}.")
    st.caption(difference.scale_words(left, right, limit, bool(values.any())))
