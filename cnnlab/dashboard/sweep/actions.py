"""This module draws what may be done to a whole sweep: stop what is left of it, go on with it, delete it."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.widgets.confirm import confirm_delete
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import Run, Store, StoreError


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
            help="The state of the run in training is saved; all runs can be continued.",
            on_click=_each,
            args=(store, active, "stop"),
        )
    elif left:
        st.button(
            f"Continue {len(left)}",
            key="sweep_continue",
            icon=":material/play_arrow:",
            help="Puts the runs that were stopped, paused, interrupted or failed back into the queue.",
            on_click=_each,
            args=(store, left, "continue"),
        )
    if not active and st.button("Delete", key="sweep_delete", icon=":material/delete:", type="tertiary"):
        what = f"**{escape(sweep)}**: {len(runs)} runs, their curves and their weights"
        confirm_delete("Delete the whole sweep?", what, partial(_delete, store, runs), key="sweep_delete_for_good")


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


def _delete(store: Store, runs: Sequence[Run]) -> None:
    for run in runs:
        store.delete(run.id)
    query_params.set_url(sweep=None)
