"""The time machine: one slider over all epochs a run has kept, steps, and a walk that plays them like a film."""

import math
from collections.abc import Sequence
from functools import partial
from time import monotonic

import streamlit as st

from cnnlab.dashboard.inspect.selection import PLAYING, View, complain, set_widget, take
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import count, percent
from cnnlab.runs import Run, Store, UnknownRunError
from cnnlab.runs.run import Checkpoint

_EPOCH, _DRAWN = "looking_epoch", "looking_drawn_s"
_FRAME_S = 0.9
"""A picture of the walk stays long enough to be looked at."""
_FRAMES = 40
"""A walk over more epochs than this takes longer steps: nobody watches a minute of it."""
_WATCH_S = 2.0


def pick(run: Run, saved: Sequence[Checkpoint]) -> tuple[Checkpoint, bool]:
    """The weights to show, and whether they are simply the newest of a run that goes on."""
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


def draw_slider(view: View) -> None:
    """All epochs that are kept."""
    if view.run.imported:
        st.caption("One state of the network: that of the file.")
        return
    if len(view.epochs) == 1:
        st.caption(f"Only epoch {view.epoch} is here so far.")
        return
    set_widget(_EPOCH, view.epoch)
    st.select_slider(
        "Epoch",
        view.epochs,
        key=_EPOCH,
        format_func=partial(_words, best=view.run.best_epoch),
        on_change=take,
        args=("epoch", _EPOCH),
        help="How often the network had seen every training picture. Epoch 0 is before its first step.",
    )


def draw_buttons(view: View) -> None:
    """Steps, play, the best epoch; and the newest one while training goes on."""
    epochs, place = view.epochs, view.epochs.index(view.epoch)
    if len(epochs) == 1:
        return
    last = place == len(epochs) - 1
    before, after = epochs[max(place - 1, 0)], epochs[min(place + 1, len(epochs) - 1)]
    _goto("back", "Back", ":material/skip_previous:", "One epoch back", before, disabled=place == 0)
    if view.playing:
        _goto("pause", "Pause", ":material/pause:", "Stop here", view.epoch)
    else:
        begin = epochs[0] if last else view.epoch
        why = "Walk through the epochs and watch it learn"
        st.button("Play", key="looking_play", icon=":material/play_arrow:", help=why, on_click=_play, args=(begin,))
    _goto("on", "Next", ":material/skip_next:", "One epoch on", after, disabled=last)
    best = view.run.best_epoch
    if best in epochs:
        _goto("best", "Best", ":material/star:", f"To the best epoch: {best}", best, disabled=view.epoch == best)
    if view.run.status.active and not view.follows:
        _goto("live", "Live", ":material/sensors:", "Follow the training: always the newest epoch", None)


def _goto(name: str, label: str, icon: str, why: str, epoch: int | None, disabled: bool = False) -> None:
    st.button(label, key=f"looking_{name}", icon=icon, help=why, on_click=_go_to, args=(epoch,), disabled=disabled)


def numbers(store: Store, view: View) -> str:
    """How good the network was at this epoch, and on which set; as Markdown."""
    if view.run.imported:
        return escape(view.run.message or "")
    record = next((record for record in store.epochs(view.run.id) if record.epoch == view.epoch), None)
    words = [f"**Epoch {view.epoch}** of {count(view.run.config.epochs)}"]
    if view.epoch == 0:
        words.append("untrained: its weights are still random")
    if record:
        words.append(f"train sample {percent(record.train_sample.accuracy)}")
        if record.validation:
            words.append(f"validation {percent(record.validation.accuracy)}")
    if view.run.best_epoch is not None:
        judged = "validation accuracy" if view.run.config.validation_size else "the last, without validation"
        words.append(f"best epoch {view.run.best_epoch} ({judged})")
    if len(view.saved) <= view.saved[-1].epoch:
        words.append(f"{len(view.saved)} of {view.saved[-1].epoch + 1} epochs are kept")
    if view.follows:
        words.append("following the training")
    return " · ".join(words)


def pulse(store: Store, view: View) -> None:
    """The next picture of the walk, or the next epoch of the training; nothing where nothing moves."""
    st.session_state[_DRAWN] = monotonic()
    if view.playing:
        st.fragment(_step, run_every=_FRAME_S)(view)
    elif view.run.status.active:
        drawn: tuple[object, ...] = (view.run.status, view.saved)
        read = partial(_standing, store, view.run.id)
        poll(read, _nothing, drawn, every_s=lambda _: _WATCH_S, outside=lambda now: now, key="epochs")


def next_epoch(epochs: Sequence[int], now: int) -> int | None:
    """The next stop of the walk; None at the end. Never many more stops than `_FRAMES`, and always the last epoch."""
    stride = math.ceil(len(epochs) / _FRAMES)
    place = epochs.index(now)
    return None if place == len(epochs) - 1 else epochs[min(place + stride, len(epochs) - 1)]


def _step(view: View) -> None:
    if not view.playing or monotonic() - st.session_state[_DRAWN] < _FRAME_S / 2:
        return  # drawn with the page just now, not by the clock
    following = next_epoch(view.epochs, view.epoch)
    if following is None:
        _go_to(view.epoch)
    else:
        st.session_state[PLAYING] = following
    st.rerun()


def _standing(store: Store, id: str) -> tuple[object, ...]:
    """What the whole page depends on; nothing where the run is gone."""
    try:
        return store.get(id).status, tuple(store.weights(id))
    except UnknownRunError:
        return ()


def _nothing(standing: object) -> None:
    """The page draws it."""


def _play(begin: int) -> None:
    st.session_state[PLAYING] = begin


def _go_to(epoch: int | None) -> None:
    st.session_state.pop(PLAYING, None)
    url.keep(epoch=epoch)


def _words(epoch: int, best: int | None) -> str:
    return f"{epoch} ★" if epoch == best else str(epoch)
