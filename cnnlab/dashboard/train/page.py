"""This module draws the page that trains: the form of a new run, or the run that the address names."""

import streamlit as st

from cnnlab.dashboard.run import header, live_view
from cnnlab.dashboard.state import services
from cnnlab.dashboard.sweep import form as sweep_form
from cnnlab.dashboard.train import form, network_preview, start, twin
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import Run, Store


def show() -> None:
    """Draw the page."""
    store = services.store()
    runs = services.runs(store)
    run = services.run_from_url(store)
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    with left:
        run_labels.page_header(
            "How does a network learn?", "Choose a network and its settings, press Train, and watch it learn."
        )
    with right:
        header.switch(runs, run)
    if run is None:
        _new_run(store, runs)
    else:
        parent = next((other for other in runs if other.id == run.parent_id), None)
        live_view.show(store, run, parent)
        header.what_next(store, run, parent)
        header.settings(run)


def _new_run(store: Store, runs: list[Run]) -> None:
    """Draw the form of a new run, and beside it the network that the form describes."""
    parent = start.parent_from_url(store)
    checked = form.check(form.typed())
    start.presets(checked.config)
    if parent:
        start.parent_line(parent, checked.config)
    left, right = st.columns([1, 2], gap="medium")
    with left:
        form.draw_group("main")
        form.draw_folded()
        for sentence in checked.sentences:
            st.error(escape(sentence), icon=":material/error:")
        start.problem()
        st.button(
            "Train",
            key="train",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=checked.config is None,
            help=None if checked.config else "Correct what is said above first.",
            on_click=start.train,
            args=(parent.id if parent else None,),
        )
        twin.show(checked.config, runs, parent.id if parent else None)
        start.about_data(st.session_state.get(form.key("dataset")))
        sweep_form.show(form.typed(), runs)
    with right:
        network_preview.show(form.typed(), runs)
