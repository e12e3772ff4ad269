"""The latest runs, a line each, for the landing page."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.dashboard import access, look, routes, visitors
from cnnlab.records import RunStatus
from cnnlab.runs import Run

LATEST = 5


def latest(runs: Sequence[Run]) -> None:
    """The newest runs, each a link."""
    by_id = {run.id: run for run in runs}
    with st.container(gap="xsmall"):
        st.subheader("Latest runs", anchor=False)
        for run in runs[:LATEST]:
            with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
                access.link(routes.train(), look.run_line(run), icon="", run=run.id)
                parent = by_id.get(run.parent_id or "")
                line = " · ".join(part for part in (visitors.whose(run), look.difference_line(run, parent)) if part)
                st.caption(look.escape(line), width="stretch")
                st.caption(standing(run), width="content")


def standing(run: Run) -> str:
    """How it stands, or how well it did, with the set."""
    if run.results:
        return f"test {look.percent(run.results.final.test.accuracy)}"
    word = look.STATUS[run.status].word
    return f"{word}, epoch {run.epoch} of {run.config.epochs}" if run.status is RunStatus.RUNNING else word
