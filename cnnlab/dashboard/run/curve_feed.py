"""This module works out what the live chart of a browser lacks of a run, so that each message carries only new points."""

from collections import deque
from dataclasses import dataclass
from typing import TypedDict

import streamlit as st
from pydantic import ValidationError

from cnnlab.dashboard.state.run_snapshot import Reading
from cnnlab.records import EpochRecord, Plan
from cnnlab.runs import Curve, Run, Store

AGAIN = 5
"""Each point travels with so many messages: of several that wait for a busy browser or network, Streamlit keeps the last."""


class ChartData(TypedDict):
    """`ChartData` holds what `live_chart` takes, but for its key, height and callback."""

    run_id: str
    first: int
    curve: Curve
    epochs: list[EpochRecord]
    epochs_total: int
    steps_total: int
    validation: bool
    steps_per_point: int
    ended: bool


def chart_data(store: Store | Reading, run: Run, *, key: str) -> ChartData:
    """Return what the chart `key` of this session does not have of `run` yet, and what it was sent last: see AGAIN.

    The newest point may still grow, so it is sent again with the next message. Raises StoreError where the store cannot
    be read.
    """
    sent: deque[_Sent] | None = st.session_state.get(_memory(key))
    if not sent or sent[-1].run_id != run.id or run.step < sent[-1].step:  # another run, or it went back to a state
        sent = st.session_state[_memory(key)] = deque([_Sent(run.id)], maxlen=AGAIN)
    base = sent[0]
    if base.settled == 0:
        sent.clear()  # everything is sent once, not again and again
    curve = store.curve(run.id, after=base.settled)
    epochs = [record for record in store.epochs(run.id) if record.epoch > base.epoch]
    sent.append(
        _Sent(
            run.id,
            step=curve.step[-1] if curve.step else base.step,
            settled=curve.step[-2] if len(curve.step) > 1 else base.settled,
            epoch=epochs[-1].epoch if epochs else base.epoch,
        )
    )
    said: ChartData = {
        "run_id": run.id,
        "first": base.settled,
        "curve": curve,
        "epochs": epochs,
        "epochs_total": run.config.epochs,
        "steps_total": run.steps_total or 0,
        "validation": run.config.validation_size > 0,
        "ended": not (run.status.active or run.status.resumable),
        "steps_per_point": max(curve.width, steps_per_record(run)),
    }
    st.session_state[_said(key)] = said
    return said


def again(key: str) -> ChartData:
    """Return what the chart `key` was told last, for a moment in which nothing newer can be read."""
    said: ChartData = st.session_state[_said(key)]
    return said


def has_points(run: Run, *, key: str) -> bool:
    """Return whether the chart `key` of this session has been sent points of `run`."""
    sent: deque[_Sent] | None = st.session_state.get(_memory(key))
    return bool(sent and sent[-1].run_id == run.id and sent[-1].step > 0)


def forget(key: str) -> None:
    """Forget what the chart `key` was sent: the next message holds everything."""
    st.session_state.pop(_memory(key), None)


def steps_per_record(run: Run) -> int:
    """Return over how many steps the run averages each of its records; 1 where it was made before there were plans."""
    try:
        return Plan.model_validate(run.environment.get("plan")).steps_per_record
    except ValidationError:
        return 1


@dataclass(frozen=True)
class _Sent:
    """A `_Sent` says how far one chart of one session had been sent one run, after one message."""

    run_id: str
    step: int = 0
    """Last step of the newest point."""
    settled: int = 0
    """Last step of the newest point that does not change any more."""
    epoch: int = -1


def _memory(key: str) -> str:
    return f"_sent_{key}"


def _said(key: str) -> str:
    return f"_said_{key}"
