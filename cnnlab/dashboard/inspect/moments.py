"""This module names the moments of a run whose weights are kept, an epoch's end or a step of epoch 1, for people and links."""

from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.dashboard.state import query_params as url
from cnnlab.formatting import count
from cnnlab.runs.run import Checkpoint


@dataclass(frozen=True)
class Step:
    """A `Step` is the moment after that many optimizer steps of epoch 1."""

    number: int

    def __str__(self) -> str:
        """Return the text that the slider shows."""
        return f"step {self.number}"


Moment = int | Step
"""The end of the epoch of that number (0: before the first step), or a step of epoch 1."""


def moment_of(weights: Checkpoint) -> Moment:
    """Return the moment at which these weights were saved."""
    return Step(weights.step) if weights.kind == "early" else weights.epoch


def name_of(moment: Moment) -> str:
    """Return the moment in words: "epoch 3", "step 8 of epoch 1"."""
    return f"step {count(moment.number)} of epoch 1" if isinstance(moment, Step) else f"epoch {moment}"


def when(moment: Moment) -> str:
    """Return in words at which moment something is: "at epoch 3", "after 8 steps of epoch 1"."""
    if not isinstance(moment, Step):
        return f"at epoch {moment}"
    return f"after {count(moment.number)} step{'s' if moment.number > 1 else ''} of epoch 1"


def address_of(moment: Moment | None) -> dict[str, int | None]:
    """Return what the address says of the moment: `epoch` or `step`; neither for None, which is the newest moment."""
    if isinstance(moment, Step):
        return {"epoch": None, "step": moment.number}
    return {"epoch": moment, "step": None}


def asked() -> Moment | None:
    """Return the moment that the address names; None where it names none, or what it names is no whole number."""
    step = url.number("step")
    return url.number("epoch") if step is None else Step(step)


def is_asked() -> bool:
    """Return whether the address has anything to say of the moment."""
    return bool(url.asked("epoch") or url.asked("step"))


def nearest(kept: Sequence[Checkpoint], moment: Moment) -> Checkpoint:
    """Return the checkpoint nearest to `moment`: of all for a step, of those of epochs for an epoch."""
    if isinstance(moment, Step):
        return min(kept, key=lambda weights: abs(weights.step - moment.number))
    epochs = [weights for weights in kept if weights.kind == "weights"]
    return min(epochs, key=lambda weights: abs(weights.epoch - moment))
