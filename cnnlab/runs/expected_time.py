"""This module announces how long new runs will take until their results, and tells how true such words have been.

It goes by earlier runs of this machine with equal steps; where there are none, it says that nobody knows yet.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from statistics import median, quantiles

from cnnlab.analysis.result_time import NEWEST, Experience, result_s, usual_s, waits
from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.formatting import duration
from cnnlab.records import RunStatus
from cnnlab.runs.run import Run
from cnnlab.schema import TrainingConfig, narrowed

ENOUGH = 4
"""Number of scored announcements from which they are summed up."""
CLOCK_S = 1.0
"""Seconds by which two clocks may differ: a run that took less from asking to its end than from its claim to its result was
timed by a clock that somebody has set back meanwhile."""


@dataclass(frozen=True)
class Earlier:
    """An `Earlier` holds what earlier runs of this machine tell of new ones."""

    by_step: Mapping[TrainingConfig, Sequence[Experience]]
    """What runs took, by the settings that the time of their steps depends on, the newest first."""
    handover_s: float
    """Seconds from the moment at which a waiting run may start until a worker has taken it."""

    def like(self, config: TrainingConfig) -> Sequence[Experience]:
        """Return what the runs took whose steps are such as those of `config`, the newest first."""
        return self.by_step.get(_step(config), [])


@dataclass(frozen=True)
class Announcement:
    """An `Announcement` says in how many seconds each of some new runs will have its result."""

    seconds: list[float]
    before: int
    """Number of runs that train or wait already, and go before the last of the new ones; their time is counted."""


def seconds_an_epoch(config: TrainingConfig, info: DatasetInfo, runs: Sequence[Run]) -> float | None:
    """Estimate the training time of one epoch from the speed of runs with equal steps here; None without such runs."""
    earlier = _earlier(runs).like(config)
    pictures = config.train_subset or info.num_train - config.validation_size
    return pictures / median(run.images_per_s for run in earlier[:NEWEST]) if earlier else None


def announced(
    configs: Sequence[TrainingConfig], runs: Sequence[Run], line: Sequence[Run | None], slots: int
) -> Announcement | None:
    """Return when the results of new runs are expected, the queue counted; None where the speed of one is not known.

    `runs`: all runs, the newest first. `line`: who trains and waits, with None where each new run would stand
    (`Store.line_with`). `slots`: how many train at the same time.
    """
    earlier, new = _earlier(runs), iter(configs)
    left = [_left_s(run, earlier) if run else _seconds(next(new), earlier) for run in line]
    return _announcement(left, [run is None for run in line], slots)


def remaining(ours: Sequence[Run], runs: Sequence[Run], line: Sequence[Run], slots: int) -> Announcement | None:
    """Return, as `announced` does, when the results of runs are expected that stand in the line already: `ours`."""
    earlier, ids = _earlier(runs), {run.id for run in ours}
    return _announcement([_left_s(run, earlier) for run in line], [run.id in ids for run in line], slots)


def _announcement(left: Sequence[float | None], ours: Sequence[bool], slots: int) -> Announcement | None:
    """Return when those of a line that are `ours` have their results; `left`: what each run of the line takes."""
    last = max((place for place, mine in enumerate(ours) if mine), default=-1) + 1
    known = [seconds for seconds in left[:last] if seconds is not None]
    if not known or len(known) < last:
        return None
    ends = waits(known, slots)
    return Announcement([end for end, mine in zip(ends, ours, strict=False) if mine], last - sum(ours))


def until_start_s(ahead: Sequence[Run], runs: Sequence[Run], slots: int) -> float | None:
    """Return the seconds until a run that waits may start; None where it is not known how long one before it takes.

    `ahead`: the runs that train, and those that wait before it. `runs`: all runs, the newest first.
    """
    earlier = _earlier(runs)
    left = [_left_s(run, earlier) for run in ahead]
    known = [seconds for seconds in left if seconds is not None]
    return waits([*known, 0.0], slots)[-1] if len(known) == len(left) else None


def said(configs: Sequence[TrainingConfig], runs: Sequence[Run], line: Sequence[Run | None], slots: int) -> str:
    """Return in words what `announced` returns, and where it is nothing, whether that lies with the runs before."""
    announcement = announced(configs, runs, line, slots)
    if announcement is None and announced(configs, runs, [None] * len(configs), slots):
        return "when it will be done is not known yet, because a run before it is of a kind that was never trained here"
    return words(announcement)


def words(announcement: Announcement | None) -> str:
    """Return the announcement in words: "about 3 min until the last of 9 results, 2 runs before them included"."""
    if announcement is None:
        return "how long it takes here is not known yet"
    n, before = len(announcement.seconds), announcement.before
    first = f", {before} run{'s' if before > 1 else ''} before {'them' if n > 1 else 'it'} included" if before else ""
    return f"about {duration(max(announcement.seconds))} until {_which(n)}{first}"


def score(*runs: Run) -> str | None:
    """Return what was announced for runs that were asked for together beside what they took.

    None where nothing was announced, where one has not finished or was continued, or where they were not asked for at
    the same moment.
    """
    announced_s = [run.announced_s for run in runs if run.announced_s is not None]
    took_s = [seconds for run in runs if (seconds := _took_s(run)) is not None]
    if len({run.created_at for run in runs}) != 1 or not len(runs) == len(announced_s) == len(took_s):
        return None
    return came(len(runs), max(announced_s), max(took_s))


def came(n: int, announced_s: float, took_s: float) -> str:
    """Return in words what was announced until the last of `n` results, and when it came."""
    return f"The forecast until {_which(n)} was {duration(announced_s)}; it came after {duration(took_s)}."


def _which(n: int) -> str:
    return f"the last of {n} results" if n > 1 else "the result"


def record(runs: Sequence[Run]) -> str | None:
    """Return how true the announcements have been so far; None for fewer than `ENOUGH`."""
    scored = [(_took_s(run), run.announced_s) for run in runs if run.announced_s]
    ratios = [took_s / said_s for took_s, said_s in scored if took_s is not None and said_s]
    if len(ratios) < ENOUGH:
        return None
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return f"So far half of {len(ratios)} results came after {low:.1f} to {high:.1f} times the forecast time."


def _took_s(run: Run) -> float | None:
    """Return the seconds from asking for a run to its result; None where that cannot be told, or the clock was changed."""
    usage = run.results.usage if run.results else None
    if run.status is not RunStatus.FINISHED or run.finished_at is None or usage is None or usage.result_s is None:
        return None
    took_s = (run.finished_at - run.created_at).total_seconds()
    return took_s if took_s >= usage.result_s - CLOCK_S else None


def _seconds(config: TrainingConfig, earlier: Earlier, left: float = 1.0) -> float | None:
    if config.dataset not in DATASETS.names():
        return None
    seconds = result_s(config, DATASETS.get(config.dataset).info, earlier.like(config), left)
    return None if seconds is None else earlier.handover_s + seconds


def _left_s(run: Run, earlier: Earlier) -> float | None:
    """Return the seconds until the result of a run that trains or waits, as it says itself or earlier runs tell."""
    if run.phase:
        return max(0.0, run.phase.due_at - datetime.now(UTC).timestamp())
    return _seconds(run.config, earlier, _training_left(run))


def _training_left(run: Run) -> float:
    """Return the share of its training that an active run still has to do."""
    if run.only_measured:
        return 0.0
    return max(0.0, 1 - run.step / run.steps_total) if run.steps_total else 1.0


class _Same:
    """A `_Same` is a tuple of runs that is equal to nothing but that very tuple, which never changes."""

    def __init__(self, runs: tuple[Run, ...]) -> None:
        self.runs = runs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.runs is other.runs

    def __hash__(self) -> int:
        return id(self.runs)


def _earlier(runs: Sequence[Run]) -> Earlier:
    """Return what earlier runs of this machine tell. `runs`: all runs, the newest first; of a tuple that is asked about
    again, as a page does for every visitor, it is found once.
    """
    return _found_once(_Same(runs)) if isinstance(runs, tuple) else _find(runs)


@lru_cache(maxsize=4)
def _found_once(same: _Same) -> Earlier:
    return _find(same.runs)


def _find(runs: Sequence[Run]) -> Earlier:
    found: dict[TrainingConfig, list[Experience]] = {}
    for run in runs:
        if run.images_per_s:
            usage = run.results.usage if run.results else None
            experience = Experience(run.config, run.images_per_s, run.elapsed_s, usage)
            found.setdefault(_step(run.config), []).append(experience)
    return Earlier(found, usual_s(islice(_handovers_s(runs), NEWEST)) or 0.0)


def _handovers_s(runs: Sequence[Run]) -> Iterator[float]:
    """Yield for each run that has waited how long nobody took it though it might start: since it entered the queue, or
    since the last run before it ended. After a short run the next worker may still be loading PyTorch.
    """
    ends = sorted(run.finished_at for run in runs if run.finished_at)
    for run in runs:
        if run.started_at and run.waiting_since == run.created_at:
            before = ends[: bisect_left(ends, run.started_at)][-1:]
            yield max(0.0, (run.started_at - max([run.created_at, *before])).total_seconds())


@lru_cache(maxsize=4096)
def _step(config: TrainingConfig) -> TrainingConfig:
    """Return the settings that the time of one optimizer step depends on: equal settings mean equal steps.

    The number of pictures in an epoch does not count.
    """
    every_picture = config.model_copy(update={"train_subset": None, "validation_size": 0})
    return narrowed(every_picture, "data", "shape", "speed")
