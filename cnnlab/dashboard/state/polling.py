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
    first: T,
    *,
    every_s: Callable[[T], float | None],
    outside: Callable[[T], object] = lambda reading: None,
    key: str,
) -> None:
    """Draw what `read` returns, now and every `every_s` seconds; only once where that is None.

    `first` is the reading that the page was just drawn from, and `outside` what of a reading stands on the page around, as a
    name in its headline. Where that or the pace is another now, the page is run again before anything is drawn here.
    """
    pace, seen = every_s(first), outside(first)

    def look() -> None:
        now = read()
        if (every_s(now), outside(now)) != (pace, seen):
            st.rerun()
        draw(now)

    look.__qualname__ = f"poll.{key}"  # Streamlit tells fragments apart by the name of their function
    st.fragment(look, run_every=pace, key=key)()
