"""This module draws the page that compares runs: the choice, or a sweep, or curves, bars and a sentence of the chosen."""

import streamlit as st

from cnnlab.dashboard.compare import by_name, cards, charts, pick, table
from cnnlab.dashboard.state import services
from cnnlab.dashboard.sweep import results
from cnnlab.dashboard.train import demo
from cnnlab.dashboard.widgets import run_labels


def show() -> None:
    """Draw the page that compares runs."""
    store = services.store()
    listing = services.all_runs(store)
    runs = listing.runs
    beside_title = run_labels.page_header(
        "Which run is better, and does it overfit?",
        "Choose up to eight runs. A network overfits when it knows its training pictures better than new ones.",
    )
    if not runs:
        with st.container(border=True):
            st.markdown("There is no run to compare yet.")
            if demo.button():
                demo.begin_and_watch()
        return
    if sweep := results.choose(runs):
        results.show(store, *sweep)
        return

    chosen, colours = pick.chosen_runs(runs)
    with beside_title:
        by_name.draw(runs, colours)
    table.show(listing, colours)
    if chosen:
        charts.show(store, chosen, colours)
        charts.differences_table(chosen)
        cards.show(store, chosen, colours, listing.by_id)
    else:
        st.caption("Choose a run in the table: click the box at the left of its row.")
