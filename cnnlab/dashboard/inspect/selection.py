"""This module holds what a page that looks inside shows, and keeps its widgets and the address in step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from cnnlab.checkpoints import Named
from cnnlab.dashboard.inspect import moments
from cnnlab.dashboard.inspect.moments import Moment
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.inspection.summary import LayerRow
from cnnlab.runs import Run
from cnnlab.runs.run import Checkpoint
from cnnlab.schema import TrainingConfig

PLAYING = "looking_playing"
"""Key of the session's state that holds the moment a walk has come to; absent while no walk goes on."""


class KeptWeights(NamedTuple):
    """A `KeptWeights` names another checkpoint of the same run: its epoch, its file, and what the store knows of the file."""

    epoch: int
    path: Path
    file: Named


class Other(NamedTuple):
    """An `Other` names a network to compare with: the settings of its run, its file, and what the store knows of the file."""

    config: TrainingConfig
    path: Path
    file: Named


@dataclass(frozen=True)
class Selection:
    """A `Selection` is what the bar has chosen: a run and one of its epochs, or one of the first steps of epoch 1."""

    run: Run
    saved: tuple[Checkpoint, ...]
    """The run's kept checkpoints of epochs, in the order of their epochs."""
    weights: Checkpoint
    """Checkpoint of the moment on the screen."""
    layers: list[LayerRow]
    """Layers of the run's network, in the order of execution."""
    follows: bool
    """True while the page shows whatever moment of a running training is the newest."""
    early: tuple[Checkpoint, ...] = ()
    """The run's kept checkpoints of steps of epoch 1, in the order of the steps."""
    beside: "Selection | None" = None
    """Run and epoch that stand beside these on the page."""

    @property
    def epoch(self) -> int:
        """Return the number of epochs completed at the moment on the screen; 0 also after the first steps of epoch 1."""
        return self.weights.epoch

    @property
    def moment(self) -> Moment:
        """Return the moment on the screen."""
        return moments.moment_of(self.weights)

    @property
    def moments(self) -> list[Moment]:
        """Return all moments of the run that can be shown, in their order."""
        return [moments.moment_of(weights) for weights in in_order(self.saved, self.early)]

    @property
    def untrained(self) -> bool:
        """Return whether the network on the screen has not been trained yet."""
        return not (self.run.imported or self.weights.step)

    @property
    def name(self) -> str:
        """Return the name of the moment on the screen: "epoch 3", "step 8 of epoch 1"."""
        return moments.name_of(self.moment)

    @property
    def when(self) -> str:
        """Return in words which state of the network is on the screen: "at epoch 3", "after 8 steps of epoch 1"."""
        return "as the file has it" if self.run.imported else moments.when(self.moment)

    @property
    def epochs(self) -> list[int]:
        """Return the numbers of the run's epochs that can be shown, in ascending order."""
        return [weights.epoch for weights in self.saved]

    @property
    def playing(self) -> bool:
        """Return whether the page walks through the moments by itself."""
        return PLAYING in st.session_state

    def keep(self, **values: str | int | None) -> None:
        """Make the address a link to this view, with `values` in it. Call once, when the page knows all it shows."""
        moment = None if self.follows else self.moment
        if self.playing:  # a walk is one entry of the browser's history, not forty
            moment = moments.asked()
        beside = self.named(self.beside) if self.beside else None
        url.keep(run=self.run.id, **moments.address_of(moment), beside=beside, **values)

    def named(self, other: "Selection") -> str:
        """Return how the address names `other` beside this: its epoch, and before that its run where it is another."""
        return f"{other.epoch}" if other.run.id == self.run.id else f"{other.run.id}:{other.epoch}"


def in_order(saved: Sequence[Checkpoint], early: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Return the checkpoints of epochs and those of steps of epoch 1 in one row, in the order of training."""
    return sorted((*saved, *early), key=lambda weights: (weights.step, weights.epoch))


def set_widget(key: str, value: object) -> None:
    """Make the widget of that `key`, which is drawn next, show `value`."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def take(name: str, key: str) -> None:
    """Put the value of the widget `key` into the address as `name`, from where the page reads it.

    A callback of widgets.
    """
    if name == "run":
        st.session_state.pop(PLAYING, None)
    value = st.session_state[key]
    url.keep(**{name: None if value == "" else value})


def complain(sentence: str) -> None:
    """Say in a warning that the address asks for something that does not exist, and what the page shows instead."""
    st.warning(escape(sentence), icon=":material/link_off:")
