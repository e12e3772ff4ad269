"""This module notices that the run in the form has been trained already, and offers to open it or to take another seed."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.train import start
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.records import RunStatus
from cnnlab.runs import Run
from cnnlab.schema import TrainingConfig

TWINS = (RunStatus.FINISHED, RunStatus.RUNNING, RunStatus.QUEUED, RunStatus.PAUSED, RunStatus.DIVERGED)
"""Ends that training the same again would come to once more, and ways there; the most telling first."""


def show(config: TrainingConfig | None, runs: Sequence[Run], parent_id: str | None) -> None:
    """Draw a note where a run of just these settings exists, with the two ways on."""
    if config is None or (twin := twin_of(config, runs)) is None:
        return
    state = ", ".join(filter(None, (run_labels.look_of(twin).word, current_user.whose(twin))))
    seed = next_seed(config, runs)
    with st.container(border=True, gap="small"):
        st.markdown(f"This run already exists: **{escape(twin.name)}** ({escape(state)}).")
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Open it",
                key="twin_open",
                icon=":material/open_in_full:",
                on_click=query_params.set_url,
                kwargs={"run": twin.id, "parent": None},
            )
            st.button(
                f"Train it with seed {seed}",
                key="twin_seed",
                icon=":material/casino:",
                help="Another seed draws other first weights and another order of the pictures: it shows the effect of luck.",
                on_click=_another_seed,
                args=(config.model_copy(update={"seed": seed}), parent_id),
            )


def twin_of(config: TrainingConfig, runs: Sequence[Run]) -> Run | None:
    """Return the run with exactly these settings that tells most; None where there is none."""
    twins = [run for run in runs if run.status in TWINS and run.config == config and not run.fault]
    return min(twins, key=lambda run: (TWINS.index(run.status), -run.number), default=None)


def next_seed(config: TrainingConfig, runs: Sequence[Run]) -> int:
    """Return the next seed with which nobody has trained these settings yet."""
    seed = config.seed
    taken = {run.config.seed for run in runs if run.config.model_copy(update={"seed": seed}) == config}
    while seed in taken:
        seed = (seed + 1) % 2**31
    return seed


def _another_seed(config: TrainingConfig, parent_id: str | None) -> None:
    """Queue the run and show it (a callback)."""
    if run_id := start.begin(config, parent_id, start.announced_for(config)):
        query_params.set_url(run=run_id, parent=None)
