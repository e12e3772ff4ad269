"""This module draws a card for each chosen run: what the run shows, where to go with it, and what may be done to it."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.compare import filters, pick
from cnnlab.dashboard.compare.pick import Colours
from cnnlab.dashboard.compare.table import dot
from cnnlab.dashboard.run import downloads, header
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import Run, Store


def show(store: Store, chosen: Sequence[Run], colours: Colours, parents: Mapping[str, Run]) -> None:
    """Draw the cards of the chosen runs side by side, as many as there is room for."""
    with st.grid(2, min_column_width=340):
        for run in chosen:
            with st.container(border=True, height="stretch"):
                _card(store, run, colours[run.id], parents.get(run.parent_id or ""))


def _card(store: Store, run: Run, colour: str, parent: Run | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False, width="content"):
            st.image(dot(colour), width=16, alt="The colour of this run")
            st.markdown(f"**{escape(run.name)}**", width="content")
        run_labels.status_badge(run)
        header.owner(run)
        st.space("stretch")
        header.describe(store, run)
    st.caption(escape(run_labels.difference_line(run, parent)))
    if run.note:
        st.text(run.note)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        query_params.link(navigation.train(), "Open", icon=":material/open_in_full:", run=run.id)
        query_params.link(navigation.feature_maps(), "Feature maps", run=run.id)
        query_params.link(navigation.kernels(), "Kernels", run=run.id)
        query_params.link(navigation.predictions(), "Predictions", run=run.id)
        filters.pin(store, run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        query_params.link(navigation.train(), "Train with one change", icon=":material/alt_route:", parent=run.id)
        downloads.popover(store, run)
        header.delete(store, run, partial(pick.leave_out, run.id))
