"""What is on the screen of a page that looks inside, and how its widgets and the address keep each other company."""

from dataclasses import dataclass

import streamlit as st

from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.inspection.summary import LayerRow
from cnnlab.runs import Run
from cnnlab.runs.run import Checkpoint

PLAYING = "looking_playing"
"""Where the session keeps the epoch a walk has come to; absent while nothing plays."""


@dataclass(frozen=True)
class Selection:
    """What the bar has chosen: a run and one of its epochs."""

    run: Run
    saved: tuple[Checkpoint, ...]
    """The weights there are, by epoch."""
    weights: Checkpoint
    """Those of the epoch on the screen."""
    layers: list[LayerRow]
    """The run's network, in the order of execution."""
    follows: bool
    """True while the page shows whatever epoch of a running training is the newest."""

    @property
    def epoch(self) -> int:
        """The epoch on the screen; 0 is before the first step."""
        return self.weights.epoch

    @property
    def when(self) -> str:
        """Which state of the network is on the screen."""
        return "as the file has it" if self.run.imported else f"at epoch {self.epoch}"

    @property
    def epochs(self) -> list[int]:
        """The epochs that can be shown."""
        return [weights.epoch for weights in self.saved]

    @property
    def playing(self) -> bool:
        """True while the page walks through the epochs by itself."""
        return PLAYING in st.session_state

    def keep(self, **values: str | int | None) -> None:
        """Make the address a link to this view. Call once, when the page knows all it shows."""
        epoch = None if self.follows else self.epoch
        if self.playing:  # a walk is one view, not forty steps of the browser's Back button
            epoch = url.number("epoch")
        url.keep(run=self.run.id, epoch=epoch, **values)


def set_widget(key: str, value: object) -> None:
    """The widget to be drawn next shows `value`."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def take(name: str, key: str) -> None:
    """Callback: what a widget was moved to goes into the address, from where the page reads it."""
    if name in ("run", "epoch"):
        st.session_state.pop(PLAYING, None)
    url.keep(**{name: st.session_state[key]})


def complain(sentence: str) -> None:
    """The address asks for something there is not; the sentence says what is shown instead."""
    st.warning(escape(sentence), icon=":material/link_off:")
