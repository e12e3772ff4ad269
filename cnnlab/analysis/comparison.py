"""This module decides from the accuracies of runs which is better, and what choosing the best epoch is worth.

A run is better where it is ahead by more than another seed would move it: the spread between runs that differ by their
seed alone is the yardstick, and not only the number of test pictures, which is the same for every seed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from cnnlab.analysis.intervals import difference95
from cnnlab.analysis.significance.seed_spread import SeedSpread, settings_of, spread_among
from cnnlab.formatting import count, percent, points, when_measured
from cnnlab.records import FullScores, Results, Score
from cnnlab.schema import TrainingConfig

SAME = 0.0005
"""Difference of two accuracies (0 to 1) below which it reads 0.0 points."""


@dataclass(frozen=True)
class Contender:
    """A `Contender` is one run of a comparison: its name, its settings and its scores on the whole sets."""

    name: str
    config: TrainingConfig
    scores: FullScores


@dataclass(frozen=True)
class Side:
    """A `Side` is what has the same settings in a comparison: one run, or several that differ by their seed alone."""

    runs: tuple[Contender, ...]

    @property
    def accuracy(self) -> float:
        """Return the mean test accuracy, 0 to 1."""
        return fmean(run.scores.test.accuracy for run in self.runs)

    @property
    def test(self) -> Score:
        """Return the score on the test set with the mean accuracy."""
        return self.runs[0].scores.test.model_copy(update={"accuracy": self.accuracy})

    @property
    def name(self) -> str:
        """Return the name of the run, or of the first of several."""
        first, n = self.runs[0].name, len(self.runs)
        return first if n == 1 else f"{first} (mean of {n} seeds)"


@dataclass(frozen=True)
class Weighed:
    """A `Weighed` holds the sides of a comparison, the highest accuracy first, and what another seed does to a run."""

    sides: tuple[Side, ...]
    spread: SeedSpread

    @property
    def lead(self) -> float:
        """Return how far the first side is ahead of the second."""
        return self.sides[0].accuracy - self.sides[1].accuracy

    @property
    def luck(self) -> float:
        """Return how far another seed alone may put one side ahead of the other, in 95 of 100 cases."""
        return self.spread.margin(len(self.sides[0].runs), len(self.sides[1].runs))

    @property
    def decided(self) -> bool:
        """Return whether the first side is better than the second by more than luck."""
        return len(self.sides) > 1 and self.lead > self.luck


def best_epoch(results: Results) -> str:
    """Return one sentence, as plain text: what choosing the best epoch by validation is worth on the test set."""
    final, best = results.final, results.best
    if best is None:
        return "The weights of the best epoch cannot be read any more: only the last epoch is measured here."
    if final.validation is None or best.validation is None:
        return "Without a validation set no epoch can be chosen fairly: the last one counts."
    if final == best and final.step is not None:
        return "No epoch has ended: there is none to choose from yet."
    if final == best:
        return f"The last epoch, {final.epoch}, is also the best by validation: it may not have finished learning."
    last = "the last" if final.step is None else f"the network {when_measured(final)},"
    return (
        f"Epoch {best.epoch} is the best by validation ({percent(best.validation.accuracy)}, {last} has "
        f"{percent(final.validation.accuracy)}); {_worth(best.test, final.test)}."
    )


def _worth(best: Score, final: Score) -> str:
    gain = best.accuracy - final.accuracy
    if abs(gain) < SAME:
        return "on the test set both are equally good"
    low, high = difference95(best, final)
    chance = ", within what chance explains" if low <= 0 <= high else ""
    return f"choosing it gives {points(abs(gain))} {'more' if gain > 0 else 'less'} test accuracy{chance}"


def comparison(runs: Sequence[Contender], known: Iterable[tuple[TrainingConfig, float]]) -> str:
    """Return one sentence, as plain text: which run is better on the test set, or that the runs are too close to call.

    `known`: the settings and test accuracies of all finished runs, these among them: they may show how much another
    seed does. Runs that differ by their seed alone count together, by their mean.
    """
    if len(runs) < 2:
        return ""
    datasets = sorted({run.config.dataset for run in runs})
    if len(datasets) > 1:
        return f"These runs were tested on different pictures ({', '.join(datasets)}): their accuracies do not compare."
    found = weigh(runs, known)
    if len(found.sides) == 1:
        return _luck_alone(runs)
    if found.decided:
        return _better(found)
    best, second = found.sides[:2]
    if found.spread.source == "assumed" and difference95(best.test, second.test)[0] > 0:
        return _on_these_pictures(best, second)
    return _too_close(found)


def weigh(runs: Sequence[Contender], known: Iterable[tuple[TrainingConfig, float]]) -> Weighed:
    """Put runs with the same settings together, and find out what luck does to such runs."""
    groups: dict[TrainingConfig, list[Contender]] = {}
    for run in runs:
        groups.setdefault(settings_of(run.config), []).append(run)
    sides = sorted((Side(tuple(group)) for group in groups.values()), key=lambda side: side.accuracy, reverse=True)
    spread = spread_among([run.config for run in runs], known)
    return Weighed(tuple(sides), spread.at_least(sides[0].accuracy, sides[0].test.n))


def _luck_alone(runs: Sequence[Contender]) -> str:
    levels = [run.scores.test.accuracy for run in runs]
    if max(levels) == min(levels):
        return f"These runs have the same settings, and the same test accuracy: {percent(levels[0])}."
    return (
        f"These runs differ by their seed alone: that their test accuracies lie between {percent(min(levels))} and "
        f"{percent(max(levels))} is luck, and none of them is better."
    )


def _better(found: Weighed) -> str:
    best, second = found.sides[:2]
    others = second.name if len(found.sides) == 2 else f"all others; {second.name} comes next"
    luck = (
        f"another seed alone explains up to {points(found.luck)}, as repeated runs show"
        if found.spread.source != "assumed"
        else f"no such run has been repeated, but another seed hardly explains more than {points(found.luck)}"
    )
    return (
        f"{best.name} is better than {others}: right on {percent(best.accuracy)} of the {_pictures(best)}, "
        f"{points(found.lead)} ahead; {luck}."
    )


def _on_these_pictures(best: Side, second: Side) -> str:
    """Say what holds of these very networks, where nobody knows what another seed would do."""
    low, high = difference95(best.test, second.test)
    return (
        f"{best.name} is right more often than {second.name} on these {_pictures(best)}: {percent(best.accuracy)} "
        f"against {percent(second.accuracy)} (95 % interval of the difference {points(low)} to {points(high)}). But "
        "another seed moves a run by about 1 point, a short one by more: repeat both with other seeds to see which "
        "settings are better."
    )


def _too_close(found: Weighed) -> str:
    best, second = found.sides[:2]
    if found.spread.source == "assumed":
        low, _ = difference95(best.test, second.test)
        luck = f"so many pictures alone explain up to {points(found.lead - low)} (95 %)"
    else:
        luck = f"another seed alone explains up to {points(found.luck)}"
    both = f"{best.name} and {second.name}"
    if found.lead < SAME:
        return f"{both} are equally good on the {_pictures(best)}; {luck}: too close to call."
    return f"{both} differ by {points(found.lead)} on the {_pictures(best)}; {luck}: too close to call."


def _pictures(side: Side) -> str:
    return f"{count(side.test.n)} test pictures"
