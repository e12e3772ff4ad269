"""This module lets a part of a page read a value again and again, and redraws the whole page when it changes.

A fragment runs by itself, so that nothing else of the page is computed at each look. Its clock is set where the page calls
it, and it cannot change what stands outside of it: for both the whole page has to run again, once.
"""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def poll(
    read: Callable[[], T],
    draw: Callable[[T], None],
    *,
    every_s: float | None,
    outside: Callable[[T], object],
    seen: object,
    key: str,
) -> None:
    """Draw what `read` returns, now and every `every_s` seconds; only once where that is None.

    `outside` gives of a reading what decides about the page around: the pace, a name in its headline. `seen` is that of what
    the page was just drawn from. Where the two differ the page is run again, before anything is drawn here.
    """

    def look() -> None:
        now = read()
        if outside(now) != seen:
            st.rerun()
        draw(now)

    look.__qualname__ = f"poll.{key}"  # Streamlit tells fragments apart by the name of their function
    st.fragment(look, run_every=every_s, key=key)()
