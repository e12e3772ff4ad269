"""This module says how much luck moves an accuracy: the spread between runs that differ by their seed alone.

A spread that is estimated from few runs is itself uncertain. Student's t takes that into account, with the degrees of
freedom of the estimate: two means of n and m runs differ by more than t · sd · √(1/n + 1/m) in a known share of cases
only. Source: Student (W. S. Gosset), "The probable error of a mean", Biometrika 6 (1908), 1-25.

The runs that are judged may be among those that the spread comes from. A run that lies far off then makes the spread
larger, so that it is called luck rather too often than too seldom: `benchmarks.analysis.null_pairs` counts it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean
from typing import Literal

from cnnlab.schema import SETTINGS, TrainingConfig

Source = Literal["repeats", "rest", "kind", "assumed"]
"""Where a spread is known from: the same settings with other seeds; what the settings of a sweep leave unexplained;
repeats among other runs of that kind; nowhere."""

ALPHA = 0.03
"""Share of cases without any difference in which one is said to be there: below the 5 % that are promised, so that chance
in counting them does not break the promise."""

ENOUGH = 3
"""Degrees of freedom from which a spread that was measured is taken: one or two would be a guess."""

FEWEST_OF_EACH = 2
"""Degrees of freedom from which a side of a comparison is judged by its own spread, where the other side has as many."""

ASSUMED_SD, ASSUMED_DF = 0.02, 4
"""Spread that is assumed where no run was repeated. Most runs of whole training sets spread by 0.3 to 1 point, short
runs on few pictures by more. Four degrees of freedom say how little is known: differences count from 9 points on."""

ONLY_MEASURED = {s.name: s.default for s in SETTINGS.values() if s.affects == {"measure"}}
"""What is measured besides: it changes nothing in a run."""

NO_SETTING = {"seed": 0} | ONLY_MEASURED
"""What may differ between two runs with the same settings: the seed, and what is measured besides."""


@dataclass(frozen=True)
class SeedSpread:
    """A `SeedSpread` is the standard deviation of a run's accuracy (0 to 1) over seeds, and how well it is known."""

    sd: float
    df: float
    """Degrees of freedom of the estimate: the runs it comes from, less one for each mean."""
    source: Source
    by_pictures: bool = False
    """Whether the runs spread less, and `sd` is what so many pictures give by themselves."""

    def margin(self, n: int = 1, other_n: int = 1) -> float:
        """Return how far the means of `n` and of `other_n` runs may differ by luck alone, in 97 of 100 cases."""
        return self._t(ALPHA) * self.sd * sqrt(1 / n + 1 / other_n)

    def band(self, n: int) -> float:
        """Return half the width of the 95 % interval of the mean of `n` runs."""
        return self._t(0.05) * self.sd / sqrt(n)

    def at_least(self, accuracy: float, pictures: int) -> "SeedSpread":
        """Return the spread, but no less than what so many pictures give by themselves.

        Runs that learn nothing hardly spread: taken alone they would make every other difference look large.
        """
        least = sqrt(accuracy * (1 - accuracy) / max(1, pictures))
        return replace(self, sd=least, by_pictures=True) if self.sd < least else self

    def _t(self, outside: float) -> float:
        """Return how many standard deviations luck goes beyond to either side in a share `outside` of cases."""
        from scipy.special import stdtrit  # a third of a second: here, so that listing runs does not wait for it

        return float(stdtrit(self.df, 1 - outside / 2))


def settings_of(config: TrainingConfig) -> TrainingConfig:
    """Return the settings without the seed: runs for which they are equal are repeats of each other."""
    return config.model_copy(update=NO_SETTING)


def rerun_of(config: TrainingConfig) -> TrainingConfig:
    """Return the settings with the seed: runs for which they are equal repeat each other, and tell nothing of luck."""
    return config.model_copy(update=ONLY_MEASURED)


def pooled(groups: Iterable[Sequence[float]], source: Source) -> SeedSpread | None:
    """Return the spread within groups of accuracies, one group for the same settings; None where nothing repeats."""
    repeated = [group for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in repeated)
    if not df:
        return None
    squares = sum((value - fmean(group)) ** 2 for group in repeated for value in group)
    return SeedSpread(sqrt(squares / df), df, source)


def spread_among(compared: Iterable[TrainingConfig], runs: Iterable[tuple[TrainingConfig, float]]) -> SeedSpread:
    """Return the spread between seeds for runs with the settings `compared`, from all `runs` with their accuracies.

    Known from repeats of these very settings where there are enough, else from repeats among runs of the same dataset,
    architecture, number of training pictures and epochs, else assumed. Runs of the same seed count as one.
    """
    compared = list(compared)
    kinds = set(map(_kind, compared))
    reruns = _grouped(((config, accuracy) for config, accuracy in runs if _kind(config) in kinds), rerun_of)
    groups = _grouped(((config, fmean(accuracies)) for config, accuracies in reruns.items()), settings_of)
    own = {settings_of(config) for config in compared}
    for spread in (
        pooled((group for settings, group in groups.items() if settings in own), "repeats"),
        pooled(groups.values(), "kind"),
    ):
        if spread and spread.df >= ENOUGH:
            return spread
    return SeedSpread(ASSUMED_SD, ASSUMED_DF, "assumed")


def own_spread(settings: TrainingConfig, runs: Iterable[tuple[TrainingConfig, float]]) -> SeedSpread | None:
    """Return the spread of the runs with these very settings, of three seeds or more; None where there are fewer."""
    mine = ((config, accuracy) for config, accuracy in runs if settings_of(config) == settings_of(settings))
    reruns = _grouped(mine, rerun_of)
    spread = pooled([[fmean(accuracies) for accuracies in reruns.values()]], "repeats")
    return spread if spread and spread.df >= FEWEST_OF_EACH else None


def between(first: SeedSpread, n: int, second: SeedSpread, other_n: int) -> SeedSpread:
    """Return the one spread whose margin for means of `n` and `other_n` runs is right where the two spread differently.

    Each side counts with its own spread, and the degrees of freedom are those of Welch and Satterthwaite, but no more than
    twice those of the side that is known worse: where its few runs lie close together by chance, the formula takes the
    other side's for its own, and calls luck a lead in up to 5.3 % of cases instead of 3 %. Source: B. L. Welch, "The
    generalization of 'Student's' problem when several different population variances are involved", Biometrika 34
    (1947), 28-35.
    """
    a, b = first.sd**2 / n, second.sd**2 / other_n
    rest, most = a * a / first.df + b * b / second.df, 2 * min(first.df, second.df)
    df = min(most, (a + b) ** 2 / rest) if rest else most
    by_pictures = first.by_pictures or second.by_pictures
    return SeedSpread(sqrt((a + b) / (1 / n + 1 / other_n)), df, "repeats", by_pictures)


def _kind(config: TrainingConfig) -> tuple[object, ...]:
    return config.dataset, config.architecture, config.train_subset, config.validation_size, config.epochs


def _grouped(
    runs: Iterable[tuple[TrainingConfig, float]], key: Callable[[TrainingConfig], TrainingConfig]
) -> dict[TrainingConfig, list[float]]:
    groups: dict[TrainingConfig, list[float]] = defaultdict(list)
    for config, accuracy in runs:
        groups[key(config)].append(accuracy)
    return groups
