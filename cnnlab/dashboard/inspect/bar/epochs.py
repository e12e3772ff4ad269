"""This module chooses the moment to look at: a slider over kept epochs and first steps, and Play, which walks through them."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic

import streamlit as st

from cnnlab.dashboard.inspect import moments
from cnnlab.dashboard.inspect.bar.batch_loss import BatchLoss
from cnnlab.dashboard.inspect.moments import Moment, Step
from cnnlab.dashboard.inspect.selection import PLAYING, Selection, complain, set_widget
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import count, percent
from cnnlab.records import EpochRecord
from cnnlab.runs import Run, Store, UnknownRunError
from cnnlab.runs.run import Checkpoint

_EPOCH, _DRAWN, _SEEN = "looking_epoch", "looking_drawn_s", "looking_seen"
_FRAME_S = 0.9
"""Seconds that the walk shows each moment, long enough to look at it."""
_FRAMES = 40
"""Largest number of steps of a walk: over more moments the steps are longer, so that the walk ends within a minute."""
_WATCH_S = 2.0
"""Seconds between two looks for new weights of a running training."""


def pick(run: Run, kept: Sequence[Checkpoint]) -> tuple[Checkpoint, bool]:
    """Return the checkpoint to show, and whether the page follows a running training, whose newest moment it shows.

    `kept`: the run's checkpoints to look at, in the order of training.
    """
    playing: Moment | None = st.session_state.get(PLAYING)
    outside = playing is None and (url.from_outside("epoch") or url.from_outside("step"))
    asked = moments.asked() if playing is None else playing
    if asked is None:
        if outside and moments.is_asked():
            complain("The epoch in this address is not a whole number. Here is the newest one.")
        return kept[-1], run.status.active
    nearest = moments.nearest(kept, asked)
    if moments.moment_of(nearest) != asked and outside:
        wanted, here = moments.name_of(asked), moments.name_of(moments.moment_of(nearest))
        complain(f"{wanted.capitalize()} is not kept for this run. Here is {here}, the nearest one.")
    return nearest, False


def draw_slider(selection: Selection) -> None:
    """Draw the slider over all moments whose weights are kept, or a sentence where there is only one state."""
    if selection.run.imported:
        st.caption("The file holds the network at one moment only.")
        return
    if len(selection.moments) == 1:
        st.caption(f"Only {selection.name} is here so far.")
        return
    set_widget(_EPOCH, selection.moment)
    # No format_func: Streamlit tells moments by their labels, and one whose label changes is taken for the first of all.
    st.select_slider(
        "Epoch",
        selection.moments,
        key=_EPOCH,
        on_change=_take_epoch,
        label_visibility="collapsed",
    )


def seen(selection: Selection) -> None:
    """Note that the page is drawn to its end, so that its slider stands in the browser at this moment."""
    st.session_state[_SEEN] = selection.moment


def _take_epoch() -> None:
    """Put the moment that the slider shows into the address (a callback).

    Where a click cuts short the drawing of a page that follows a training, Streamlit calls this though nobody moved the
    slider: the browser says the moment of the last whole drawing, and the script has already set a newer one.
    """
    chosen = st.session_state[_EPOCH]
    if chosen != st.session_state.get(_SEEN) and isinstance(chosen, Moment):
        go_to(chosen)


def draw_buttons(selection: Selection) -> None:
    """Draw the buttons Back, Play or Pause, Next and Best; and Live while the training goes on."""
    kept, place = selection.moments, selection.moments.index(selection.moment)
    if len(kept) == 1:
        return
    last = place == len(kept) - 1
    before, after = kept[max(place - 1, 0)], kept[min(place + 1, len(kept) - 1)]
    _goto("back", "Back", ":material/skip_previous:", f"Back to {moments.name_of(before)}", before, disabled=place == 0)
    if selection.playing:
        _goto("pause", "Pause", ":material/pause:", "Stop here", selection.moment)
    else:
        begin = kept[0] if last else selection.moment
        why = "Walk through the epochs and watch it learn"
        st.button("Play", key="looking_play", icon=":material/play_arrow:", help=why, on_click=_play, args=(begin,))
    _goto("on", "Next", ":material/skip_next:", f"On to {moments.name_of(after)}", after, disabled=last)
    best = selection.run.best_epoch
    if best in kept:
        _goto(
            "best", "Best", ":material/star:", f"Go to the best epoch: {best}", best, disabled=selection.moment == best
        )
    if selection.run.status.active and not selection.follows:
        _goto("live", "Live", ":material/sensors:", "Follow the training: always show the newest epoch", None)


def _goto(name: str, label: str, icon: str, why: str, moment: Moment | None, disabled: bool = False) -> None:
    st.button(label, key=f"looking_{name}", icon=icon, help=why, on_click=go_to, args=(moment,), disabled=disabled)


def numbers(selection: Selection, records: Sequence[EpochRecord], batches: Mapping[Step, BatchLoss]) -> str:
    """Return the accuracies of the network at the chosen epoch, each with its set of pictures, as Markdown.

    `records`: those of the run's epochs; `batches`: the loss around the steps of epoch 1, of which nothing else is known.
    """
    if selection.run.imported:
        return escape(selection.run.message or "")
    moment = selection.moment
    if isinstance(moment, Step):
        begin, _, rest = selection.when.capitalize().partition(" of ")
        words = [f"**{begin}** of {rest}", *([str(batches[moment])] if moment in batches else [])]
        return " · ".join([*words, *(["live"] if selection.follows else [])])
    which = f"**Epoch {moment}** of {count(selection.run.config.epochs)}"
    if selection.follows:
        which = f"**Epoch {moment}**, live"
    elif selection.untrained:
        which = "**Epoch 0**, untrained"
    words = [which]
    if record := next((record for record in records if record.epoch == moment), None):
        words.append(f"train sample {percent(record.train_sample.accuracy)}")
        if record.validation:
            words.append(f"validation {percent(record.validation.accuracy)}")
    return " · ".join(words)


def remarks(selection: Selection) -> str | None:
    """Return what else is to be known of the numbers and the moments; None of weights from a file."""
    if selection.run.imported:
        return None
    words = ["Shares of right answers in evaluation mode, measured after the epoch."]
    if isinstance(selection.moment, Step):
        words = [
            "Nothing was measured here. The loss is the mean over the training batches of those steps, each in training mode, "
            "as the step was taken."
        ]
    if selection.follows:
        words.append("The page follows the training.")
    if selection.untrained:
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
    """Start a timer that shows the walk's next moment or new weights of the training; none where neither goes on."""
    st.session_state[_DRAWN] = monotonic()
    if selection.playing:
        st.fragment(_step, run_every=_FRAME_S)(selection)
    elif selection.run.status.active:
        drawn: tuple[object, ...] = (selection.run.status, selection.saved, selection.early)
        read = partial(_standing, store, selection.run.id)
        poll(read, _nothing, drawn, every_s=lambda _: _WATCH_S, outside=lambda now: now, key="epochs")


def next_moment(kept: Sequence[Moment], now: Moment) -> Moment | None:
    """Return the moment that the walk shows after `now`; None at the end.

    A walk makes at most `_FRAMES` steps and always shows the last moment.
    """
    place = kept.index(now)
    return None if place == len(kept) - 1 else kept[min(place + _stride_over(len(kept)), len(kept) - 1)]


def stride(selection: Selection) -> int:
    """Return how many kept moments further the page is likely to look next: a walk may leave some out."""
    return _stride_over(len(selection.moments)) if selection.playing else 1


def _stride_over(kept: int) -> int:
    return math.ceil(kept / _FRAMES)


def _step(selection: Selection) -> None:
    if not selection.playing or monotonic() - st.session_state[_DRAWN] < _FRAME_S / 2:
        return  # the page has drawn this fragment just now, not the timer
    following = next_moment(selection.moments, selection.moment)
    if following is None:
        go_to(selection.moment)
    else:
        st.session_state[PLAYING] = following
    st.rerun()


def _standing(store: Store, id: str) -> tuple[object, ...]:
    """Return what the whole page depends on: the run's status and its checkpoints; () where the run is deleted."""
    try:
        return store.get(id).status, tuple(store.weights(id)), tuple(store.early(id))
    except UnknownRunError:
        return ()


def _nothing(standing: object) -> None:
    """Draw nothing, because the page around the polling fragment draws the moment."""


def _play(begin: Moment) -> None:
    st.session_state[PLAYING] = begin


def go_to(moment: Moment | None) -> None:
    """Show that moment from now on; None: the newest one, also while the training goes on. A callback."""
    st.session_state.pop(PLAYING, None)
    url.keep(**moments.address_of(moment))
