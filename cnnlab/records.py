"""This module holds what a run reports of itself: its status, its steps, its epochs and its final scores."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RunStatus(StrEnum):
    """A `RunStatus` says where a run stands. Only `running` has a process; every other status can be told from the
    store alone.
    """

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    IMPORTED = "imported"
    """Weights from a file, to look inside: nothing of it was trained or measured here."""

    @property
    def active(self) -> bool:
        """Return True while something may still happen to the run by itself."""
        return self in (RunStatus.QUEUED, RunStatus.RUNNING)

    @property
    def resumable(self) -> bool:
        """Return True where `continue` makes sense: the run has ended before its last epoch, but not by its own
        settings.

        What makes a run fail (a full disk, a missing dataset, a busy device) may be over when it is continued.
        """
        return self in (RunStatus.PAUSED, RunStatus.STOPPED, RunStatus.INTERRUPTED, RunStatus.FAILED)

    @property
    def measurable(self) -> bool:
        """Return True where a run may be measured where it stands: a person or the machine has ended it early."""
        return self in (RunStatus.PAUSED, RunStatus.STOPPED, RunStatus.INTERRUPTED)


class Record(BaseModel):
    """A `Record` is something a run reports. It is frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(Record):
    """A `Score` is the loss and accuracy of one network on one set: eval mode, no augmentation, no label smoothing."""

    loss: float
    """Mean cross entropy, nats."""
    accuracy: float
    """Share of right answers, 0 to 1."""
    n: int
    """Pictures measured."""
    views: int = 1
    """Views of each picture whose logits were averaged: 1 without test-time augmentation."""


class StepRecord(Record):
    """A `StepRecord` stands for the optimizer steps since the record before: one where steps are slow, many where they
    are quick.
    """

    step: int
    """The last of them: 1, 2, … over the whole run."""
    epoch: int
    """The epoch they belong to, from 1."""
    loss: float
    """Mean cross entropy over their pictures, nats: as they were trained on (with dropout, augmented), but without label
    smoothing, as every other loss is. Records without `pictures` are of an older cnnlab, which took the mean over the
    batches and left label smoothing in."""
    accuracy: float
    """Share of right answers among their pictures, as they were trained on, 0 to 1."""
    lr: float
    """Of the last of them."""
    elapsed_s: float
    """Training time since the run's first step, pauses and evaluation left out."""
    pictures: int | None = None
    """Pictures in their batches: the last batch of an epoch may be short. None in records of an older cnnlab."""
    objective: float | None = None
    """Mean over their pictures of what the optimizer made smaller, where that is not `loss`: with label smoothing."""
    least_loss: float = Field(default_factory=lambda read: read["loss"])
    """The lowest loss of one of them."""
    greatest_loss: float = Field(default_factory=lambda read: read["loss"])
    """The highest loss of one of them."""


class EpochRecord(Record):
    """An `EpochRecord` is what was measured after an epoch: 1, 2, … (the network before its first step has weights, but
    no record).
    """

    epoch: int
    step: int
    """Steps taken so far."""
    running_loss: float
    """The tutorial's own figure: the mean over the epoch's batches of what the optimizer saw, in which a short last batch
    weighs as much as a whole one. To compare with the tutorial, and for nothing else."""
    train_sample: Score
    """A fixed sample of the training set: as many pictures as the validation set has, or 5,000 without one; never more
    than there are.
    """
    validation: Score | None
    """The whole validation set; None where the run has none."""
    elapsed_s: float
    """Training time since the run's first step, pauses and evaluation left out."""
    training_loss: float | None = None
    """Mean cross entropy over the epoch's pictures, each as it was trained on, without label smoothing. None in records
    of an older cnnlab."""

    @property
    def loss(self) -> float:
        """Return the epoch's loss while it trained: over its pictures, or as an older cnnlab averaged it."""
        return self.running_loss if self.training_loss is None else self.training_loss


class FullScores(Record):
    """`FullScores` are the scores of one network on the whole of each set."""

    epoch: int
    """Epochs completed before it was measured."""
    train: Score
    validation: Score | None
    test: Score
    test_augmented: Score | None = None
    """The test set with test-time augmentation, where the run asked for it; never in the place of `test`."""
    step: int | None = None
    """The step it stands at where it was stopped within an epoch; None at the end of an epoch."""


class Plan(Record):
    """A `Plan` says how a run computes on its machine. The run's bits depend on the plan, so a continued run keeps it."""

    threads: int
    """Of the CPU."""
    memory_format: Literal["contiguous", "channels_last", "blocked"]
    """How weights and pictures lie in memory; blocked: contiguous outside, oneDNN's own order within the base."""
    precision: Literal["float32", "bfloat16"]
    """What was used; the config says what was asked for."""
    steps_per_record: int
    """Steps averaged into one StepRecord, counted from the start of each epoch."""
    captured: bool = False
    """The whole step is replayed as one CUDA graph."""
    note: str = ""
    """What was chosen and why, in sentences."""


class Forecast(Record):
    """A `Forecast` says what a run will take on its machine, from real steps before the run."""

    epoch_s: tuple[float, float]
    """Lowest and highest likely time of an epoch's training, evaluation left out."""
    memory_bytes: tuple[int, int]
    """Lowest and highest likely peak, of the GPU where there is one, else of the process."""
    steps: int
    """Steps measured."""
    result_s: tuple[float, float] | None = None
    """Lowest and highest likely time from the run's beginning to its result: start-up, training, measuring."""


class Phase(Record):
    """A `Phase` says what a run in training is doing at a moment, and when its result is expected."""

    doing: Literal["training", "measuring", "scoring"]
    """measuring: the sets after an epoch. scoring: the whole of each set, at the end."""
    step: int
    """Steps taken at that moment: once there are more, a measuring is over."""
    due_at: float
    """When the result is expected, measuring included: seconds since 1970."""
    set: str = ""
    """The set that is measured: "train sample", "test", …"""
    views: int = 1
    """Views of each picture that are measured."""
    done: int = 0
    """Pictures of the set that are measured."""
    total: int = 0
    """Pictures in the set."""


class Usage(Record):
    """A `Usage` says what a run did take, beside its `Forecast`."""

    epoch_s: float
    """Median time of an epoch's training, evaluation left out."""
    memory_bytes: int | None
    """Peak, of the GPU where there is one, else of the process; None where the machine does not tell."""
    start_s: float | None = None
    """Time from the run's beginning to its first step; None for a run that was continued."""
    result_s: float | None = None
    """Time from the run's beginning to its result; None for a run that was continued."""


class Results(Record):
    """`Results` are the scores that a finished run, or a stopped one where it stands, is judged by."""

    final: FullScores
    best: FullScores | None
    """At the epoch of the highest validation accuracy (the earliest of equals); without validation, the last.
    None where that epoch's weights cannot be read any more."""
    usage: Usage | None = None
    dead_units: dict[str, tuple[int, int]] = {}
    """For each ReLU by its name: units that answer none of a sample of pictures, and all its units; empty where nobody
    looked.
    """


class Preflight(Record):
    """A `Preflight` says what a run would take on this machine, measured before there is a run."""

    plan: Plan
    forecast: Forecast
    machine: str
    """What measured it, for people: "NVIDIA H200", "CPU (2 cores)"."""
    device: Literal["cpu", "cuda", "mps"]
    """The kind of device it was, as torch names it."""


class LrRange(Record):
    """An `LrRange` is a learning-rate range test: several short tests with different seeds, and the rates they point to."""

    lr: tuple[float, ...]
    """The rates, from the lowest to the highest: each test takes one step with each."""
    losses: tuple[tuple[float, ...], ...]
    """One row a test: the loss of each step's batch, in training mode, nats. A test ends early where its loss blows up."""
    smoothed: tuple[float, ...]
    """The mean of the tests' smoothed losses, for as many rates as every test has reached."""
    rates: tuple[float, ...]
    """The rate that each test points to; empty where the mean of the smoothed losses hardly fell, or is too short."""
    band: tuple[float, float] | None
    """The lowest and the highest of `rates`; None where the tests show nothing to go by."""
    suggestion: float | None
    """The middle of the band on a log scale; None where there is no band."""
    reason: str
    """Why, in sentences."""
