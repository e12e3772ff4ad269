"""This module says how a run computes on its machine, what was expected of the run, and what came of that."""

from typing import Any, TypeVar

import streamlit as st
from pydantic import ValidationError

from cnnlab.analysis.forecast import came_true, expected, way
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.records import Forecast, Plan, Record
from cnnlab.runs import Run, expected_time

R = TypeVar("R", bound=Record)


def show(run: Run) -> None:
    """Draw one quiet line: the plan, and predicted beside actual as soon as there is one. Nothing for runs without a
    plan.
    """
    plan = _read(Plan, run.environment.get("plan"))
    forecast = _read(Forecast, run.environment.get("forecast"))
    usage = run.results.usage if run.results else None
    said = [f"Computed: {way(plan, run.config.mode)}."] if plan else []
    if usage:
        said.append(came_true(forecast, usage))
        said += filter(None, [expected_time.score(run)])
    elif forecast:
        time, memory = expected(forecast, run.config.epochs)
        said.append(f"Expected: {time}; {memory} of memory.")
    if said:
        st.caption(" ".join(said), help=escape(plan.note) if plan and plan.note else None)


def _read(kind: type[R], values: Any) -> R | None:
    """Return the record that `values` hold; None too where another cnnlab wrote them."""
    try:
        return kind.model_validate(values) if values else None
    except ValidationError:
        return None
