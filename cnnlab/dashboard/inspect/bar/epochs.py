"""This module chooses the epoch to look at: a slider over all kept epochs, and Play, which walks through them."""

import math
from collections.abc import Sequence
from functools import partial
from time import monotonic

import streamlit as st

from cnnlab.dashboard.inspect.selection import PLAYING, Selection, complain, set_widget, take
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import count, percent
from cnnlab.records import EpochRecord
from cnnlab.runs import Run, Store, UnknownRunError
from cnnlab.runs.run import Checkpoint

_EPOCH, _DRAWN, _SEEN = "looking_epoch", "looking_drawn_s", "looking_seen"
_FRAME_S = 0.9
"""Seconds that the walk shows each epoch, long enough to look at it."""
_FRAMES = 40
"""Largest number of steps of a walk: over more epochs the steps are longer, so that the walk ends within a minute."""
_WATCH_S = 2.0
"""Seconds between two looks for a new epoch of a running training."""


def pick(run: Run, saved: Sequence[Checkpoint]) -> tuple[Checkpoint, bool]:
    """Return the checkpoint to show, and whether the page follows a running training, whose newest epoch it shows."""
    playing = st.session_state.get(PLAYING)
    outside = url.from_outside("epoch") and playing is None
    asked = url.number("epoch") if playing is None else playing
    if asked is None:
        if outside and url.asked("epoch"):
            complain("The epoch in this address is not a whole number. Here is the newest one.")
        return saved[-1], run.status.active
    nearest = min(saved, key=lambda weights: abs(weights.epoch - asked))
    if nearest.epoch != asked and outside:
        complain(f"Epoch {asked} is not kept for this run. Here is epoch {nearest.epoch}, the nearest one.")
    return nearest, False


def draw_slider(selection: Selection) -> None:
    """Draw the slider over all epochs whose weights are kept, or a sentence where there is only one state."""
    if selection.run.imported:
        st.caption("The file holds the network at one moment only.")
        return
    if len(selection.epochs) == 1:
        st.caption(f"Only epoch {selection.epoch} is here so far.")
        return
    set_widget(_EPOCH, selection.epoch)
    # No format_func: Streamlit tells epochs by their labels, and one whose label changes is taken for the first of all.
    st.select_slider(
        "Epoch",
        selection.epochs,
        key=_EPOCH,
        on_change=_take_epoch,
        label_visibility="collapsed",
    )


def seen(selection: Selection) -> None:
    """Note that the page is drawn to its end, so that its slider stands in the browser at this epoch."""
    st.session_state[_SEEN] = selection.epoch


def _take_epoch() -> None:
    """Put the epoch that the slider shows into the address (a callback).

    Where a click cuts short the drawing of a page that follows a training, Streamlit calls this though nobody moved the
    slider: the browser says the epoch of the last whole drawing, and the script has already set a newer one.
    """
    if st.session_state[_EPOCH] != st.session_state.get(_SEEN):
        take("epoch", _EPOCH)


def draw_buttons(selection: Selection) -> None:
    """Draw the buttons Back, Play or Pause, Next and Best; and Live while the training goes on."""
    epochs, place = selection.epochs, selection.epochs.index(selection.epoch)
    if len(epochs) == 1:
        return
    last = place == len(epochs) - 1
    before, after = epochs[max(place - 1, 0)], epochs[min(place + 1, len(epochs) - 1)]
    _goto("back", "Back", ":material/skip_previous:", "One epoch back", before, disabled=place == 0)
    if selection.playing:
        _goto("pause", "Pause", ":material/pause:", "Stop here", selection.epoch)
    else:
        begin = epochs[0] if last else selection.epoch
        why = "Walk through the epochs and watch it learn"
        st.button("Play", key="looking_play", icon=":material/play_arrow:", help=why, on_click=_play, args=(begin,))
    _goto("on", "Next", ":material/skip_next:", "One epoch forward", after, disabled=last)
    best = selection.run.best_epoch
    if best in epochs:
        _goto(
            "best", "Best", ":material/star:", f"Go to the best epoch: {best}", best, disabled=selection.epoch == best
        )
    if selection.run.status.active and not selection.follows:
        _goto("live", "Live", ":material/sensors:", "Follow the training: always show the newest epoch", None)


def _goto(name: str, label: str, icon: str, why: str, epoch: int | None, disabled: bool = False) -> None:
    st.button(label, key=f"looking_{name}", icon=icon, help=why, on_click=go_to, args=(epoch,), disabled=disabled)


def numbers(selection: Selection, records: Sequence[EpochRecord]) -> str:
    """Return the accuracies of the network at the chosen epoch, each with its set of pictures, as Markdown.

    `records`: those of the run's epochs.
    """
    if selection.run.imported:
        return escape(selection.run.message or "")
    record = next((record for record in records if record.epoch == selection.epoch), None)
    which = f"**Epoch {selection.epoch}** of {count(selection.run.config.epochs)}"
    if selection.follows:
        which = f"**Epoch {selection.epoch}**, live"
    elif selection.epoch == 0:
        which = "**Epoch 0**, untrained"
    words = [which]
    if record:
        words.append(f"train sample {percent(record.train_sample.accuracy)}")
        if record.validation:
            words.append(f"validation {percent(record.validation.accuracy)}")
    return " · ".join(words)


def remarks(selection: Selection) -> str | None:
    """Return what else is to be known of the numbers and the epochs; None of weights from a file."""
    if selection.run.imported:
        return None
    words = ["Shares of right answers in evaluation mode, measured after the epoch."]
    if selection.follows:
        words.append("The page follows the training.")
    if selection.epoch == 0:
        words.append("At epoch 0 all weights are still random.")
    if selection.run.best_epoch is not None:
        judged = (
            "by validation accuracy"
            if selection.run.config.validation_size
            else "the last one, as there is no validation"
        )
        words.append(f"Best epoch: {selection.run.best_epoch}, {judged}.")
    if len(selection.saved) <= selection.saved[-1].epoch:
        words.append(f"{len(selection.saved)} of {selection.saved[-1].epoch + 1} epochs are kept.")
    return " ".join(words)


def pulse(store: Store, selection: Selection) -> None:
    """Start a timer that shows the walk's next epoch or a new epoch of the training; none where neither goes on."""
    st.session_state[_DRAWN] = monotonic()
    if selection.playing:
        st.fragment(_step, run_every=_FRAME_S)(selection)
    elif selection.run.status.active:
        drawn: tuple[object, ...] = (selection.run.status, selection.saved)
        read = partial(_standing, store, selection.run.id)
        poll(read, _nothing, drawn, every_s=lambda _: _WATCH_S, outside=lambda now: now, key="epochs")


def next_epoch(epochs: Sequence[int], now: int) -> int | None:
    """Return the epoch that the walk shows after `now`; None at the end.

    A walk makes at most `_FRAMES` steps and always shows the last epoch.
    """
    place = epochs.index(now)
    return None if place == len(epochs) - 1 else epochs[min(place + _stride_over(len(epochs)), len(epochs) - 1)]


def stride(selection: Selection) -> int:
    """Return how many kept epochs further the page is likely to look next: a walk may leave some out."""
    return _stride_over(len(selection.epochs)) if selection.playing else 1


def _stride_over(epochs: int) -> int:
    return math.ceil(epochs / _FRAMES)


def _step(selection: Selection) -> None:
    if not selection.playing or monotonic() - st.session_state[_DRAWN] < _FRAME_S / 2:
        return  # the page has drawn this fragment just now, not the timer
    following = next_epoch(selection.epochs, selection.epoch)
    if following is None:
        go_to(selection.epoch)
    else:
        st.session_state[PLAYING] = following
    st.rerun()


def _standing(store: Store, id: str) -> tuple[object, ...]:
    """Return what the whole page depends on: the run's status and its checkpoints; () where the run is deleted."""
    try:
        return store.get(id).status, tuple(store.weights(id))
    except UnknownRunError:
        return ()


def _nothing(standing: object) -> None:
    """Draw nothing, because the page around the polling fragment draws the epoch."""


def _play(begin: int) -> None:
    st.session_state[PLAYING] = begin


def go_to(epoch: int | None) -> None:
    """Show that epoch from now on; None: the newest one, also while the training goes on. A callback."""
    st.session_state.pop(PLAYING, None)
    url.keep(epoch=epoch)
