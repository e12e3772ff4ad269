"""This module works out what the runs of a sweep reached."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

from cnnlab.analysis.significance.seed_spread import rerun_of
from cnnlab.records import EpochRecord, FullScores, Results, Score
from cnnlab.schema import Setting, TrainingConfig

Judge = Literal["validation", "test"]


@dataclass(frozen=True)
class Outcome:
    """An `Outcome` holds the scores of one run after the epoch by which the run is judged."""

    config: TrainingConfig
    epoch: int
    train: Score
    """Score on the training sample; where the test set judges, on the whole training set."""
    judged: Score
    """Score on the set that judges: the validation set, or the test set where no run has validation pictures."""
    test: Score | None
    """Score of the same weights on the test set; None where it was not measured."""
    complete: bool = True
    """Whether the run trained all epochs of its settings."""

    def value(self, setting: Setting) -> Any:
        """Return the value that the run had for `setting`."""
        return getattr(self.config, setting.name)


def judge(configs: Sequence[TrainingConfig]) -> Judge:
    """Return the set that judges the runs of a sweep: the test set only where no run has validation pictures."""
    return "validation" if any(config.validation_size for config in configs) else "test"


def outcome(
    config: TrainingConfig,
    best_epoch: int | None,
    epochs: Sequence[EpochRecord],
    results: Results | None,
    judged_by: Judge,
) -> Outcome | None:
    """Return the scores of a run after the epoch by which it is judged; None while nothing was measured.

    By validation that is the best epoch so far, and the outcome says whether it is of all epochs. By the test set it is
    the last epoch of the settings: a run that was stopped before and measured where it stands has no outcome.
    """
    if judged_by == "test":
        if results is None or not complete(config, results.final):
            return None
        final = results.final
        return Outcome(config, final.epoch, final.train, final.test, final.test)
    record = next((e for e in epochs if e.epoch == best_epoch), None)
    if record is None or record.validation is None:
        return None
    best = results.best if results else None
    test = best.test if best and best.epoch == record.epoch else None
    whole = epochs[-1].epoch == config.epochs
    return Outcome(config, record.epoch, record.train_sample, record.validation, test, whole)


def complete(config: TrainingConfig, final: FullScores) -> bool:
    """Return whether the scores are those after all epochs of the settings, and not of a run that ended before."""
    return final.step is None and final.epoch == config.epochs


def known_accuracy(results: Results | None, judged_by: Judge) -> float | None:
    """Return the accuracy of a finished run on the set that judges, of the epoch by which it is judged; None without."""
    if judged_by == "test":
        return results.final.test.accuracy if results else None
    validation = results.best.validation if results and results.best else None
    return validation.accuracy if validation else None


def distinct(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the first outcome of each settings and seed: a run that was trained again the same way tells nothing new."""
    first: dict[TrainingConfig, Outcome] = {}
    for each in outcomes:
        first.setdefault(rerun_of(each.config), each)
    return list(first.values())


def means(outcomes: Sequence[Outcome], axes: Sequence[Setting]) -> Mapping[tuple[Any, ...], list[Outcome]]:
    """Group the outcomes by their values of the settings `axes`; within a group, others such as the seed differ.

    Of runs that repeat each other, seed and all, a group holds one.
    """
    groups: dict[tuple[Any, ...], list[Outcome]] = defaultdict(list)
    for each in outcomes:
        groups[tuple(each.value(axis) for axis in axes)].append(each)
    return {values: distinct(group) for values, group in groups.items()}


def accuracy(group: Sequence[Outcome]) -> float:
    """Return the mean accuracy of a group of runs on the set that judges them, 0 to 1."""
    return mean(each.judged.accuracy for each in group)
