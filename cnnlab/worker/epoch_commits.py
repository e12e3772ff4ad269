"""This module decides when an epoch is committed: at once where the writer is free, else together with the next state.

The weights before the first step, and those after steps 1, 2, 4, 8, … of epoch 1, are committed as soon as the writer has
nothing else to do, and no later than the next state.

An epoch counts only together with a state from which the run goes on after it: so no epoch that was shown is ever
trained again. Where epochs are shorter than writing a state takes, several share one; those in between have scores but no
weights, as if they had been thinned out. The best epoch always has its weights. What a network says of the pictures by
which it was measured goes with its weights.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch

from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.records import EpochRecord
from cnnlab.runs.retention import early_steps
from cnnlab.runs.run import CheckpointKind
from cnnlab.training import Fit, TrainingState
from cnnlab.worker.writer import Commit, Unwritten, Writer


class Epochs:
    """`Epochs` commits the epochs of one run in training.

    `before`: the epochs the run has had already. `budget_bytes`: how many bytes of weights the run may keep.
    """

    def __init__(self, training: Fit, writer: Writer, before: list[EpochRecord], budget_bytes: int) -> None:
        self._training, self._writer = training, writer
        self._waiting: list[EpochRecord] = []
        self._best = max(map(_accuracy, before), default=0.0)
        self._best_weights: Unwritten | None = None
        self._said: tuple[int, Mapping[str, Predictions]] = (0, {})  # an epoch, and what its network says of each set
        weights_bytes = sum(value.nbytes for value in training.model.state_dict().values())
        self._early_steps = early_steps(training.steps_per_epoch, weights_bytes, budget_bytes)
        self._first = [] if training.place.step else [self._copied("weights")]  # they wait for the writer

    @property
    def waiting(self) -> bool:
        """Return True while an epoch has ended that no training state has been handed over for."""
        return bool(self._waiting)

    def end(self, record: EpochRecord) -> None:
        """Take note that an epoch has just ended. Waits for no disk."""
        self._waiting.append(record)
        self._said = record.epoch, self._training.said
        better = _accuracy(record) > self._best
        if better:
            self._best, self._best_weights = _accuracy(record), None
        if self._writer.has_room():
            self.commit()
        elif better:
            self._best_weights = replace(self._copied("weights"), said=self._training.said)

    def commit(self) -> None:
        """Hand over the waiting epochs with the training state as it is now, between two records."""
        state, place = self._training.state(), self._training.place
        files = [Unwritten("state", state.meta, state.tensors)]
        if not place.step_in_epoch:  # between two epochs
            files.insert(0, self._weights(state))
        if self._best_weights:
            files.insert(0, self._best_weights)
        self._writer.add(Commit(self._waiting, [*self._first, *files]))
        self._waiting, self._best_weights, self._first = [], None, []

    def step(self) -> None:
        """Take note that steps were taken and handed over. Waits for no disk.

        The weights before the first step are handed over after it: somebody waits for that step. They are epoch 0, and like
        those within epoch 1 they need no state: the seed gives them again.
        """
        place = self._training.place
        if not place.epoch and place.step_in_epoch in self._early_steps:
            self._first.append(self._copied("early"))
        if self._first and self._writer.idle:
            self._writer.add(Commit([], self._first))
            self._first = []

    def commit_for_good(self) -> None:
        """Hand over the waiting epochs of a run that cannot go on: nothing of it will be trained again."""
        self._writer.add(Commit(self._waiting, [*self._first, *([self._best_weights] if self._best_weights else [])]))

    def _copied(self, kind: CheckpointKind) -> Unwritten:
        """Return a copy of the network's weights as they are now."""
        now = self._training.model.state_dict()
        copies = {
            name: value.to("cpu", copy=True, memory_format=torch.contiguous_format) for name, value in now.items()
        }
        return Unwritten(kind, vars(self._training.place).copy(), copies)

    def _weights(self, state: TrainingState) -> Unwritten:
        """Return the network's weights without a copy of their own, and what it says where it has just been measured."""
        epoch, said = self._said
        return Unwritten("weights", state.meta, state.of("model"), said if state.meta["epoch"] == epoch else {})


def _accuracy(record: EpochRecord) -> float:
    return record.validation.accuracy if record.validation else 0.0
