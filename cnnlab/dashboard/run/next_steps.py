"""This module draws buttons under a run that went wrong: each trains the run again with one change that may help."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.analysis.advice import Cure, cures_for, smaller_steps
from cnnlab.analysis.diagnosis import Sign
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.train import start
from cnnlab.runs import Run


def offer(run: Run, sign: Sign) -> None:
    """Draw the buttons for a run whose curves show `sign`; nothing where no change is known to help."""
    _buttons(run, cures_for(run.config, sign), "Train it again with one change, same seed, and compare:")


def offer_smaller_steps(run: Run) -> None:
    """Draw the button that trains a diverged run again with a smaller learning rate."""
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
    """Queue the run with the change of the cure, and show it (a callback)."""
    run_id = start.begin(cure.applied(run.config), parent_id=run.id)
    if run_id:
        query_params.set_url(run=run_id)
