"""Compare: which run is better, and does it overfit?"""

import streamlit as st

from cnnlab.dashboard import access, compare_cards, compare_table, compare_view, look, start, sweep_view

store = access.store()
runs = store.list()
look.page_header(
    "Which run is better, and does it overfit?",
    "Pick up to eight runs. A network overfits where it knows its training pictures better than new ones.",
)
if not runs:
    with st.container(border=True):
        st.markdown("There is no run to compare yet.")
        start.demo_button()
    st.stop()

if sweep := sweep_view.choose(runs):
    sweep_view.show(store, sweep, runs)
    st.stop()

chosen = compare_table.chosen_runs(runs)
compare_table.show(runs, chosen)
if chosen:
    compare_view.show(store, chosen)
    compare_view.differences_table(chosen)
    compare_cards.show(store, chosen, parents={run.id: run for run in runs})
else:
    st.caption("Pick a run in the table: touch the box at the left of its row.")
