"""This module draws buttons under a run that went wrong: each trains the run again with one change that may help."""

import streamlit as st

from cnnlab.analysis.advice import Cure, cures_for
from cnnlab.analysis.diagnosis import Sign
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.train import start
from cnnlab.runs import Run


def offer(run: Run, sign: Sign) -> None:
    """Draw the buttons for a run whose curves show `sign`; nothing where no change is known to help."""
    cures = cures_for(run.config, sign)
    if not cures:
        return
    st.markdown("**What helps?** Train it again with one change and the same seed, and compare:")
    with st.container(horizontal=True):
        for cure in cures:
            st.button(
                cure.label,
                key=f"cure_{'_'.join(cure.change)}",
                icon=":material/experiment:",
                on_click=_try,
                args=(run, cure),
            )
    start.problem()


def _try(run: Run, cure: Cure) -> None:
    """Queue the run with the change of the cure, and show it (a callback)."""
    run_id = start.begin(cure.applied(run.config), parent_id=run.id)
    if run_id:
        query_params.set_url(run=run_id)
