"""This module writes the status at the foot of the sidebar: the device, and how many runs train or wait."""

import streamlit as st

from cnnlab.dashboard.app import warmup
from cnnlab.dashboard.state import services
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.run_labels import status_dot
from cnnlab.records import RunStatus
from cnnlab.runs import Store

SIDEBAR_S = 4.37
"""No multiple of a page's own second: of two requests that come together Streamlit 1.67 sometimes drops the first."""


@st.fragment(run_every=SIDEBAR_S)
def sidebar_status(store: Store) -> None:
    """Draw the device, the number of runs in training and of those waiting, from a reading that all visitors share."""
    runs = services.runs(store)
    training = [run for run in runs if run.status == RunStatus.RUNNING]
    waiting = sum(run.status == RunStatus.QUEUED for run in runs)
    if problem := services.launcher_problem():
        st.warning(escape(problem), icon=":material/warning:")
    device = warmup.device()
    words = [f"{len(training)} training" if training else "nothing training"]
    if waiting:
        words.append(f"{waiting} waiting")
    dot = status_dot(RunStatus.RUNNING) if training else ":gray[●]"
    st.caption(f"{dot} {' · '.join(words)}" + (f"  \n{escape(device)}" if device else ""))
