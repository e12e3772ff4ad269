"""Train: how does a network learn?"""

import streamlit as st

from cnnlab.dashboard import access, form_preview, forms, look, run_card, run_view, start, sweep_form
from cnnlab.runs import Run, Store


def new_run(store: Store, runs: list[Run]) -> None:
    """The form, and beside it what it describes."""
    parent = start.parent_from_url(store)
    checked = forms.check(forms.typed())
    start.presets(checked.config)
    if parent:
        start.parent_line(parent, checked.config)
    left, right = st.columns([1, 2], gap="medium")
    with left:
        forms.draw_group("main")
        forms.draw_folded()
        for sentence in checked.sentences:
            st.error(look.escape(sentence), icon=":material/error:")
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
        start.about_data(st.session_state.get(forms.key("dataset")))
        sweep_form.show(forms.typed(), runs)
    with right:
        form_preview.show(forms.typed(), runs)


store = access.store()
runs = access.runs(store)
run = access.run_from_url(store)
left, right = st.columns([2, 1], vertical_alignment="bottom")
with left:
    look.page_header("How does a network learn?", "Choose a network and its settings, press Train, and watch it learn.")
with right:
    run_card.switch(runs, run)
if run is None:
    new_run(store, runs)
else:
    parent = next((other for other in runs if other.id == run.parent_id), None)
    run_view.show(store, run, parent)
    run_card.what_next(run, parent)
    run_card.settings(run)
