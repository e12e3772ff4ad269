"""This module draws what may be done to a whole sweep: stop what is left of it, go on with it, delete it."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import Run, Store, StoreError

_DELETED = "sweep_deleted"


def show(store: Store, sweep: str, runs: Sequence[Run]) -> None:
    """Draw the buttons that make sense now, for the runs that are this visitor's to change."""
    runs = [run for run in runs if current_user.may_change(run)]
    if not runs:
        return
    active = [run for run in runs if run.status.active]
    left = [run for run in runs if run.status.resumable and not run.fault]
    if active:
        st.button(
            "Stop all",
            key="sweep_stop",
            icon=":material/stop:",
            help="The run in training keeps its state; all can be continued.",
            on_click=_each,
            args=(store, active, "stop"),
        )
    elif left:
        st.button(
            f"Continue {len(left)}",
            key="sweep_continue",
            icon=":material/play_arrow:",
            help="Puts back into the queue what was stopped, paused or interrupted, or failed.",
            on_click=_each,
            args=(store, left, "continue"),
        )
    if not active and st.button("Delete", key="sweep_delete", icon=":material/delete:", type="tertiary"):
        _confirm(store, sweep, runs)


def _each(store: Store, runs: Sequence[Run], what: str) -> None:
    """Do `action` to each run of a sweep, the waiting ones first: else a worker would begin the next while the one
    before it is being stopped.
    """
    for run in sorted(runs, key=lambda run: run.step > 0):
        try:
            if what == "stop":
                store.request(run.id, "stop")
            else:
                store.resume(run.id)
        except StoreError as error:
            st.toast(escape(str(error)), icon=":material/error:")


@st.dialog("Delete the whole sweep?")
def _confirm(store: Store, sweep: str, runs: Sequence[Run]) -> None:
    if st.session_state.pop(_DELETED, False):
        st.rerun()  # which shuts the dialog
    st.markdown(f"**{escape(sweep)}**: {len(runs)} runs, their curves and their weights will be gone for good.")
    with st.container(horizontal=True):
        st.button(
            "Delete for good",
            key="sweep_delete_for_good",
            type="primary",
            icon=":material/delete:",
            on_click=_delete,
            args=(store, runs),
        )
        if st.button("Keep it", key="sweep_delete_not"):
            st.rerun()


def _delete(store: Store, runs: Sequence[Run]) -> None:
    try:
        for run in runs:
            store.delete(run.id)
    except StoreError as error:
        st.toast(escape(str(error)), icon=":material/error:")
        return
    st.session_state[_DELETED] = True
    query_params.set_url(sweep=None)
