"""This module decides from measured accuracy and loss whether a run overfits.

A sentence is only as strong as its evidence: curves are judged by means over several epochs (two consecutive
epochs differ by chance), and a difference counts only beyond what the number of pictures can tell apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import sqrt
from statistics import fmean

from cnnlab.formatting import percent, points
from cnnlab.records import EpochRecord, Results, Score

Z95 = 1.96
"""Half the width, in standard errors, of a 95 % interval."""

SMALLEST_GROWTH = 0.03
"""Smallest growth of the gap (0 to 1) that counts: 3 points, however many pictures measured the gap."""

RISE = 0.03
"""Relative rise of a mean loss above its lowest that counts as a rise: beyond the jitter from epoch to epoch."""

FEWEST_EPOCHS = 4


class Sign(Enum):
    """A `Sign` is what the accuracy and loss curves of a run show."""

    TOO_SHORT = "too short to say"
    NO_VALIDATION = "nothing to judge by"
    NONE = "no sign of overfitting"
    GROWING = "the gap grows, validation has not suffered"
    OVERFITS = "overfits"
    UNSTABLE = "train and validation both got worse"


@dataclass(frozen=True)
class Window:
    """A `Window` is the mean of a value over consecutive epochs."""

    first: int
    last: int
    mean: float

    def __str__(self) -> str:
        return f"epochs {self.first}–{self.last}"


@dataclass(frozen=True)
class Diagnosis:
    """A `Diagnosis` holds what the curves of one run show, with windows as evidence; None where `sign` needs none."""

    sign: Sign
    gap_low: Window | None = None
    """Train minus validation accuracy over the epochs where this gap was smallest."""
    gap_end: Window | None = None
    """Train minus validation accuracy over the last epochs."""
    loss_low: Window | None = None
    """Validation loss over the epochs where it was lowest."""
    loss_end: Window | None = None


def diagnose(epochs: Sequence[EpochRecord]) -> Diagnosis:
    """Judge a run by its accuracy and loss after each epoch.

    Overfitting is a gap between train and validation accuracy that has grown beyond chance *while* the
    validation loss rose from its lowest (Prechelt, "Early Stopping - But When?", 1998, judges by the same rise).
    """
    pairs = [(e.epoch, e.train_sample, e.validation) for e in epochs if e.validation is not None]
    if epochs and not pairs:
        return Diagnosis(Sign.NO_VALIDATION)
    if len(pairs) < FEWEST_EPOCHS:
        return Diagnosis(Sign.TOO_SHORT)

    def windows(value: Callable[[Score, Score], float]) -> list[Window]:
        return _windows([(epoch, value(train, validation)) for epoch, train, validation in pairs])

    gaps = windows(lambda train, validation: train.accuracy - validation.accuracy)
    losses = windows(lambda _, validation: validation.loss)
    train_losses = windows(lambda train, _: train.loss)
    gap_low, gap_end = min(gaps, key=_mean), gaps[-1]
    loss_low, loss_end = min(losses, key=_mean), losses[-1]

    _, train, validation = pairs[-1]
    chance = Z95 * sqrt(_variance(train) + _variance(validation))
    grew = gap_end.mean - gap_low.mean > max(SMALLEST_GROWTH, chance)
    rose = loss_end.mean > loss_low.mean * (1 + RISE)
    train_rose = train_losses[-1].mean > min(train_losses, key=_mean).mean * (1 + RISE)

    sign = Sign.NONE
    if grew:
        sign = Sign.OVERFITS if rose else Sign.GROWING
    elif rose and train_rose:
        sign = Sign.UNSTABLE
    return Diagnosis(sign, gap_low, gap_end, loss_low, loss_end)


def overfitting(name: str, epochs: Sequence[EpochRecord], results: Results | None) -> str:
    """Return one sentence, as plain text: whether the run `name` overfits, how much, and since when."""
    found = diagnose(epochs)
    if found.sign is Sign.NO_VALIDATION:
        return _without_validation(name, results)
    if found.gap_low is None or found.gap_end is None or found.loss_low is None or found.loss_end is None:
        return f"{name}: too short to judge; overfitting shows over {FEWEST_EPOCHS} epochs and more."
    low, end = points(found.gap_low.mean), points(found.gap_end.mean)
    grew = f"its gap grew from {low} ({found.gap_low}) to {end} ({found.gap_end})"
    if found.sign is Sign.OVERFITS:
        return (
            f"{name} overfits: {grew} while its validation loss rose from "
            f"{found.loss_low.mean:.2f} ({found.loss_low}) to {found.loss_end.mean:.2f}."
        )
    if found.sign is Sign.GROWING:
        return (
            f"{name} gets ahead on its training pictures: {grew}, but its validation loss has not risen: "
            "it does not overfit yet."
        )
    if found.sign is Sign.UNSTABLE:
        return (
            f"{name} got worse on train and validation alike ({found.loss_end}): that is unsteady training, "
            "not overfitting. Try a smaller learning rate."
        )
    still = " It still improves: more epochs may help." if found.loss_end is found.loss_low else ""
    return f"{name} shows no sign of overfitting: its gap at the end is {end}.{still}"


def _without_validation(name: str, results: Results | None) -> str:
    if results is None:
        return f"{name} has no validation set: its overfitting shows when it has finished, on the test set."
    train, test = results.final.train, results.final.test
    gap, chance = train.accuracy - test.accuracy, _chance(train, test)
    if gap <= chance:
        return f"{name} shows no sign of overfitting: train and test accuracy differ by no more than chance."
    return (
        f"{name} is {points(gap)} better on its training pictures ({percent(train.accuracy)}) than on the test "
        f"pictures ({percent(test.accuracy)}); 95 % interval {points(gap - chance)} to {points(gap + chance)}. "
        "Without a validation set nobody can say since which epoch."
    )


def _windows(values: Sequence[tuple[int, float]]) -> list[Window]:
    """Return the means over every stretch of epochs: a tenth of the run long, at least 3, never more than a third."""
    width = max(2, min(len(values) // 3, max(3, len(values) // 10)))
    stretches = (values[i : i + width] for i in range(len(values) - width + 1))
    return [Window(s[0][0], s[-1][0], fmean(value for _, value in s)) for s in stretches]


def _mean(window: Window) -> float:
    return window.mean


def _variance(score: Score) -> float:
    return score.accuracy * (1 - score.accuracy) / max(1, score.n)


def _chance(a: Score, b: Score) -> float:
    return Z95 * sqrt(_variance(a) + _variance(b))
