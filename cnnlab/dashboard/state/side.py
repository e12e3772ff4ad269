"""This module tells the code that draws a view whether the view stands twice on the page, and which of the two it draws.

Streamlit tells widgets apart by their keys, so a view that is drawn twice needs two keys for each of its widgets.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

Side = Literal["left", "right"]
SUFFIX = "_beside"
"""End of the keys of the widgets on the right side."""

T = TypeVar("T")

_DRAWN: ContextVar[tuple[Side, dict[str, Any]] | None] = ContextVar("side", default=None)


@contextmanager
def drawing(side: Side, answers: dict[str, Any]) -> Iterator[None]:
    """Draw one side of a page within the block. `answers`: what the choosers of both sides said, shared by the two."""
    token = _DRAWN.set((side, answers))
    try:
        yield
    finally:
        _DRAWN.reset(token)


def twice() -> bool:
    """Return whether the view stands twice on the page, so that it has half of its width."""
    return _DRAWN.get() is not None


def key(name: str) -> str:
    """Return the key of a widget or component of the view: `name`, and another one on the right side."""
    now = _DRAWN.get()
    return f"{name}{SUFFIX}" if now and now[0] == "right" else name


def once(name: str, choose: Callable[[], T]) -> T:
    """Return what a chooser within a view says; it is drawn on the left side alone, and counts for both."""
    now = _DRAWN.get()
    if now is None:
        return choose()
    _, answers = now
    if name not in answers:
        answers[name] = choose()
    said: T = answers[name]
    return said


def columns(spec: Sequence[int] | int, gap: Literal["small", "medium", "large"] = "large") -> list[DeltaGenerator]:
    """Return columns as `st.columns` does; where the view stands twice, containers one below the other."""
    if not twice():
        return st.columns(spec, gap=gap)
    return [st.container() for _ in range(spec if isinstance(spec, int) else len(spec))]


def alt(words: str) -> str:
    """Return what a table is called for those who do not see it: no table has the name of the one on the other side."""
    now = _DRAWN.get()
    return f"{words} · the network beside" if now and now[0] == "right" else words
