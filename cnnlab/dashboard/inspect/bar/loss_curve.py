"""This module draws the loss at each kept moment under the slider of epochs: a click on the curve goes to that moment."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import Any

import streamlit as st

from cnnlab.dashboard.inspect import moments
from cnnlab.dashboard.inspect.bar.batch_loss import BatchLoss
from cnnlab.dashboard.inspect.bar.epochs import go_to
from cnnlab.dashboard.inspect.moments import Moment, Step
from cnnlab.dashboard.inspect.selection import Selection
from cnnlab.dashboard.widgets.component import component
from cnnlab.formatting import loss4
from cnnlab.records import EpochRecord, Score

_KEY = "looking_loss"
_curve = component(
    "loss_curve",
    "loss_curve/loss_curve.css",
    css=""".loss_curve {
      height: 28px; }
    """,
)


def draw(
    selection: Selection, records: Sequence[EpochRecord], batches: Mapping[Step, BatchLoss] = MappingProxyType({})
) -> None:
    """Draw the loss on train sample and validation over the kept epochs, and that of the batches around first steps.

    Nothing is drawn where only one moment is kept.
    """
    kept = selection.moments
    if selection.run.imported or len(kept) < 2:
        return
    measured: dict[Moment, EpochRecord] = {record.epoch: record for record in records}
    by_name = {moments.name_of(moment): moment for moment in kept}

    def jump() -> None:
        if (chosen := st.session_state[_KEY].chosen) in by_name:
            go_to(by_name[chosen])

    best = selection.run.best_epoch
    around = [batches.get(moment) if isinstance(moment, Step) else None for moment in kept]
    data = {
        "moments": list(by_name),
        "at": selection.name,
        "best": None if best is None else moments.name_of(best),
        "train": [_loss(measured.get(moment), "train_sample") for moment in kept],  # a step is no epoch: None
        "validation": [_loss(measured.get(moment), "validation") for moment in kept],
        "batches": [one.loss if one and isfinite(one.loss) else None for one in around],
        "batches_said": [str(one) if one else "" for one in around],
        "description": describe(records, [one for one in around if one]),
    }
    mount(data, jump)


def mount(data: Mapping[str, Any], jump: Callable[[], None]) -> None:
    """Draw the curve of these numbers; `jump` is called after a click, when the session's state has the moment's name."""
    with st.container(key="room_loss_curve"):  # frame.css holds it open while the code of the curve is on its way
        _curve(key=_KEY, data=data, on_chosen_change=jump)


def describe(records: Sequence[EpochRecord], batches: Sequence[BatchLoss] = ()) -> str:
    """Return the curve in words, for those who do not see it."""
    before = ""
    if batches:
        first, last = batches[0], batches[-1]
        before = f" Within epoch 1, {first} and {last}."
    if not records:
        return f"No epoch has been measured yet.{before}"
    said = [f"train sample {_from_to([record.train_sample for record in records])}"]
    validated = [record.validation for record in records if record.validation]
    if validated:
        said.append(f"validation {_from_to(validated)}")
    return f"Loss from epoch {records[0].epoch} to {records[-1].epoch}, evaluation mode: {'; '.join(said)}.{before}"


def _from_to(scores: Sequence[Score]) -> str:
    return f"from {loss4(scores[0].loss)} to {loss4(scores[-1].loss)}"


def _loss(record: EpochRecord | None, set_name: str) -> float | None:
    """Return the loss of that epoch with all its digits; None where it was not measured, or is no number."""
    score: Any = getattr(record, set_name) if record else None
    return score.loss if score and isfinite(score.loss) else None
