"""This module draws an uploader that says on the page why it takes no file, and makes pictures small before they travel.

Streamlit's own marks a file that is refused with an icon, whose reason a telephone cannot show. A script of ours looks
at the file first, and asks the server whether there is room: a picture that the browser can read is drawn smaller there,
and its place and camera stay at home.
"""

from collections.abc import Callable

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from cnnlab.dashboard.guard.uploads import FULL
from cnnlab.dashboard.widgets.component import component
from cnnlab.dashboard.widgets.markdown import escape

_guard = component("uploader", css=".uploader { display: none; }")


def uploader(
    label: str,
    *,
    key: str,
    most_mb: int,
    way_out: str,
    shrink_px: int | None = None,
    on_change: Callable[[], None] | None = None,
) -> UploadedFile | None:
    """Draw an uploader for one file of any kind, and return the file; None before there is one.

    `way_out`: what to do with a larger file, in a sentence.
    `shrink_px`: shortest side to which the browser scales a larger picture, if it can read it; its type then is
    "image/png;width=…;height=…", with the size that it had.
    """
    file = st.file_uploader(label, key=key, on_change=on_change, max_upload_size=most_mb)
    answer = _guard(
        key=f"{key}_guard",
        data={"key": key, "mostBytes": most_mb * 1_000_000, "shrinkPx": shrink_px},
        on_refused_change=_nothing,
    )
    if answer.refused == "full":
        st.error(escape(FULL))
    elif answer.refused is not None:
        size_mb = float(answer.refused) / 1e6
        st.error(escape(f"This file has {size_mb:.1f} MB, and at most {most_mb} can be sent. {way_out}"))
    return file


def _nothing() -> None:
    """Do nothing: the page is drawn anew, and says it."""
