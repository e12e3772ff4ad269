"""This module tests which settings of a sweep matter, and whether its best runs are ahead by more than luck.

Each setting is tested by an F-test: do the accuracies fit better with it than without it, measured by the spread that
luck has? With several settings some would pass by chance, so their p-values are corrected. Sources: R. A. Fisher,
"Statistical Methods for Research Workers", 1925 (analysis of variance); S. Holm, "A simple sequentially rejective
multiple test procedure", Scandinavian Journal of Statistics 6 (1979), 65-70.

The best of many is compared with the next best as if the two were alone, which is safe whatever the number of others:
S. Gutmann and Z. Maymin, "Is the selected population the best?", Annals of Statistics 15 (1987), 456-461.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.outcomes import Outcome, accuracy, distinct, means
from cnnlab.analysis.significance.seed_spread import ALPHA, NO_SETTING, SeedSpread, pooled
from cnnlab.schema import Setting

FEWEST = 2
"""Degrees of freedom from which a sweep's own spread is its yardstick."""
CURVE = 2
"""Degree of the curve by which random draws of a number are judged: a rise, a fall or one hump."""

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Effect:
    """An `Effect` is what one setting does to the accuracy in a sweep, and how easily luck does as much."""

    setting: Setting
    moved: float
    """Accuracy (0 to 1) from its worst to its best value, the other settings being equal."""
    p: float | None
    """Share of sweeps without any effect in which luck does as much, corrected for the number of settings tested.
    None where there are too few runs to tell this setting from the others."""

    @property
    def matters(self) -> bool:
        """Return whether the setting matters beyond luck."""
        return self.p is not None and self.p < ALPHA


@dataclass(frozen=True)
class Verdict:
    """A `Verdict` holds what the runs of a sweep allow to say."""

    spread: SeedSpread
    effects: tuple[Effect, ...]
    """One for each setting, the surest first."""
    ranking: tuple[tuple[Outcome, ...], ...]
    """The runs, those of the same settings together, the highest mean accuracy first; two groups or more."""
    tied: tuple[tuple[Outcome, ...], ...]
    """The first group, and those that it is not ahead of by more than luck. A group of few seeds may be among them where
    a higher one of many seeds is not."""

    @property
    def best(self) -> tuple[Outcome, ...] | None:
        """Return the runs of the best settings; None where the evidence does not allow to name any."""
        return self.ranking[0] if len(self.tied) == 1 and any(effect.matters for effect in self.effects) else None

    @property
    def second(self) -> tuple[Outcome, ...]:
        """Return the group to compare the first with: the highest that it is tied with, else the next of the ranking."""
        return self.tied[1] if len(self.tied) > 1 else self.ranking[1]

    @property
    def lead(self) -> float:
        """Return how far the first group is ahead of the `second`."""
        return accuracy(self.ranking[0]) - accuracy(self.second)

    @property
    def luck(self) -> float:
        """Return how far luck alone may put the first group ahead of the `second`, in 97 of 100 cases."""
        return self.spread.margin(len(self.ranking[0]), len(self.second))


def to_choose(axes: Sequence[Setting]) -> list[Setting]:
    """Return the settings that vary but the seed: it repeats the same settings, and luck is nothing to choose."""
    return [axis for axis in axes if axis.name not in NO_SETTING]


def verdict(
    outcomes: Sequence[Outcome], settings: Sequence[Setting], complete: bool, elsewhere: Callable[[], SeedSpread]
) -> Verdict | None:
    """Judge the runs of a sweep by the `settings` that vary in it, the seed left out; None where nothing varies.

    `complete`: the sweep holds every combination of its values; each value of a setting is then judged on its own, else
    a number by a curve over its values. `elsewhere()` is the spread that other runs know, asked where these do not. Of
    runs that repeat each other, seed and all, one counts.
    """
    outcomes = distinct(outcomes)
    groups = sorted(map(tuple, means(outcomes, settings).values()), key=accuracy, reverse=True)
    if len(groups) < 2:
        return None
    values = np.array([outcome.judged.accuracy for outcome in outcomes])
    terms = [_columns([outcome.value(setting) for outcome in outcomes], setting, complete) for setting in settings]
    spread = _yardstick(groups, values, terms, elsewhere)
    effects = _corrected([_effect(setting, values, terms, i, spread) for i, setting in enumerate(settings)])
    first = groups[0]
    tied = [group for group in groups if accuracy(first) - accuracy(group) <= spread.margin(len(first), len(group))]
    return Verdict(spread, effects, tuple(groups), tuple(tied))


def _columns(values: Sequence[Any], setting: Setting, complete: bool) -> Floats:
    """Return the columns by which the accuracy may depend on a setting: one for each value but the first, or a curve.

    A curve runs over the order of the values, which on a log scale are drawn evenly too.
    """
    levels = sorted(set(values), key=lambda value: (value is not None, value))
    places = np.array([levels.index(value) for value in values])
    if complete or setting.kind not in (int, float) or len(levels) <= CURVE + 1:
        return np.asarray(np.eye(len(levels))[places][:, 1:])
    ends = len(levels) - 1
    return np.asarray(np.polynomial.legendre.legvander(2 * places / ends - 1, CURVE)[:, 1:])


def _yardstick(
    groups: Sequence[Sequence[Outcome]], values: Floats, terms: Sequence[Floats], elsewhere: Callable[[], SeedSpread]
) -> SeedSpread:
    """Return the spread by which the sweep is judged: its own where it shows one, else that of other runs.

    The seeds of the sweep tell it best, though only some of its settings were repeated: what the settings leave
    unexplained holds besides luck what they do together. It is never less than what so many pictures give.
    """
    best = groups[0]
    repeats = pooled([[outcome.judged.accuracy for outcome in group] for group in groups], "repeats")
    own = repeats if repeats and repeats.df >= FEWEST else _rest(values, terms)
    if not own or own.df < FEWEST:
        known = elsewhere()
        own = replace(known, sd=max(known.sd, own.sd)) if own else known
    return own.at_least(accuracy(best), best[0].judged.n)


def _rest(values: Floats, terms: Sequence[Floats]) -> SeedSpread | None:
    """Return the spread that the settings leave unexplained; None where they explain everything."""
    squares, rank, _ = _fit(values, terms)
    df = len(values) - rank
    return SeedSpread(float(np.sqrt(squares / df)), df, "rest") if df else None


def _effect(setting: Setting, values: Floats, terms: Sequence[Floats], place: int, spread: SeedSpread) -> Effect:
    squares, rank, parts = _fit(values, terms)
    squares_without, rank_without, _ = _fit(values, [*terms[:place], *terms[place + 1 :]])
    moved, df = float(np.ptp(parts[place])), rank - rank_without
    if df < np.linalg.matrix_rank(terms[place]):
        return Effect(setting, moved, None)
    return Effect(setting, moved, _p((squares_without - squares) / df, df, spread))


def _p(mean_square: float, df: int, spread: SeedSpread) -> float:
    """Return the share of cases in which luck alone gives such a mean square or a larger one."""
    from scipy.special import fdtrc  # a third of a second: here, so that listing runs does not wait for it

    if mean_square < 1e-12:  # what is left of equal accuracies by rounding
        return 1.0
    return float(fdtrc(df, spread.df, mean_square / spread.sd**2)) if spread.sd else 0.0


def _fit(values: Floats, terms: Sequence[Floats]) -> tuple[float, int, list[Floats]]:
    """Fit the sum of all terms by least squares: return the squares left over, the rank, and what each term adds."""
    design = np.hstack([np.ones((len(values), 1)), *terms])
    weights, _, rank, _ = np.linalg.lstsq(design, values)
    ends = np.cumsum([1, *(term.shape[1] for term in terms)])
    parts = [term @ weights[start:end] for term, start, end in zip(terms, ends[:-1], ends[1:], strict=True)]
    return float(np.square(values - design @ weights).sum()), int(rank), parts


def _corrected(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """Return the effects with Holm's correction, the surest first, then those that cannot be told."""
    tested = sorted((effect for effect in effects if effect.p is not None), key=lambda effect: effect.p or 0.0)
    corrected, highest = [], 0.0
    for place, effect in enumerate(tested):
        highest = min(1.0, max(highest, (len(tested) - place) * (effect.p or 0.0)))
        corrected.append(replace(effect, p=highest))
    return (*corrected, *(effect for effect in effects if effect.p is None))
