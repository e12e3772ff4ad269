"""Buttons under a run that went wrong: each trains it again with one change that may help, everything else as it was."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.analysis.advice import Cure, cures_for, smaller_steps
from cnnlab.analysis.diagnosis import Sign
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.train import start
from cnnlab.runs import Run


def offer(run: Run, sign: Sign) -> None:
    """For a run whose curves show `sign`; nothing where nothing is known to help."""
    _buttons(run, cures_for(run.config, sign), "Train it again with one change, same seed, and compare:")


def offer_smaller_steps(run: Run) -> None:
    """For a run that diverged."""
    _buttons(run, smaller_steps(run.config), "Train it again with smaller steps:")


def _buttons(run: Run, cures: Sequence[Cure], sentence: str) -> None:
    if not cures:
        return
    st.markdown(f"**What helps?** {sentence}")
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
    """Callback: begin, and show it."""
    run_id = start.begin(cure.applied(run.config), parent_id=run.id)
    if run_id:
        query_params.set_url(run=run_id)
