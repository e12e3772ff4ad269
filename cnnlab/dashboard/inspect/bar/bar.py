"""This module draws the bar on top of every page that looks inside a network, which chooses the run and its epoch."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect.bar import batch_loss, beside, epochs, import_weights, loss_curve
from cnnlab.dashboard.inspect.cache import layers_of
from cnnlab.dashboard.inspect.selection import Selection, complain, in_order, set_widget, take
from cnnlab.dashboard.state import listing, services
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.train import demo
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.inspection.summary import LayerRow
from cnnlab.models import ConfigError
from cnnlab.records import RunStatus
from cnnlab.registry import UnknownNameError
from cnnlab.runs import Run, Store, UnknownRunError

_RUN = "looking_run"
WAIT_S = 1.0
"""Seconds between two looks at a run that has no weights yet."""


def looking(beside_title: DeltaGenerator) -> Selection | None:
    """Draw the bar and return the run and epoch chosen in it; None where the page has said why there is no network.

    The drawer for weights from a file stands beside the page's title: it is needed once, the bar always.
    """
    store = services.store()
    runs = [run for run in services.runs(store) if run.step or run.imported]
    run = _run(store, runs)
    if run is None:
        _invite(store)
        return None
    with beside_title:
        import_weights.draw(store)
    try:
        saved, early = tuple(store.weights(run.id)), tuple(store.early(run.id))
    except UnknownRunError:
        complain("This run has just been deleted. Open the page again to see another one.")
        return None
    if not saved:
        _wait(store, run)
        return None
    layers = _layers(run)
    weights, follows = epochs.pick(run, in_order(saved, early))
    selection = Selection(run, saved, weights, layers or [], follows, early)
    selection = replace(selection, beside=beside.pick(store, selection))
    with st.container(border=True, gap="xsmall", key="frame_bar"):
        _draw(store, runs, selection)
    return selection if layers else None


def unreadable(selection: Selection, error: Exception) -> None:
    """Say that the weights of the chosen epoch cannot be shown, and that other epochs can."""
    what = (
        escape(selection.run.name)
        if selection.run.imported
        else f"{selection.name.capitalize()} of {escape(selection.run.name)}"
    )
    way_out = "" if selection.run.imported else " Every epoch has a file of its own: choose another one."
    st.error(
        f"{what} cannot be shown. {escape(str(error))}{way_out}",
        icon=":material/broken_image:",
    )


def _run(store: Store, runs: Sequence[Run]) -> Run | None:
    """Return the run that the address names, else the newest run that has weights; None where no run has any."""
    asked = url.asked("run")
    run = next((run for run in runs if run.id == asked), None)
    if run is None and asked:
        try:
            return store.get(asked)
        except UnknownRunError:
            complain("There is no run with this address. It may have been deleted.")
    return run or (runs[0] if runs else None)


def _layers(run: Run) -> list[LayerRow] | None:
    problem = run.fault
    try:
        layers = layers_of(run)
    except (UnknownNameError, ConfigError) as error:
        problem = problem or str(error)
    if problem is None:
        return layers
    st.error(f"{escape(run.name)} cannot be looked into. {escape(problem)}", icon=":material/error:")
    return None


def _take_run(known: Collection[str]) -> None:
    """Put the run that the selectbox shows into the address, if its id is `known`.

    Where a quick click cuts the drawing of a page short, Streamlit calls this with a label that is no run's id.
    """
    if st.session_state[_RUN] in known:
        take("run", _RUN)


def _draw(store: Store, runs: Sequence[Run], selection: Selection) -> None:
    by_id = {run.id: run for run in (*runs, selection.run)}
    names = run_labels.names(by_id.values(), _run_words)
    left, middle, right = st.columns([4, 6, 9], gap="small", vertical_alignment="center")
    set_widget(_RUN, selection.run.id)
    left.selectbox(
        "Run",
        list(by_id),
        key=_RUN,
        format_func=names.__getitem__,
        on_change=_take_run,
        args=(frozenset(by_id),),
        label_visibility="collapsed",
    )
    records, batches = listing.epochs(store, selection.run), batch_loss.read(store, selection)
    with middle.container(gap=None):
        epochs.draw_slider(selection)
        loss_curve.draw(selection, records, batches)
    with right.container(gap=None):
        with st.container(horizontal=True, gap="xxsmall", key="frame_epoch_buttons"):
            epochs.draw_buttons(selection)
            beside.draw(store, runs, selection)
        st.caption(epochs.numbers(selection, records, batches), help=epochs.remarks(selection))
    epochs.pulse(store, selection)


def _run_words(run: Run) -> str:
    """Return what the narrow box says of the run: its number first, which is seen also where the name is cut."""
    words = f"{run.number} · {run.name}"
    return words if run.status is RunStatus.FINISHED else f"{words} · {run_labels.look_of(run).word}"


def _invite(store: Store) -> None:
    """Draw the page of a store without any run: a button trains a first network."""
    with st.container(border=True, horizontal_alignment="center"):
        st.header("There is no trained network to look into yet", anchor=False, text_alignment="center")
        st.markdown(f"{demo.DEMO.summary} This page then fills by itself, from epoch 0 on.", text_alignment="center")
        wanted = demo.button()
        import_weights.draw(store)
    if wanted and (run_id := demo.begin()):
        url.keep(run=run_id, epoch=None)
        st.rerun()


def _wait(store: Store, run: Run) -> None:
    """Draw the page of a run without weights yet, and draw the page anew once the first weights are written."""
    with st.container(border=True):
        run_labels.status_badge(run)
        if run.status.active:
            st.markdown(
                f"{run_labels.run_line(run)} has not begun yet. Its first weights appear here as soon as it begins."
            )
            drawn: tuple[object, ...] = (run.status, False)
            read = partial(_standing, store, run.id)
            poll(read, _nothing, drawn, every_s=lambda _: WAIT_S, outside=lambda now: now, key="first weights")
        else:
            st.markdown(f"{run_labels.run_line(run)} ended before it had any weights. {escape(run.message or '')}")
        url.link(navigation.train(), "See how the run goes", icon=":material/model_training:", run=run.id)


def _standing(store: Store, id: str) -> tuple[object, ...]:
    """Return what the waiting page depends on: the run's status, and whether it has weights; () for a deleted run."""
    try:
        return store.get(id).status, bool(store.weights(id))
    except UnknownRunError:
        return ()


def _nothing(standing: object) -> None:
    """Draw nothing, because the page around the polling fragment says all there is."""
