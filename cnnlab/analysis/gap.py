"""This module defines the gap: how much better a run does on its training pictures than on pictures held out of training."""

from dataclasses import dataclass
from typing import Literal

from cnnlab.analysis.intervals import difference95
from cnnlab.records import EpochRecord, FullScores, Score


@dataclass(frozen=True)
class Gap:
    """A `Gap` is the train accuracy minus the accuracy on a held-out set, and which two sets they are."""

    train: Score
    other: Score
    train_set: Literal["train", "train sample"]
    other_set: Literal["validation", "test"]

    @property
    def value(self) -> float:
        """Return the gap as a difference of shares, -1 to 1; every screen rounds this number, and rounds it once."""
        return self.train.accuracy - self.other.accuracy

    @property
    def sets(self) -> str:
        """Return the two sets in words: "train − validation"."""
        return f"{self.train_set} \N{MINUS SIGN} {self.other_set}"

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the gap, which both numbers of pictures allow."""
        return difference95(self.train, self.other)


def gap_of(scores: FullScores) -> Gap:
    """Return the gap between whole sets: to the validation set where the run has one, else to the test set."""
    if scores.validation is not None:
        return Gap(scores.train, scores.validation, "train", "validation")
    return Gap(scores.train, scores.test, "train", "test")


def gap_to_test(scores: FullScores) -> Gap:
    """Return the gap between the whole training set and the test set, where a page means that one and says so."""
    return Gap(scores.train, scores.test, "train", "test")


def gap_after(epoch: EpochRecord) -> Gap | None:
    """Return the gap as a run measures it after an epoch, on a sample of train; None without validation pictures."""
    if epoch.validation is None:
        return None
    return Gap(epoch.train_sample, epoch.validation, "train sample", "validation")
