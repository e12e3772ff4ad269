"""This module draws the page that trains: the form of a new run, or the run that the address names."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.dashboard.run import header, live_view
from cnnlab.dashboard.state import services
from cnnlab.dashboard.sweep import form as sweep_form
from cnnlab.dashboard.train import draft, form, network_preview, start, twin
from cnnlab.dashboard.widgets import run_labels
from cnnlab.runs import Run, Store


def show() -> None:
    """Draw the page."""
    store = services.store()
    runs = services.runs(store)
    run = services.run_from_url(store)
    draft.restore()
    with run_labels.page_header(
        "How does a network learn?", "Choose a network and its settings, press Train, and watch it learn."
    ):
        header.switch(runs, run)
    if run is None:
        _new_run(store, runs)
    else:
        draft.leave_run()  # "Train again with one change" begins with the settings of the run as they are
        parent = next((other for other in runs if other.id == run.parent_id), None)
        live_view.show(store, run, parent)
        header.what_next(store, run, parent)
        header.settings(run)


def _new_run(store: Store, runs: Sequence[Run]) -> None:
    """Draw the form of a new run, and beside it the network that the form describes."""
    parent = start.parent_from_url(store)
    checked = form.check(form.typed())
    start.presets(checked.config)
    if parent:
        start.parent_line(parent, checked.config)
    left, right = st.columns([1, 2], gap="medium")
    with left, st.container(key="frame_form", gap="xsmall"):
        form.draw_group("main", checked)
        form.draw_folded(checked)
        form.draw_other_faults(checked)
        start.problem()
        st.button(
            "Train",
            key="train",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=checked.config is None,
            help=None if checked.config else "Correct the settings named above first.",
            on_click=start.train,
            args=(parent.id if parent else None,),
        )
        twin.show(checked.config, runs, parent.id if parent else None)
        start.about_data(st.session_state.get(form.key("dataset")))
        sweep_form.show(form.typed(), runs)
    draft.keep(form.typed())
    with right:
        network_preview.show(form.typed(), runs)
