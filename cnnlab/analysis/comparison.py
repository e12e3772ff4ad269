"""This module decides from the accuracies of runs which is better, and what choosing the best epoch is worth.

A run is better where it is ahead by more than another seed would move it: the spread between runs that differ by their
seed alone is the yardstick, and not only the number of test pictures, which is the same for every seed. How far two
networks themselves differ is judged picture by picture, where what each answered is known.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from cnnlab.analysis.intervals import difference95, paired95
from cnnlab.analysis.significance.answers import Answers, Split, split
from cnnlab.analysis.significance.seed_spread import (
    SeedSpread,
    between,
    own_spread,
    rerun_of,
    settings_of,
    spread_among,
)
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
    ended: tuple[int, int | None] | None = None
    """Epochs completed, and the step within the next, where training ended before all epochs; None where it did not."""
    answers: Answers | None = None
    """What it answers to each test picture; None where nobody knows, as of runs of an older cnnlab."""


@dataclass(frozen=True)
class Side:
    """A `Side` is what has the same settings in a comparison, and was trained as far: one run, or several that differ by
    their seed alone.
    """

    runs: tuple[Contender, ...]

    @property
    def accuracy(self) -> float:
        """Return the mean test accuracy, 0 to 1: each seed counts once, however often it was trained."""
        return fmean(map(fmean, self._seeds.values()))

    @property
    def seeds(self) -> int:
        """Return the number of seeds."""
        return len(self._seeds)

    @property
    def test(self) -> Score:
        """Return the score on the test set with the mean accuracy."""
        return self.runs[0].scores.test.model_copy(update={"accuracy": self.accuracy})

    @property
    def name(self) -> str:
        """Return the name of the run, or of the first of several."""
        first, n = self.runs[0].name, self.seeds
        return first if n == 1 else f"{first} (mean of {n} seeds)"

    @property
    def answers(self) -> Answers | None:
        """Return what it answers to each test picture, where it is a single run of which that is known."""
        return self.runs[0].answers if len(self.runs) == 1 else None

    @property
    def _seeds(self) -> dict[TrainingConfig, list[float]]:
        seeds: dict[TrainingConfig, list[float]] = defaultdict(list)
        for run in self.runs:
            seeds[rerun_of(run.config)].append(run.scores.test.accuracy)
        return seeds


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
        """Return how far another seed alone may put one side ahead of the other, in 97 of 100 cases."""
        return self.spread.margin(self.sides[0].seeds, self.sides[1].seeds)

    @property
    def decided(self) -> bool:
        """Return whether the first side is better than the second by more than luck."""
        return len(self.sides) > 1 and self.lead > self.luck


def best_epoch(results: Results, answers: Callable[[FullScores], Answers | None] = lambda scores: None) -> str:
    """Return one sentence, as plain text: what choosing the best epoch by validation is worth on the test set.

    `answers(scores)` are those of the network with these scores, None where nobody kept them.
    """
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
        f"{percent(final.validation.accuracy)}); {_worth(best.test, final.test, split(answers(best), answers(final)))}."
    )


def _worth(best: Score, final: Score, by_picture: Split | None) -> str:
    gain = best.accuracy - final.accuracy
    if abs(gain) < SAME:
        return "on the test set both are equally good"
    low, high = _interval(best, final, by_picture)
    chance = ", within what chance explains" if low <= 0 <= high else ""
    return f"choosing it gives {points(abs(gain))} {'more' if gain > 0 else 'less'} test accuracy{chance}"


def _interval(first: Score, second: Score, by_picture: Split | None) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two test accuracies: by picture where that is known."""
    return paired95(by_picture) if by_picture else difference95(first, second)


def comparison(runs: Sequence[Contender], known: Iterable[tuple[TrainingConfig, float]]) -> str:
    """Return one sentence, as plain text: which run is better on the test set, or that the runs are too close to call.

    `known`: the settings and test accuracies of all finished runs, these among them: they may show how much another
    seed does. Runs that differ by their seed alone count together, by their mean; where training ended early, only with
    those that ended at the same place, and that is said.
    """
    if len(runs) < 2:
        return ""
    datasets = sorted({run.config.dataset for run in runs})
    if len(datasets) > 1:
        return f"These runs were tested on different pictures ({', '.join(datasets)}): their accuracies cannot be compared."
    return _judged(runs, known) + _early([run.name for run in runs if run.ended])


def _judged(runs: Sequence[Contender], known: Iterable[tuple[TrainingConfig, float]]) -> str:
    found = weigh(runs, known)
    if len(found.sides) == 1:
        return _luck_alone(found.sides[0])
    if found.decided:
        return _better(found)
    best, second = found.sides[:2]
    if found.spread.source == "assumed" and _ahead_by(best, second)[0] > 0:
        return _on_these_pictures(best, second)
    return _too_close(found)


def _ahead_by(best: Side, second: Side) -> tuple[float, float]:
    return _interval(best.test, second.test, split(best.answers, second.answers))


def by_picture(runs: Sequence[Contender]) -> str:
    """Return one sentence, as plain text: which test pictures two runs answered right; "" where that is not known."""
    if len(runs) != 2 or (found := split(runs[0].answers, runs[1].answers)) is None:
        return ""
    first, second = (run.name for run in runs)
    return (
        f"Of the same {count(found.n)} test pictures, {count(found.only_first)} are answered right by {first} alone and "
        f"{count(found.only_second)} by {second} alone; {count(found.both)} by both, {count(found.neither)} by neither."
    )


def weigh(runs: Sequence[Contender], known: Iterable[tuple[TrainingConfig, float]]) -> Weighed:
    """Put runs together that have the same settings and were trained as far, and find out what luck does to such runs.

    Where both of the best two were repeated, each by its own spread; else all by one, as if they spread alike.
    """
    groups: dict[object, list[Contender]] = defaultdict(list)
    for run in runs:
        groups[settings_of(run.config), run.ended].append(run)
    sides = sorted((Side(tuple(group)) for group in groups.values()), key=lambda side: side.accuracy, reverse=True)
    known = list(known)
    own = [own_spread(side.runs[0].config, known) for side in sides[:2]]
    match [spread and spread.at_least(side.accuracy, side.test.n) for side, spread in zip(sides, own, strict=False)]:
        case [SeedSpread() as first, SeedSpread() as second]:
            spread = between(first, sides[0].seeds, second, sides[1].seeds)
        case _:
            spread = spread_among([run.config for run in runs], known)
    return Weighed(tuple(sides), spread.at_least(sides[0].accuracy, sides[0].test.n))


def _early(names: Sequence[str]) -> str:
    """Say which runs did not train all their epochs: they show what they have learnt so far, not what settings do."""
    if not names:
        return ""
    those = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f" {those} ended before the last epoch: with all epochs the result may be another."


def _luck_alone(side: Side) -> str:
    levels = [run.scores.test.accuracy for run in side.runs]
    if max(levels) == min(levels):
        return f"These runs have the same settings, and the same test accuracy: {percent(levels[0])}."
    if side.seeds == 1:
        return (
            f"These runs have the same settings and the same seed. Their test accuracies lie between {percent(min(levels))} "
            f"and {percent(max(levels))} only because of rounding: none of them is better."
        )
    return (
        f"These runs differ only in their seed. Their test accuracies lie between {percent(min(levels))} and "
        f"{percent(max(levels))} by luck: none of them is better."
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
    low, high = _ahead_by(best, second)
    these = "the same" if split(best.answers, second.answers) else "these"
    return (
        f"{best.name} is right more often than {second.name} on {these} {_pictures(best)}: {percent(best.accuracy)} "
        f"against {percent(second.accuracy)} (95 % interval of the difference {points(low)} to {points(high)}). But "
        "another seed moves a run by about 1 point, a short one by more: repeat both with other seeds to see which "
        "settings are better."
    )


def _too_close(found: Weighed) -> str:
    best, second = found.sides[:2]
    if found.spread.source == "assumed":
        low, _ = _ahead_by(best, second)
        luck = f"so many pictures alone explain up to {points(found.lead - low)} (95 %)"
    else:
        luck = f"another seed alone explains up to {points(found.luck)}"
    both = f"{best.name} and {second.name}"
    if found.lead < SAME:
        return f"{both} are equally good on the {_pictures(best)}; {luck}: too close to call."
    return f"{both} differ by {points(found.lead)} on the {_pictures(best)}; {luck}: too close to call."


def _pictures(side: Side) -> str:
    return f"{count(side.test.n)} test pictures"
