"""This module works out what the live chart of a browser lacks of a run, so that each message carries only new points."""

from collections import deque
from dataclasses import dataclass, replace
from typing import TypedDict

import streamlit as st
from pydantic import ValidationError

from cnnlab.dashboard.state.run_snapshot import Reading
from cnnlab.dashboard.widgets.live_chart import POINTS, Columns
from cnnlab.records import EpochRecord, Plan
from cnnlab.runs import Run, Store

AGAIN = 5
"""Each point travels with so many messages: of several that wait for a busy browser or network, Streamlit keeps the last."""


class ChartData(TypedDict):
    """`ChartData` holds what `live_chart` takes, but for its key, height and callback."""

    run_id: str
    first: int
    steps: Columns
    epochs: list[EpochRecord]
    epochs_total: int
    steps_total: int
    validation: bool
    steps_per_record: int


def chart_data(store: Store | Reading, run: Run, *, key: str) -> ChartData:
    """Return what the chart `key` of this session does not have of `run` yet, and what it was sent last: see AGAIN.

    Raises StoreError where the store cannot be read.
    """
    sent: deque[_Sent] | None = st.session_state.get(_memory(key))
    if not sent or sent[-1].run_id != run.id or run.step < sent[-1].step:  # another run, or it went back to a state
        sent = st.session_state[_memory(key)] = deque([_Sent(run.id)], maxlen=AGAIN)
    base, steps_total = sent[0], run.steps_total or 0
    if base.step == 0:
        sent.clear()  # everything is sent once, not again and again
    curve = store.curve(run.id, after=base.step, points=POINTS)
    epochs = [record for record in store.epochs(run.id) if record.epoch > base.epoch]
    now = replace(base, epoch=epochs[-1].epoch if epochs else base.epoch)
    smooth = [now.take(step, loss, horizon(steps_total)) for step, loss in zip(curve.step, curve.loss, strict=True)]
    sent.append(now)
    return {
        "run_id": run.id,
        "first": base.step,
        "steps": Columns(curve.step, curve.loss, smooth),
        "epochs": epochs,
        "epochs_total": run.config.epochs,
        "steps_total": steps_total,
        "validation": run.config.validation_size > 0,
        "steps_per_record": steps_per_record(run),
    }


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


def horizon(steps_total: int) -> int:
    """Return over about how many steps the smoothed line averages: a fiftieth of the run, 10 to 200."""
    return min(200, max(10, steps_total // 50))


@dataclass
class _Sent:
    """A `_Sent` says how far one chart of one session had been sent one run, after one message."""

    run_id: str
    step: int = 0
    epoch: int = -1
    total: float = 0.0
    weight: float = 0.0

    def take(self, step: int, loss: float, steps: int) -> float:
        """Return the smoothed loss with this point taken in, which stands for all steps since the last point.

        Total and weight decay alike, so nothing pulls the line's beginning towards zero (D. P. Kingma and J. Ba,
        "Adam", ICLR 2015, section 3: the same correction).
        """
        keep = (1 - 1 / steps) ** (step - self.step)
        self.total = keep * self.total + (1 - keep) * loss
        self.weight = keep * self.weight + (1 - keep)
        self.step = step
        return self.total / self.weight


def _memory(key: str) -> str:
    return f"_sent_{key}"
