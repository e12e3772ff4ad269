"""This module draws live curves by an element round uPlot that is given only new points, and so keeps the reader's zoom
and never blinks.

On a page, inside its polling fragment, with `cnnlab.dashboard.run.curve_feed`::

    live_chart(key="curves", **chart_data(store, run, key="curves"), on_resync=partial(forget, "curves"))
"""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from cnnlab.analysis.gap import gap_after
from cnnlab.dashboard.widgets.component import component
from cnnlab.formatting import count, points
from cnnlab.records import EpochRecord, Score
from cnnlab.runs import Curve

_chart = component(
    "live_chart",
    "vendor/uplot-1.6.32.css",
    "live_chart/live_chart.css",
    css=""":host { container-type: inline-size; }
    .live_chart { min-height: 388px; }
    @container (max-width: 799px) { .live_chart { min-height: 410px; } }
    @container (max-width: 699px) { .live_chart { min-height: 844px; } }""",
)


def smoothed_over(steps_total: int, steps_per_point: int = 1) -> int:
    """Return over how many steps, half before and half after, the thick line smooths: a 25th of the run, 20 or more, and
    five points or more, because a line through fewer is hardly smoother than they are.

    Two digits: it stands in a sentence.
    """
    return max(20, int(float(f"{max(steps_total / 25, 5 * steps_per_point):.2g}")))


def live_chart(
    *,
    key: str,
    run_id: str,
    first: int,
    curve: Curve,
    epochs: list[EpochRecord],
    epochs_total: int,
    steps_total: int,
    validation: bool = True,
    steps_per_point: int = 1,
    ended: bool = False,
    height_px: int = 312,
    on_resync: Callable[[], None] | None = None,
) -> None:
    """Draw the loss by step on the left and the accuracy by epoch on the right; one below the other where there is no
    room.

    `steps_per_point`: how many steps a point of the curve stands for, the last of an epoch often for fewer.
    `validation`: False for a run without such a set, whose legend is then without it as well.
    `ended`: True for a run that goes on no more, of which nothing is awaited.
    `first`: the points up to this step are in the browser already, and `curve` takes the place of all that follow; 0
    begins afresh. Where the browser lacks some of them after all (a page left and opened again), it asks once:
    `on_resync` is called, and the next message must hold everything.
    """
    _chart(
        key=key,
        data={
            "run": run_id,
            "first": first,
            "step": curve.step,
            "loss": _short(curve.loss),
            "least": _short(curve.least),
            "greatest": _short(curve.greatest),
            "epochs": [_epoch(record) for record in epochs],
            "epochsTotal": max(1, epochs_total),
            "stepsTotal": max(1, steps_total),
            "validation": validation,
            "ended": ended,
            "height": height_px,
            "stepsAPoint": steps_per_point,
            "smoothedOver": smoothed_over(steps_total, steps_per_point),
        },
        on_resync_change=on_resync or _nothing,
    )


def caption(steps_per_point: int, steps_total: int) -> str:
    """Say what the three lines of the loss are."""
    point = "each step's loss on its own batch"
    if steps_per_point > 1:
        point = (
            f"the mean loss of up to {count(steps_per_point)} steps, each on its own batch, and the pale band reaches from the "
            "lowest of them to the highest"
        )
    over = count(smoothed_over(steps_total, steps_per_point))
    return (
        f"Loss falls as the network learns. The thin line is {point}. The thick line smooths it over {over} steps, as many "
        "after a point as before it, so that it does not lag behind; where it is dotted, it may still move."
    )


def _nothing() -> None:
    pass


def _short(values: Sequence[float]) -> list[float | None]:
    """Return numbers that JSON can carry: it knows no infinity, and six digits are more than a screen shows."""
    return [float(f"{value:.6g}") if isfinite(value) else None for value in values]


def _epoch(record: EpochRecord) -> dict[str, Any]:
    train, validation, gap = record.train_sample, record.validation, gap_after(record)
    return {
        "epoch": record.epoch,
        "step": record.step,
        "train": train.accuracy,
        "trainLoss": _finite(train),
        "validation": validation.accuracy if validation else None,
        "validationLoss": _finite(validation) if validation else None,
        "gap": f"gap ({gap.sets}) {points(gap.value)}" if gap else "",  # one rounding for the tile and the legend
    }


def _finite(score: Score) -> float | None:
    """Return the loss with all its digits, so that it is rounded once, where it is written."""
    return score.loss if isfinite(score.loss) else None
