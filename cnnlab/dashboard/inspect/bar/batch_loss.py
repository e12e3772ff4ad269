"""This module tells the training loss around the steps of epoch 1 whose weights are kept: nothing was measured there."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cnnlab.dashboard.inspect.moments import Step
from cnnlab.dashboard.inspect.selection import Selection
from cnnlab.dashboard.state import listing
from cnnlab.formatting import count, loss4
from cnnlab.records import StepRecord
from cnnlab.runs import Store


class BatchLoss(NamedTuple):
    """A `BatchLoss` is the mean loss of the batches of some steps, each as its step was taken: in training mode."""

    first: int
    last: int
    loss: float

    def __str__(self) -> str:
        """Return it in words, with the steps that it is the mean of."""
        return f"training loss {loss4(self.loss)} (mean of steps {count(self.first)}–{count(self.last)})"


def read(store: Store, selection: Selection) -> Mapping[Step, BatchLoss]:
    """Return the loss around each kept step of epoch 1; read once for every visitor. Raises StoreError."""
    steps, run = [weights.step for weights in selection.early], selection.run
    if not steps:
        return {}
    until = 2 * steps[-1]

    def told() -> Mapping[Step, BatchLoss]:
        return around(store.steps(run.id, until=until), steps)

    if not run.last_epoch:  # some of these steps may still come
        return told()
    return listing.of(store).lasting.once(("batch loss", run.id, tuple(steps)), told)


def around(records: Sequence[StepRecord], steps: Sequence[int]) -> dict[Step, BatchLoss]:
    """Return for each of `steps` the mean loss from half as many steps to twice as many, over the pictures of epoch 1.

    A record counts whole; where records were joined, because the store was busy, some steps more count and are named.
    """
    begins = [0, *(record.step for record in records)]
    spans = [(begin, record) for begin, record in zip(begins, records, strict=False) if record.epoch == 1]
    found = {}
    for step in steps:
        near = [(begin, record) for begin, record in spans if begin < 2 * step and record.step > step / 2]
        pictures = sum(record.pictures or 1 for _, record in near)
        if pictures:
            loss = sum((record.pictures or 1) * record.loss for _, record in near) / pictures
            found[Step(step)] = BatchLoss(near[0][0] + 1, near[-1][1].step, loss)
    return found
