"""This module draws live curves by an element round uPlot that is given only new points, and so keeps the reader's zoom
and never blinks.

On a page, inside its polling fragment, with `cnnlab.dashboard.run.curve_feed`::

    live_chart(key="curves", **chart_data(store, run, key="curves"), on_resync=partial(forget, "curves"))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any

from cnnlab.dashboard.widgets.component import component
from cnnlab.records import EpochRecord

POINTS = 1_500
"""Of a whole run: more than a screen has room for. A longer run's points are means over more steps each."""

_chart = component(
    "live_chart",
    "vendor/uplot-1.6.32.css",
    "live_chart/live_chart.css",
    css=""":host { container-type: inline-size; }
    .live_chart { min-height: 396px; }
    @container (max-width: 699px) { .live_chart { min-height: 816px; } }""",
)


@dataclass(frozen=True)
class Columns:
    """`Columns` hold steps as columns of equal length, ready to be drawn."""

    step: Sequence[int]
    loss: Sequence[float]
    """Of the batches since the point before, in training mode, nats."""
    smooth: Sequence[float]
    """The same, averaged exponentially over the steps before it."""


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
    on_resync: Callable[[], None] | None = None,
) -> None:
    """Draw the loss by step on the left and the accuracy by epoch on the right; one below the other where there is no
    room.

    `steps_per_record`: what a point stands for where the run is short enough for all of them.
    `validation`: False for a run without such a set, whose legend is then without it as well.
    `first`: the steps up to this one are in the browser already, 0 begins afresh. Where the browser lacks some of
    them after all (a page left and opened again), it asks once: `on_resync` is called, and the next message must hold
    everything.
    """
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
        on_resync_change=on_resync or _nothing,
    )


def _nothing() -> None:
    pass


def _numbers(values: Sequence[float]) -> list[float | None]:
    """Return numbers that JSON can carry: it knows no infinity, and six digits are more than a screen shows."""
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
