"""One card a chosen run: what it shows, where to go with it, and what may be done to it."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.dashboard import access, look, routes, run_card, visitors, weights_download
from cnnlab.dashboard.csv_tables import epochs_csv, steps_csv
from cnnlab.runs import Run, Store, StoreError

_DELETED = "compare_deleted"


def show(store: Store, chosen: Sequence[Run], parents: dict[str, Run]) -> None:
    """The cards side by side, as many as there is room for."""
    with st.grid(2, min_column_width=340):
        for run in chosen:
            with st.container(border=True, height="stretch"):
                _card(store, run, parents.get(run.parent_id or ""))


def _card(store: Store, run: Run, parent: Run | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{look.escape(run.name)}**", width="content")
        look.status_badge(run.status)
        run_card.owner(run)
        st.space("stretch")
        run_card.describe(store, run)
    st.caption(look.escape(look.difference_line(run, parent)))
    if run.note:
        st.text(run.note)
    with st.container(horizontal=True, gap="small"):
        access.link(routes.train(), "Open", icon=":material/open_in_full:", run=run.id)
        access.link(routes.feature_maps(), "Feature maps", run=run.id)
        access.link(routes.kernels(), "Kernels", run=run.id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        access.link(routes.train(), "Train with one change", icon=":material/alt_route:", parent=run.id)
        with st.popover("Download", icon=":material/download:", type="tertiary", key=f"csv_{run.id}"):
            _downloads(store, run)
        if visitors.may_change(run) and st.button(
            "Delete", icon=":material/delete:", type="tertiary", key=f"delete_{run.id}"
        ):
            _confirm_delete(store, run)


def _downloads(store: Store, run: Run) -> None:
    """Written out only when somebody asks for them: a long run has tens of thousands of steps."""
    for what, text, help in (
        ()
        if run.imported
        else (
            ("epochs", lambda: epochs_csv(store.epochs(run.id)), None),
            (
                "steps",
                lambda: steps_csv(store.steps(run.id)),
                "Each line is the mean over the steps since the line before.",
            ),
        )
    ):
        st.download_button(
            f"All {what}",
            text,
            file_name=f"run-{run.number}-{what}.csv",
            mime="text/csv",
            key=f"{what}_{run.id}",
            help=help,
            type="tertiary",
            on_click="ignore",
        )
    weights_download.draw(store, run)


@st.dialog("Delete this run?")
def _confirm_delete(store: Store, run: Run) -> None:
    if st.session_state.pop(_DELETED, False):
        st.rerun()  # which shuts the dialog
    st.markdown(f"**{look.escape(run.name)}**, its curves and its weights will be gone for good.")
    with st.container(horizontal=True):
        st.button(
            "Delete for good",
            key="delete_for_good",
            type="primary",
            icon=":material/delete:",
            on_click=_delete,
            args=(store, run.id),
        )
        if st.button("Keep it", key="delete_not"):
            st.rerun()


def _delete(store: Store, run_id: str) -> None:
    try:
        store.delete(run_id)
    except StoreError as error:
        st.toast(look.escape(str(error)), icon=":material/error:")
        return
    st.session_state[_DELETED] = True
    if "runs" in st.query_params:
        access.set_url(runs=",".join(id for id in st.query_params["runs"].split(",") if id != run_id))
