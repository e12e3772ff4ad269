"""This module draws what a person can do with any run: find it, name it, note something, read its settings."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

import streamlit as st

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.run import downloads
from cnnlab.dashboard.state import query_params, run_snapshot
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.confirm import confirm_delete
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import Run, Store, StoreError
from cnnlab.schema import GROUPS, SETTINGS

MOST_LISTED = 50


def switch(runs: Sequence[Run], run: Run | None) -> None:
    """Draw the list of the newest runs to jump to, and the button for a new run."""
    labels = run_labels.names([*runs[:MOST_LISTED], *([run] if run else [])])
    st.session_state["run_choice"] = run.id if run else None
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        st.selectbox(
            "Run",
            list(labels),
            index=0 if run else None,
            format_func=lambda id: labels.get(id, ""),
            key="run_choice",
            placeholder="Open an earlier run" if labels else "No runs yet",
            label_visibility="collapsed",
            disabled=not labels,
            on_change=_open_choice,
            args=(frozenset(labels),),
            width=375,
        )
        if run:
            st.button("New run", icon=":material/add:", on_click=query_params.set_url, kwargs={"run": None})


def _open_choice(known: Collection[str]) -> None:
    """Open the run that was chosen from the list.

    Where a quick click cut the drawing of a page short, Streamlit calls this with nothing, or with a mere label.
    """
    if (chosen := st.session_state["run_choice"]) in known:
        query_params.set_url(run=chosen, parent=None)


def owner(run: Run) -> None:
    """Draw whose run it is, where people sign in."""
    if whose := current_user.whose(run):
        allowed = current_user.may_change(run)
        help = None if allowed else f"Only {run.owner_name} or a teacher can stop, continue, rename or delete it."
        st.badge(escape(whose), icon=":material/person:", color="gray", help=help and escape(help))


def describe(store: Store, run: Run) -> None:
    """Draw a drawer in which those who may change the run edit its name and note; saving shuts it.

    Its fields are made only while it is open: Compare has a drawer for each of eight runs.
    """
    if not current_user.may_change(run):
        return
    drawer = f"describe_{run.id}"
    with st.popover("Rename", icon=":material/edit:", type="tertiary", key=drawer, on_change="rerun") as opened:
        if not opened.open:
            return
        # No max_chars: a browser would drop a longer paste without a word; the store says what is too long.
        st.text_input("Name", run.name, key=f"name_{run.id}")
        st.text_area(
            "Note",
            run.note,
            key=f"note_{run.id}",
            help="A word that begins with # is a tag: Compare can show the runs that have it.",
        )
        if sentence := st.session_state.pop(f"fault_{run.id}", None):
            st.error(escape(sentence))
        st.button("Save", type="primary", key=f"save_{run.id}", on_click=_describe, args=(store, run.id, drawer))


def _describe(store: Store, run_id: str, drawer: str) -> None:
    try:
        store.rename(run_id, st.session_state[f"name_{run_id}"])
        store.annotate(run_id, st.session_state[f"note_{run_id}"])
    except StoreError as error:
        st.session_state[f"fault_{run_id}"] = str(error)
    else:
        st.session_state[drawer] = False
    run_snapshot.renew(store, run_id)


def delete(store: Store, run: Run, leave: Callable[[], None]) -> None:
    """Draw the button that deletes the run after a question, for those who may; `leave` takes the run out of the
    address.
    """
    if current_user.may_change(run) and st.button(
        "Delete", icon=":material/delete:", type="tertiary", key=f"delete_{run.id}"
    ):
        what = f"**{escape(run.name)}**, its curves and its weights"
        confirm_delete("Delete this run?", what, partial(_delete, store, run.id, leave), key="delete_for_good")


def _delete(store: Store, run_id: str, leave: Callable[[], None]) -> None:
    store.delete(run_id)
    leave()


def settings(run: Run) -> None:
    """Draw every setting of the run that is known, folded away, in the groups of the form."""
    _settings(f"{run.id} {run.config!r}", run)


@st.cache_resource(show_spinner=False, max_entries=64)
def _settings(run: str, _run: Run) -> None:
    """Draw the settings; Streamlit keeps what this draws, and sends it to the next visitor."""
    with st.expander("Settings of this run", icon=":material/tune:"), st.grid(3, min_column_width=240):
        if _run.imported:
            stated = _run.imported.stated
            st.caption(
                "These settings are written in the file." if stated else "The file says nothing about other settings."
            )
        for group, heading in GROUPS.items():
            if not any(setting.group == group and _run.knows(setting.name) for setting in SETTINGS.values()):
                continue
            rows = [
                (setting.label, escape(run_labels.setting_value(setting, getattr(_run.config, setting.name))))
                for setting in SETTINGS.values()
                if setting.group == group and _run.knows(setting.name)
            ]
            st.table(dict([(f"**{heading}**", ""), *rows]), border="horizontal", alt=f"Settings: {heading}")


def what_next(store: Store, run: Run, parent: Run | None) -> None:
    """Draw the ways on from a run: links that carry the run, and files; a changed run is compared with its parent."""
    st.markdown("**What next?**")
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        query_params.link(navigation.feature_maps(), "Feature maps", run=run.id)
        query_params.link(navigation.kernels(), "Kernels", run=run.id)
        query_params.link(navigation.predictions(), "Predictions", run=run.id)
        if parent:
            both = f"{parent.id},{run.id}"
            query_params.link(navigation.compare(), "Compare with the run before the change", runs=both)
        else:
            query_params.link(navigation.compare(), "Compare", runs=run.id)
        st.button(  # not a link: Streamlit leaves the address as it is when a link leads to the page it stands on
            "Train a network like this here" if run.imported else "Train again with one change",
            icon=":material/alt_route:",
            type="tertiary",
            on_click=query_params.set_url,
            kwargs={"run": None, "parent": run.id},
        )
        downloads.popover(store, run)
        delete(store, run, partial(query_params.set_url, run=None))
