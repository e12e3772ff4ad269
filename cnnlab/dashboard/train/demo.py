"""This module offers the demo, the first preset, which one click on an empty page trains. It opens without torch."""

import streamlit as st

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.auth.current_user import own_seed
from cnnlab.dashboard.state import query_params
from cnnlab.presets import PRESETS

DEMO = PRESETS[0]

BUILT_IN = "shapes"
"""Name of the dataset that cnnlab draws itself, so that it needs no network."""


def button() -> bool:
    """Draw the button of the demo and return whether it was pressed just now."""
    return st.button(f"Train the {DEMO.name}", key="demo", type="primary", icon=":material/play_arrow:")


def begin(dataset: str = DEMO.config.dataset) -> str | None:
    """Queue the demo on `dataset` and return the run's id; None where the store refuses, and the page has said why."""
    from cnnlab.dashboard.train import start  # it loads torch, and a page with this button must open at once
    from cnnlab.models import complete

    run_id = start.begin(complete(own_seed(DEMO.config.model_copy(update={"dataset": dataset}))))
    start.problem()
    return run_id


def begin_and_watch(dataset: str = DEMO.config.dataset) -> None:
    """Queue the demo, then show it on the page that trains."""
    if run_id := begin(dataset):
        query_params.go(navigation.train(), run=run_id)
