"""Live curves: an element round uPlot that is given only new points, and so keeps the reader's zoom and never blinks.

On a page, inside its polling fragment::

    live_chart(key="curves", **chart_data(store, run, key="curves"))
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, isfinite
from typing import Any, TypedDict

import streamlit as st
from pydantic import ValidationError

from cnnlab.dashboard.component import component
from cnnlab.dashboard.readings import Reading
from cnnlab.records import EpochRecord, Plan
from cnnlab.runs import Run, Store

POINTS = 1_500
"""Of a whole run: more than a screen has room for. A longer run's points are means over more steps each."""
AGAIN = 5
"""Each point travels with so many messages: of several that wait for a busy browser or network, Streamlit keeps the last."""

_chart = component(
    "live_chart",
    "uplot-1.6.32.css",
    "live_chart.css",
    css=""":host { container-type: inline-size; }
    .live_chart { min-height: 396px; }
    @container (max-width: 699px) { .live_chart { min-height: 816px; } }""",
)


@dataclass(frozen=True)
class Columns:
    """Steps as columns of equal length, ready to be drawn."""

    step: Sequence[int]
    loss: Sequence[float]
    """Of the batches since the point before, in training mode, nats."""
    smooth: Sequence[float]
    """The same, averaged exponentially over the steps before it."""


class ChartData(TypedDict):
    """What `live_chart` takes, but for its key and height."""

    run_id: str
    first: int
    steps: Columns
    epochs: list[EpochRecord]
    epochs_total: int
    steps_total: int
    validation: bool
    steps_per_record: int


def chart_data(store: Store | Reading, run: Run, *, key: str) -> ChartData:
    """What the chart `key` of this session does not have of `run` yet, and what it was sent last: see AGAIN.

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
    """Whether the chart `key` of this session has been sent points of `run`."""
    sent: deque[_Sent] | None = st.session_state.get(_memory(key))
    return bool(sent and sent[-1].run_id == run.id and sent[-1].step > 0)


def steps_per_record(run: Run) -> int:
    """Over how many steps the run averages each of its records; 1 where it was made before there were plans."""
    try:
        return Plan.model_validate(run.environment.get("plan")).steps_per_record
    except ValidationError:
        return 1


def horizon(steps_total: int) -> int:
    """Over about how many steps the smoothed line averages: a fiftieth of the run, 10 to 200."""
    return min(200, max(10, steps_total // 50))


@dataclass
class _Sent:
    """How far one chart of one session had been sent one run, after one message."""

    run_id: str
    step: int = 0
    epoch: int = -1
    total: float = 0.0
    weight: float = 0.0

    def take(self, step: int, loss: float, steps: int) -> float:
        """The smoothed loss with this point taken in, which stands for all steps since the last.

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


def live_chart(
    *,
    key: str,
    run_id: str,
    first: int,
    steps: Columns,
    epochs: list[EpochRecord],
    epochs_total: int,
    steps_total: int,
    validation: bool = True,
    steps_per_record: int = 1,
    height_px: int = 320,
) -> None:
    """Loss by step on the left, accuracy by epoch on the right; one below the other where there is no room.

    `steps_per_record`: what a point stands for where the run is short enough for all of them.
    `validation`: False for a run without such a set, whose legend is then without it as well.
    `first`: the steps up to this one are in the browser already, 0 begins afresh. Where the browser lacks some of
    them after all (a page left and opened again), it asks once, and the next `chart_data` sends everything.
    """

    def send_everything() -> None:
        st.session_state.pop(_memory(key), None)

    _chart(
        key=key,
        data={
            "run": run_id,
            "first": first,
            "step": list(steps.step),
            "loss": _numbers(steps.loss),
            "smooth": _numbers(steps.smooth),
            "epochs": [_epoch(record) for record in epochs],
            "epochsTotal": max(1, epochs_total),
            "stepsTotal": max(1, steps_total),
            "validation": validation,
            "height": height_px,
            "stepsAPoint": max(steps_per_record, ceil(steps_total / POINTS)),
        },
        on_resync_change=send_everything,
    )


def _numbers(values: Sequence[float]) -> list[float | None]:
    """JSON knows no infinity; six digits are more than a screen shows."""
    return [float(f"{value:.6g}") if isfinite(value) else None for value in values]


def _epoch(record: EpochRecord) -> dict[str, Any]:
    train, validation = record.train_sample, record.validation
    losses = _numbers([train.loss, *([validation.loss] if validation else [])])
    return {
        "epoch": record.epoch,
        "step": record.step,
        "train": train.accuracy,
        "trainLoss": losses[0],
        "validation": validation.accuracy if validation else None,
        "validationLoss": losses[1] if validation else None,
    }
