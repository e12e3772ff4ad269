"""This module chooses what stands beside the run and epoch on the page: another epoch of it, or another run's network.

The address names it: `beside=EPOCH` for the same run, `beside=RUN:EPOCH` for another one.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from cnnlab.dashboard.inspect.cache import layers_of
from cnnlab.dashboard.inspect.selection import Selection, complain, set_widget
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets import run_labels
from cnnlab.models import ConfigError
from cnnlab.registry import UnknownNameError
from cnnlab.runs import Run, Store, UnknownRunError
from cnnlab.runs.run import Checkpoint

_RUN, _EPOCH = "beside_run", "beside_epoch"
_NONE = ""
_GONE = "The run that should stand beside is not there. It may have been deleted."


def pick(store: Store, selection: Selection) -> Selection | None:
    """Return the run and epoch that the address puts beside `selection`; None where there is none, or it cannot be."""
    asked = url.asked("beside")
    if not asked:
        return None
    id, _, epoch = asked.rpartition(":")
    run = _run(store, selection.run, id)
    return _at(run, store, selection, url.whole(epoch), asked) if run else None


def draw(store: Store, runs: Sequence[Run], selection: Selection) -> None:
    """Draw the small control of the bar: a drawer with the run and the epoch to put beside."""
    other = selection.beside
    why = "Put another epoch, or another run, beside this network"
    with st.popover("Beside", icon=":material/splitscreen_right:", help=why, key="beside_drawer"):
        _draw_run(store, runs, selection)
        if other is None:
            st.caption("Every view then stands twice, with the same picture and layer, and the difference below.")
        elif len(other.saved) > 1:
            _draw_epoch(selection, other)


def default_epoch(run: Run, saved: Sequence[Checkpoint], apart_from: int | None = None) -> int:
    """Return the epoch to begin with: the best, else the last, else the first one that is kept, but not `apart_from`."""
    epochs = [weights.epoch for weights in saved]
    likely = [epoch for epoch in (run.best_epoch, epochs[-1], epochs[0]) if epoch in epochs and epoch is not None]
    return next((epoch for epoch in likely if epoch != apart_from), epochs[0])


def _taken(selection: Selection) -> int | None:
    """Return the epoch that stands on the page itself; None where a step of epoch 1 does."""
    return selection.moment if isinstance(selection.moment, int) else None


def _run(store: Store, run: Run, id: str) -> Run | None:
    """Return the run with that id, `run` itself for no id; None where the page has said why it cannot stand beside."""
    if id in ("", run.id):
        return run
    try:
        other = store.get(id)
    except UnknownRunError:
        complain(_GONE)
        return None
    if other.config.dataset != run.config.dataset:
        complain(
            f"{other.name} was trained on {other.config.dataset}, and {run.name} on {run.config.dataset}: they cannot look at "
            "the same picture, so they cannot stand side by side."
        )
        return None
    return other


def _at(run: Run, store: Store, selection: Selection, epoch: int | None, asked: str) -> Selection | None:
    """Return `run` at the kept epoch that is nearest to `epoch`; None where the page has said why it cannot be shown."""
    same = run.id == selection.run.id
    try:
        saved = selection.saved if same else tuple(store.weights(run.id))
    except UnknownRunError:  # deleted since `_run` has read it
        complain(_GONE)
        return None
    try:
        layers = layers_of(run)
        problem = run.fault
    except (UnknownNameError, ConfigError) as error:
        layers, problem = [], str(error)
    if problem or not saved:
        complain(f"{run.name} cannot stand beside. {problem or 'It has no weights to look into.'}")
        return None
    wanted = default_epoch(run, saved, _taken(selection) if same else None) if epoch is None else epoch
    nearest = min(saved, key=lambda weights: abs(weights.epoch - wanted))
    if url.from_outside("beside"):
        if epoch is None and asked[-1] != ":":
            complain(f"“{asked}” names no epoch to put beside. Here is epoch {nearest.epoch}.")
        elif nearest.epoch != wanted:
            complain(f"Epoch {wanted} of {run.name} is not kept. Beside stands epoch {nearest.epoch}, the nearest one.")
    return Selection(run, saved, nearest, layers, follows=False)


def _draw_run(store: Store, runs: Sequence[Run], selection: Selection) -> None:
    """Draw the list of what can stand beside: nothing, this run at another epoch, or another run of the same pictures."""
    mine, other = selection.run, selection.beside
    others = [run for run in runs if run.config.dataset == mine.config.dataset and run.id != mine.id and not run.fault]
    if other and other.run.id not in (mine.id, *(run.id for run in others)):
        others.append(other.run)
    options = {_NONE: "nothing"}
    if len(selection.saved) > 1 or (other and other.run.id == mine.id):
        options[mine.id] = "another epoch of this run"
    options |= run_labels.names(others)
    set_widget(_RUN, other.run.id if other else _NONE)
    st.selectbox(
        "Beside it",
        list(options),
        key=_RUN,
        format_func=options.__getitem__,
        on_change=_take_run,
        args=(store, selection, frozenset(options)),
        help=f"Runs that look at the same pictures, those of {mine.config.dataset}.",
    )


def _draw_epoch(selection: Selection, other: Selection) -> None:
    set_widget(_EPOCH, other.epoch)
    st.select_slider("Its epoch", other.epochs, key=_EPOCH, on_change=_take_epoch, args=(_namer(selection, other),))


def _namer(selection: Selection, other: Selection) -> Callable[[int], str]:
    """Return the function that names an epoch of `other` as the address does."""
    start = "" if other.run.id == selection.run.id else f"{other.run.id}:"
    return lambda epoch: f"{start}{epoch}"


def _take_run(store: Store, selection: Selection, known: frozenset[str]) -> None:
    """Put the chosen run into the address, at its best epoch. A callback.

    Where a quick click cuts the drawing of a page short, Streamlit calls this with a label that is no run's id.
    """
    id = st.session_state[_RUN]
    if id not in known:
        return
    if id == _NONE:
        url.keep(beside=None)
        return
    same = id == selection.run.id
    try:
        run = selection.run if same else store.get(id)
        saved = selection.saved if same else tuple(store.weights(id))
    except UnknownRunError:
        return
    if saved:
        epoch = default_epoch(run, saved, _taken(selection) if same else None)
        url.keep(beside=f"{epoch}" if same else f"{id}:{epoch}")
    else:
        url.keep(beside=f"{id}:0")  # the page says that it has no weights


def _take_epoch(named: Callable[[int], str]) -> None:
    epoch = st.session_state[_EPOCH]
    if isinstance(epoch, int):
        url.keep(beside=named(epoch))
