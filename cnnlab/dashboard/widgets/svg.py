"""This module shows an SVG of ours on the page, in the page's own font and colours; it scrolls sideways where there is
no room.
"""

import streamlit as st

from cnnlab.dashboard.widgets.component import component

_drawing = component(
    "drawing",
    css=""":host { color: var(--st-text-color); }
    .drawing { min-height: 210px; overflow-x: auto; }""",
)


def drawing(svg: str, *, key: str, description: str) -> None:
    """Show an SVG element. It must be ours: every text in it that somebody typed is escaped by whoever drew it."""
    with st.container(key=f"room_drawing_{key}"):
        _drawing(key=key, data={"svg": svg, "description": description})
