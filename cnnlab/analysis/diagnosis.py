"""This module decides from what a run has measured whether it learns, whether it overfits, and whether that can be told.

A conclusion is only as strong as its evidence: curves are judged by means over several epochs (two consecutive epochs
differ by chance), and a gap counts only beyond what the number of pictures can tell apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from statistics import fmean

from cnnlab.analysis.gap import Gap, gap_after, gap_of
from cnnlab.analysis.intervals import interval95
from cnnlab.data import DATASETS
from cnnlab.records import EpochRecord, Results, RunStatus

SMALLEST_GROWTH = 0.03
"""Smallest growth of the gap (0 to 1) that counts: 3 points, however many pictures measured the gap."""

LARGE_GAP = 0.05
"""A gap (0 to 1) that lies above this with its whole interval is large; one whose interval reaches farther than this to
either side tells nothing."""

MOSTLY_DEAD = 0.9
"""Share of the units of one layer that answer no picture from which on nothing passes the layer any more."""

LEARNT = 1.25
"""Accuracy, in multiples of the chance level, below which a network has learnt next to nothing. A network that always
gives the same answer is right a little more often than the chance level where its class happens to be frequent."""

SURELY_LITTLE = 2.0
"""Accuracy, in multiples of the chance level, that one of the sets must exclude before that is said: on fifty pictures
nearly any accuracy goes with chance."""

RISE = 0.03
"""Relative rise of a mean loss above its lowest that counts as a rise: beyond the jitter from epoch to epoch."""

FALL = 0.01
"""Relative fall of the validation loss over the last epochs that is worth training on for."""

FEWEST_EPOCHS = 4
BLOCKS = 4
"""Stretches of epochs at a run's end whose mean loss must fall each time where a run is said to improve still. Of a flat
curve with jitter, 1 in 4! = 24 (4.2 %) falls that often by chance, whatever the jitter is like."""


class Sign(Enum):
    """A `Sign` is what a run shows."""

    DIVERGED = "the loss stopped being a number"
    NOTHING_LEARNT = "no better than chance"
    TOO_SHORT = "too short to say"
    NO_VALIDATION = "nothing to judge by yet"
    CANNOT_TELL = "too few pictures to tell"
    NONE = "no sign of overfitting"
    LARGE_GAP = "the gap is large and did not grow"
    GROWING = "the gap grows, but validation is not worse"
    OVERFITS = "overfits"
    UNSTABLE = "train and validation both got worse"


@dataclass(frozen=True)
class Evidence:
    """An `Evidence` is what a run has measured so far."""

    status: RunStatus
    epochs: Sequence[EpochRecord]
    results: Results | None = None
    num_classes: int | None = None
    """None where nobody knows it any more: then nothing is compared with the chance level."""

    @property
    def gap(self) -> Gap | None:
        """Return the run's gap: of the whole sets once they are measured, until then as after its newest epoch."""
        if self.results:
            return gap_of(self.results.final)
        return gap_after(self.epochs[-1]) if self.epochs else None

    @property
    def dead_layer(self) -> tuple[str, int, int] | None:
        """Return the first layer of which nearly all units are dead, with their number and that of all; None without."""
        counted = self.results.dead_units.items() if self.results else ()
        return next(((name, dead, n) for name, (dead, n) in counted if dead >= MOSTLY_DEAD * n), None)


def evidence_of(
    status: RunStatus, dataset: str, epochs: Sequence[EpochRecord], results: Results | None = None
) -> Evidence:
    """Return what a run on the dataset of that name has measured, to be seen against that dataset's chance level."""
    known = dataset in DATASETS.names()
    return Evidence(status, epochs, results, len(DATASETS.get(dataset).info.classes) if known else None)


@dataclass(frozen=True)
class Window:
    """A `Window` is the mean of a value over consecutive epochs."""

    first: int
    last: int
    mean: float

    def __str__(self) -> str:
        return f"epochs {self.first}–{self.last}"


@dataclass(frozen=True)
class Course:
    """A `Course` says how the gap and the validation loss went from epoch to epoch."""

    gap_low: Window
    """Mean gap, train sample minus validation, over the epochs where it was smallest."""
    gap_end: Window
    loss_low: Window
    """Mean validation loss over the epochs where it was lowest."""
    loss_end: Window
    grew: bool
    """Whether the gap grew by more than chance."""
    rose: bool
    """Whether the validation loss rose from its lowest."""
    train_rose: bool
    improves: bool
    """Whether the validation loss still falls, by more than jitter."""

    @property
    def growth(self) -> float:
        """Return by how much the mean gap grew, as a difference of shares."""
        return self.gap_end.mean - self.gap_low.mean


@dataclass(frozen=True)
class Diagnosis:
    """A `Diagnosis` holds what a run shows, with what it was judged by."""

    sign: Sign
    gap: Gap | None = None
    course: Course | None = None
    """None where the run has no validation set, or too few epochs."""


def diagnose(evidence: Evidence) -> Diagnosis:
    """Judge a run by its status, its newest scores and its scores after each epoch.

    Overfitting is a gap between train and validation accuracy that is large or has grown beyond chance *while* the
    validation loss rose from its lowest (Prechelt, "Early Stopping - But When?", 1998, judges by the same rise).
    """
    gap, course = evidence.gap, _course(evidence.epochs)
    if evidence.status is RunStatus.DIVERGED:
        return Diagnosis(Sign.DIVERGED, gap, course)
    if gap is None:
        return Diagnosis(Sign.NO_VALIDATION if evidence.epochs else Sign.TOO_SHORT)
    if _nothing_learnt(gap, evidence.num_classes):
        return Diagnosis(Sign.NOTHING_LEARNT, gap, course)
    return Diagnosis(_sign(gap, course), gap, course)


def _sign(gap: Gap, course: Course | None) -> Sign:
    low, high = gap.interval
    large = low > LARGE_GAP
    if course and course.grew:
        return Sign.OVERFITS if course.rose else Sign.GROWING
    if course and course.rose and course.train_rose:
        return Sign.UNSTABLE
    if large:
        return Sign.OVERFITS if course and course.rose else Sign.LARGE_GAP
    if course is None and gap.other_set == "validation":
        return Sign.TOO_SHORT
    return Sign.CANNOT_TELL if max(high - gap.value, gap.value - low) > LARGE_GAP else Sign.NONE


def _nothing_learnt(gap: Gap, num_classes: int | None) -> bool:
    """Return whether neither the pictures trained on nor others are answered better than by chance, and enough of either
    were measured to be sure of it.
    """
    if not num_classes:
        return False
    chance = 1 / num_classes
    intervals = [interval95(score.accuracy, score.n) for score in (gap.train, gap.other)]
    little = all(low <= LEARNT * chance for low, _ in intervals)
    return little and any(high <= SURELY_LITTLE * chance for _, high in intervals)


def _course(epochs: Sequence[EpochRecord]) -> Course | None:
    measured = [(epoch, gap) for epoch in epochs if (gap := gap_after(epoch))]
    if len(measured) < FEWEST_EPOCHS:
        return None

    def windows(value: Callable[[Gap], float]) -> list[Window]:
        return _windows([(record.epoch, value(gap)) for record, gap in measured])

    gaps = windows(lambda gap: gap.value)
    losses, train_losses = windows(lambda gap: gap.other.loss), windows(lambda gap: gap.train.loss)
    gap_low, gap_end = min(gaps, key=_mean), gaps[-1]
    loss_low, loss_end = min(losses, key=_mean), losses[-1]
    last = measured[-1][1]
    return Course(
        gap_low,
        gap_end,
        loss_low,
        loss_end,
        grew=gap_end.mean - gap_low.mean > max(SMALLEST_GROWTH, last.value - last.interval[0]),
        rose=loss_end.mean > loss_low.mean * (1 + RISE),
        train_rose=train_losses[-1].mean > min(train_losses, key=_mean).mean * (1 + RISE),
        improves=still_falls([gap.other.loss for _, gap in measured]),
    )


def still_falls(losses: Sequence[float]) -> bool:
    """Return whether a loss still falls at its end: in each of `BLOCKS` stretches it is lower than in the one before."""
    width = max(1, len(losses) // 10)
    tail = losses[-BLOCKS * width :]
    means = [fmean(tail[i : i + width]) for i in range(0, len(tail), width)]
    return all(later < earlier for earlier, later in pairwise(means)) and means[-1] < means[0] * (1 - FALL)


def _windows(values: Sequence[tuple[int, float]]) -> list[Window]:
    """Return the means over every stretch of epochs: a tenth of the run long, at least 3, never more than a third."""
    width = max(2, min(len(values) // 3, max(3, len(values) // 10)))
    stretches = (values[i : i + width] for i in range(len(values) - width + 1))
    return [Window(s[0][0], s[-1][0], fmean(value for _, value in s)) for s in stretches]


def _mean(window: Window) -> float:
    return window.mean
