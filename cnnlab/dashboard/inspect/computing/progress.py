"""This module shows the progress of arrays that a page computes for a second or more, and a button that stops it."""

from contextvars import copy_context
from hashlib import sha256
from time import monotonic

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnlab.dashboard.state import side
from cnnlab.formatting import count

FROM_S = 0.4
"""Seconds of computing without a word: a bar that is there for less would only flicker."""
_STOPPED = "computing_stopped"
"""Name in the session's state of the set of computations that this visitor has stopped: two may stand side by side."""


class StoppedError(Exception):
    """`StoppedError` says that the visitor has stopped this computation; the page shows a button that begins it again."""


class Progress:
    """A `Progress` stands where it was made: nothing at first, then a bar and the button Stop until `over` is called.

    `name` tells this computation from all others.
    """

    def __init__(self, name: str, counts: str) -> None:
        """Make one for a computation that goes through things named `counts`. Raises StoppedError where it was stopped."""
        self._id = sha256(name.encode()).hexdigest()[:16]
        if self._id in st.session_state.get(_STOPPED, ()):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(
                    "Compute it", key=self._key("go"), icon=":material/play_arrow:", on_click=_go, args=(self._id,)
                )
                st.caption("Stopped before it was done. Nothing is kept of it.")
            raise StoppedError
        self._counts, self._begun = counts, monotonic()
        self._place = st.empty()
        self._bar: DeltaGenerator | None = None
        self._outside = (
            copy_context()
        )  # what is drawn inside a cached function is drawn again with every answer it keeps

    def wait(self) -> None:
        """Say that the networks are lent to others first."""
        self._outside.run(self._show, 0.0, "Waiting for the network: others look at it first.")

    def tell(self, done: int, total: int) -> None:
        """Say how far the computation is."""
        self._outside.run(self._show, done / total, f"{count(done)} of {count(total)} {self._counts}")

    def over(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._place.empty()

    def _show(self, share: float, words: str) -> None:
        if self._bar:
            self._bar.progress(share, words)
        elif monotonic() - self._begun >= FROM_S:
            with self._place.container(horizontal=True, vertical_alignment="center", gap="small"):
                self._bar = st.progress(share, words)
                st.button("Stop", key=self._key("stop"), icon=":material/close:", on_click=_stop, args=(self._id,))

    def _key(self, name: str) -> str:
        """Return the key of a button. A page may compute several things in one run, and each has buttons of its own."""
        return side.key(f"computing_{name}_{self._id}")


def _stop(id: str) -> None:
    st.session_state.setdefault(_STOPPED, set()).add(id)


def _go(id: str) -> None:
    st.session_state.setdefault(_STOPPED, set()).discard(id)
