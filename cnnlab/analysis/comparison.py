"""This module decides from the accuracies of runs which is better, and what choosing the best epoch is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from cnnlab.formatting import count, percent, points
from cnnlab.records import FullScores, Results, Score

Z95 = 1.96
"""Half the width, in standard errors, of a 95 % interval."""


@dataclass(frozen=True)
class Contender:
    """A `Contender` is one run of a comparison: its name, its dataset and its scores on the whole sets."""

    name: str
    dataset: str
    scores: FullScores


def best_epoch(results: Results) -> str:
    """Return one sentence, as plain text: what choosing the best epoch by validation is worth on the test set."""
    final, best = results.final, results.best
    if best is None:
        return "The weights of the best epoch cannot be read any more: only the last epoch is measured here."
    if final.validation is None or best.validation is None:
        return "Without a validation set no epoch can be chosen fairly: the last one counts."
    if final.epoch == best.epoch:
        return f"The last epoch, {final.epoch}, is also the best by validation: it may not have finished learning."
    gain = best.test.accuracy - final.test.accuracy
    worth = f"{points(abs(gain))} {'more' if gain > 0 else 'less'} test accuracy"
    if abs(gain) <= _chance(best.test, final.test):
        worth += ", within what chance explains"
    return (
        f"Epoch {best.epoch} is the best by validation ({percent(best.validation.accuracy)}, the last has "
        f"{percent(final.validation.accuracy)}); choosing it gives {worth}."
    )


def comparison(runs: Sequence[Contender]) -> str:
    """Return one sentence, as plain text: which run is better on the test set, or that the runs are too close to call.

    The difference of two shares of right answers is judged by its 95 % interval (Newcombe, "Interval estimation
    for the difference between independent proportions", 1998, method 1), which knows nothing of other seeds.
    """
    if len(runs) < 2:
        return ""
    datasets = sorted({run.dataset for run in runs})
    if len(datasets) > 1:
        return f"These runs were tested on different pictures ({', '.join(datasets)}): their accuracies do not compare."
    best, second = sorted(runs, key=lambda run: run.scores.test.accuracy, reverse=True)[:2]
    difference = best.scores.test.accuracy - second.scores.test.accuracy
    chance = _chance(best.scores.test, second.scores.test)
    pictures = f"{count(best.scores.test.n)} test pictures"
    if difference <= chance:
        return (
            f"{best.name} and {second.name} differ by {points(difference)} on the {pictures}; chance alone "
            f"explains up to {points(chance)} (95 %): too close to call."
        )
    others = second.name if len(runs) == 2 else f"all others; {second.name} comes next"
    return (
        f"{best.name} is better than {others}: right on {percent(best.scores.test.accuracy)} of the {pictures}, "
        f"{points(difference)} ahead (95 % interval {points(difference - chance)} to {points(difference + chance)}). "
        "Another seed could still move both."
    )


def _chance(a: Score, b: Score) -> float:
    return Z95 * sqrt(sum(score.accuracy * (1 - score.accuracy) / max(1, score.n) for score in (a, b)))
