"""What a run reports of itself: its status, its steps, its epochs, its final scores."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class RunStatus(StrEnum):
    """Where a run stands. Only `running` has a process; every other one can be told from the store alone."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def active(self) -> bool:
        """True while something may still happen by itself."""
        return self in (RunStatus.QUEUED, RunStatus.RUNNING)

    @property
    def resumable(self) -> bool:
        """True where `continue` makes sense: the run has ended before its last epoch, but not by its own settings.

        What makes a run fail (a full disk, a missing dataset, a busy device) may be over when it is continued.
        """
        return self in (RunStatus.PAUSED, RunStatus.STOPPED, RunStatus.INTERRUPTED, RunStatus.FAILED)


class Record(BaseModel):
    """What a run reports. Frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(Record):
    """Loss and accuracy of one set: eval mode, no augmentation, no label smoothing."""

    loss: float
    """Mean cross entropy, nats."""
    accuracy: float
    """Share of right answers, 0 to 1."""
    n: int
    """Pictures measured."""


class StepRecord(Record):
    """One optimizer step."""

    step: int
    """1, 2, … over the whole run."""
    epoch: int
    """The epoch it belongs to, from 1."""
    loss: float
    """Of this batch, in training mode: what the optimizer saw."""
    accuracy: float
    """Of this batch, in training mode, 0 to 1."""
    lr: float
    elapsed_s: float
    """Training time since the run's first step, pauses and evaluation left out."""


class EpochRecord(Record):
    """The state of affairs after an epoch: 1, 2, … (the network before its first step has weights, but no record)."""

    epoch: int
    step: int
    """Steps taken so far."""
    running_loss: float
    """Mean of the epoch's step losses, as the tutorial prints it."""
    train_sample: Score
    """A fixed sample of the training set, as large as the validation set."""
    validation: Score | None
    """The whole validation set; None where the run has none."""
    elapsed_s: float
    """Training time since the run's first step, pauses and evaluation left out."""


class FullScores(Record):
    """One network on the whole of each set."""

    epoch: int
    train: Score
    validation: Score | None
    test: Score


class Results(Record):
    """What a finished run is judged by."""

    final: FullScores
    best: FullScores | None
    """At the epoch of the highest validation accuracy (the earliest of equals); without validation, the last.
    None where that epoch's weights cannot be read any more."""
