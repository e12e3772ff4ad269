"""This module draws the latest runs, a line each, for the first page."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import count, percent
from cnnlab.records import RunStatus
from cnnlab.runs import Run

LATEST = 5


def latest(runs: Sequence[Run]) -> None:
    """Draw the newest runs, each a link."""
    by_id = {run.id: run for run in runs}
    with st.container(gap="small"):
        st.header("Latest runs", anchor=False)
        with st.container(gap="xsmall"):
            for run in runs[:LATEST]:
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    query_params.link(navigation.train(), run_labels.run_line(run), icon="", run=run.id)
                    parent = by_id.get(run.parent_id or "")
                    line = " · ".join(
                        part for part in (current_user.whose(run), run_labels.difference_line(run, parent)) if part
                    )
                    st.caption(escape(line), width="stretch")
                    st.caption(standing(run), width="content")


def standing(run: Run) -> str:
    """Write how a run stands, or how well it did, with the set."""
    if run.results:
        return f"test {percent(run.results.final.test.accuracy)}"
    word = run_labels.look_of(run).word
    trains = run.status is RunStatus.RUNNING and not run.only_measured
    return f"{word}, epoch {count(run.epoch)} of {count(run.config.epochs)}" if trains else word
