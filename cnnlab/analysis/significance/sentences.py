"""This module says in plain sentences what the runs of a sweep show, and what they do not show.

Each sentence is a pair: what it says first, for a page to stress, and the rest.
"""

from collections.abc import Sequence
from statistics import fmean

from cnnlab.analysis.intervals import interval95
from cnnlab.analysis.outcomes import Judge, Outcome, accuracy, distinct, means
from cnnlab.analysis.significance.effects import Effect, Verdict
from cnnlab.analysis.significance.seed_spread import SeedSpread, Source, pooled
from cnnlab.formatting import NARROW, count, percent, percent_range, points
from cnnlab.schema import Setting
from cnnlab.sweeps import value_words

Sentence = tuple[str, str]

NOT_JUDGED: Sentence = ("Not judged", "no run of this sweep has trained all its epochs.")

MOST_NAMED = 3
"""Groups that a sentence names one by one where they are too close to call."""

YARDSTICK: dict[Source, str] = {
    "repeats": "The effect of luck is measured by the runs here that differ only in their seed: their standard deviation "
    "is {sd}.",
    "rest": "Too few runs here differ only in their seed. The differences that the settings do not explain are taken for "
    "luck: a standard deviation of {sd}. More seeds would tell more.",
    "kind": "Too few runs here differ only in their seed. The effect of luck is measured by earlier runs of this kind that "
    "do: their standard deviation is {sd}.",
    "assumed": "Too few runs of this kind, here or before, differ only in their seed, so the effect of luck is not known: "
    "only a very large difference counts. Vary the seed as well, with 3 values or more.",
}
BY_PICTURES = " The luck seen in these runs is smaller, but so few pictures alone allow this much."


def named(group: Sequence[Outcome], settings: Sequence[Setting]) -> str:
    """Return the settings of a group of runs: "learning rate 0.1 · dropout 0.5"."""
    return " · ".join(f"{each.label.lower()} {value_words(group[0].value(each))}" for each in settings)


def headline(
    outcomes: Sequence[Outcome], settings: Sequence[Setting], judged_by: Judge, found: Verdict | None, over: bool
) -> Sentence:
    """Say which settings are the best, or why that cannot be said; `over`: no run of the sweep trains any more."""
    if not over:
        return _highest(max(means(outcomes, settings).values(), key=accuracy), settings, judged_by)
    return _best(found, settings, judged_by) if found else _luck_alone(distinct(outcomes), judged_by)


def _highest(group: Sequence[Outcome], settings: Sequence[Setting], judged_by: Judge) -> Sentence:
    """Say which runs are ahead while others still train: no more than that can be said yet."""
    head = f"Highest so far: {named(group, settings)}" if settings else "So far"
    return head, f"{judged_by} {percent(accuracy(group))}. The runs are judged when all of them have ended."


def _luck_alone(group: Sequence[Outcome], judged_by: Judge) -> Sentence:
    """Say what runs came to that differ by their seed alone, or what a single run came to."""
    levels = [each.judged.accuracy for each in group]
    spread = pooled([levels], "repeats")
    if spread is None:
        judged = group[0].judged
        return (
            f"{judged_by} {percent(judged.accuracy)}".capitalize(),
            f"after epoch {group[0].epoch} (95{NARROW}% interval {percent_range(*interval95(judged.accuracy, judged.n))} "
            f"of {count(judged.n)} pictures).",
        )
    return (
        "Nothing but the seed varies",
        f"{judged_by} {percent(fmean(levels))} ± {points(spread.band(len(group)))} (mean of {len(group)} seeds and its "
        f"95{NARROW}% interval). The runs lie between {percent(min(levels))} and {percent(max(levels))} by luck: none "
        f"of them is better than another. The standard deviation is {points(spread.sd)}.",
    )


def _best(found: Verdict, settings: Sequence[Setting], judged_by: Judge) -> Sentence:
    """Say which settings are the best, or that the runs are too close to call."""
    first = found.ranking[0]
    reached = f"{judged_by} {percent(accuracy(first))}"
    luck = f"luck alone explains up to {points(found.luck)}"
    if found.spread.source == "assumed":
        luck = f"as nothing was repeated, luck is assumed to explain up to {points(found.luck)}"
    if found.best:
        several = f" ± {points(found.spread.band(len(first)))} (mean of {len(first)} seeds)" if len(first) > 1 else ""
        ahead = f"{points(found.lead)} ahead of {named(found.second, settings)}; {luck}."
        return f"Best: {named(first, settings)}", f"{reached}{several}, {ahead}"
    if len(found.tied) == 1:
        return (
            "Too close to call",
            f"highest is {named(first, settings)}, {reached}, but no setting moves the accuracy by more than luck does.",
        )
    highest, *rivals = [f"{named(group, settings)} ({percent(accuracy(group))})" for group in found.tied[:MOST_NAMED]]
    more = len(found.tied) - 1 - len(rivals)
    last = f"{more} more" if more else rivals.pop()
    listed = f"{', '.join(rivals)} and {last}" if rivals else last
    return (
        "Too close to call",
        f"the highest {judged_by} accuracy is that of {highest}, not surely ahead of {listed}. The first two of these are "
        f"{points(found.lead)} apart; {luck}.",
    )


def left_out(n: int) -> str:
    """Say that `n` runs do not count; nothing where that is none."""
    if not n:
        return ""
    return f"Left out: {n} run{'' if n == 1 else 's'} that ended before the last epoch."


def effects(found: Verdict, judged_by: Judge) -> list[Sentence]:
    """Say of each setting whether it matters, the surest first."""
    return [_effect(effect, judged_by) for effect in found.effects]


def yardstick(spread: SeedSpread) -> str:
    """Say how luck is judged."""
    return YARDSTICK[spread.source].format(sd=points(spread.sd)) + (BY_PICTURES if spread.by_pictures else "")


def plain(sentence: Sentence) -> str:
    """Write a sentence without stress."""
    head, rest = sentence
    return f"{head}: {rest}"


def _effect(effect: Effect, judged_by: Judge) -> Sentence:
    label = effect.setting.label
    if effect.p is None:
        return f"{label}: cannot be told", "apart from the other settings by so few runs."
    moves = f"from its worst to its best value the mean {judged_by} accuracy moves by {points(effect.moved)}"
    if effect.matters:
        return f"{label} matters", f"{moves}; luck alone does that in {of_hundred(effect.p)} such sweeps."
    return f"{label}: too close to call", f"{moves}, and luck alone does that in {of_hundred(effect.p)} such sweeps."


def of_hundred(p: float) -> str:
    """Write a share of cases as people count: "fewer than 1 of 1 000", "4 of 100"."""
    if p < 0.001:
        return f"fewer than 1 of {count(1_000)}"
    return f"{max(1, round(1_000 * p))} of {count(1_000)}" if p < 0.01 else f"{round(100 * p)} of 100"
