"""What the runs of a sweep came to, and which of its settings mattered."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

from cnnlab.records import EpochRecord, Results, Score
from cnnlab.schema import Setting, TrainingConfig

Judge = Literal["validation", "test"]


@dataclass(frozen=True)
class Outcome:
    """One run, after the epoch it is judged by."""

    config: TrainingConfig
    epoch: int
    train: Score
    """Of the training sample; where the test set is the judge, of the whole training set."""
    judged: Score
    """Of the validation set, or of the test set where there is none."""
    test: Score | None
    """Of the same network, where it was measured."""

    def value(self, setting: Setting) -> Any:
        """What the run had."""
        return getattr(self.config, setting.name)


def judge(configs: Sequence[TrainingConfig]) -> Judge:
    """What the runs can be told apart by: the test set only where not one has validation pictures."""
    return "validation" if any(config.validation_size for config in configs) else "test"


def outcome(
    config: TrainingConfig,
    best_epoch: int | None,
    epochs: Sequence[EpochRecord],
    results: Results | None,
    judged_by: Judge,
) -> Outcome | None:
    """The run at its best epoch so far; by the test set, at its last. None while there is nothing to judge."""
    if judged_by == "test":
        if results is None:
            return None
        final = results.final
        return Outcome(config, final.epoch, final.train, final.test, final.test)
    record = next((e for e in epochs if e.epoch == best_epoch), None)
    if record is None or record.validation is None:
        return None
    best = results.best if results else None
    test = best.test if best and best.epoch == record.epoch else None
    return Outcome(config, record.epoch, record.train_sample, record.validation, test)


def means(outcomes: Sequence[Outcome], axes: Sequence[Setting]) -> Mapping[tuple[Any, ...], list[Outcome]]:
    """The outcomes by their values of `axes`: those that share them differ in the rest, such as the seed."""
    groups: dict[tuple[Any, ...], list[Outcome]] = defaultdict(list)
    for each in outcomes:
        groups[tuple(each.value(axis) for axis in axes)].append(each)
    return groups


def accuracy(group: Sequence[Outcome]) -> float:
    """Mean accuracy on the judging set, 0 to 1."""
    return mean(each.judged.accuracy for each in group)


def effects(outcomes: Sequence[Outcome], axes: Sequence[Setting]) -> list[tuple[Setting, float]]:
    """By how much each setting moves the mean accuracy, from its worst to its best value; the largest first.

    These are the main effects of a complete grid; of anything less they would mix one setting with another.
    """
    moved = []
    for axis in axes:
        levels = [accuracy(group) for group in means(outcomes, [axis]).values()]
        moved.append((axis, max(levels) - min(levels)))
    return sorted(moved, key=lambda pair: -pair[1])
