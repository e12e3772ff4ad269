"""This module draws the loss after each epoch under the slider of epochs: a click on the curve goes to that epoch."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import streamlit as st

from cnnlab.dashboard.inspect.bar.epochs import go_to
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


def draw(selection: Selection, records: Sequence[EpochRecord]) -> None:
    """Draw the loss on train sample and validation over the kept epochs, where there are two or more of these."""
    kept = selection.epochs
    if selection.run.imported or len(kept) < 2:
        return
    measured = {record.epoch: record for record in records}

    def jump() -> None:
        if (epoch := st.session_state[_KEY].chosen) in kept:
            go_to(epoch)

    data = {
        "epochs": kept,
        "at": selection.epoch,
        "best": selection.run.best_epoch,
        "train": [_loss(measured.get(epoch), "train_sample") for epoch in kept],
        "validation": [_loss(measured.get(epoch), "validation") for epoch in kept],
        "description": describe(records),
    }
    mount(data, jump)


def mount(data: Mapping[str, Any], jump: Callable[[], None]) -> None:
    """Draw the curve of these numbers; `jump` is called after a click, when the session's state has the epoch."""
    with st.container(key="room_loss_curve"):  # frame.css holds it open while the code of the curve is on its way
        _curve(key=_KEY, data=data, on_chosen_change=jump)


def describe(records: Sequence[EpochRecord]) -> str:
    """Return the curve in words, for those who do not see it."""
    if not records:
        return "No epoch has been measured yet."
    said = [f"train sample {_from_to([record.train_sample for record in records])}"]
    validated = [record.validation for record in records if record.validation]
    if validated:
        said.append(f"validation {_from_to(validated)}")
    return f"Loss from epoch {records[0].epoch} to {records[-1].epoch}, evaluation mode: {'; '.join(said)}."


def _from_to(scores: Sequence[Score]) -> str:
    return f"from {loss4(scores[0].loss)} to {loss4(scores[-1].loss)}"


def _loss(record: EpochRecord | None, set_name: str) -> float | None:
    """Return the loss of that epoch with all its digits; None where it was not measured, or is no number."""
    score: Any = getattr(record, set_name) if record else None
    return score.loss if score and isfinite(score.loss) else None
