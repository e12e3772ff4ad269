"""This module reckons the time until a run's result: start-up, training, measuring, and the runs that go before it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from statistics import mean, median

from cnnlab.data import SAMPLE_WITHOUT_VALIDATION, DatasetInfo
from cnnlab.records import Forecast, Usage
from cnnlab.schema import VIEWS, TrainingConfig

FORWARD_SHARE = 1 / 3
"""Share of a training step's time that a forward pass alone takes, before any has been timed: going back costs twice that."""
START_S = 3.0
"""Seconds from a run's beginning to its first step, where no earlier run has told."""
EXCEPTION_S = 60.0
"""Seconds from which a start is an exception, which tells nothing of the next: a download, or a server that was off."""
NEWEST = 5
"""Number of earlier runs that count: the machine of long ago may have been another one."""


@dataclass(frozen=True)
class Sizes:
    """`Sizes` holds the number of pictures in each set of a run."""

    train: int
    sample: int
    validation: int
    test: int


@dataclass(frozen=True)
class Experience:
    """An `Experience` is what an earlier run took on this machine, whose steps were such as the new run's."""

    config: TrainingConfig
    images_per_s: float
    elapsed_s: float
    """Seconds of training alone."""
    usage: Usage | None


def sizes_of(config: TrainingConfig, info: DatasetInfo) -> Sizes:
    """Return the sizes of the sets of `config`, as `cnnlab.data.tensors.split` cuts them."""
    rest = info.num_train - config.validation_size
    train = min(config.train_subset or rest, rest)
    sample = min(train, config.validation_size or SAMPLE_WITHOUT_VALIDATION)
    return Sizes(train, sample, config.validation_size, info.num_test)


def networks_at_end(config: TrainingConfig) -> tuple[int, int]:
    """Return how many networks are measured at a run's end, at least and at most: the last, and the best by validation."""
    return 1, 2 if config.epochs > 1 and config.validation_size else 1


def expected_networks(config: TrainingConfig) -> float:
    """Return how many networks are measured at a run's end as long as nobody knows whether the last is the best."""
    return sum(networks_at_end(config)) / 2


def measured_pictures(config: TrainingConfig, sizes: Sizes, networks: float) -> tuple[int, int]:
    """Return how many pictures a run measures after each epoch, and at its end; each view of a picture counts."""
    views = VIEWS[config.test_time_augmentation]
    test = sizes.test * (1 + (views if views > 1 else 0))
    return sizes.sample + sizes.validation, round(networks * (sizes.train + sizes.validation + test))


def result_s(
    config: TrainingConfig, info: DatasetInfo, earlier: Sequence[Experience], left: float = 1.0
) -> float | None:
    """Return the seconds from the beginning of a run to its result; None where no earlier run tells its speed.

    `earlier`: runs with equal steps, the newest first. `left`: share of the training that is still to be done: less than
    1 for a run that is continued, 0 for one that is only measured where it stands.
    """
    if not earlier:
        return None
    speed = median(run.images_per_s for run in earlier[:NEWEST])
    told = [(run, run.usage) for run in earlier[:NEWEST] if run.usage]
    starts = [usage.start_s for _, usage in told if usage.start_s is not None]
    rates = [_measuring_s(run, usage, info) for run, usage in told if None not in (usage.start_s, usage.result_s)]
    measure_s = median(rates) if rates else FORWARD_SHARE / speed
    sizes = sizes_of(config, info)
    trained = left * config.epochs * sizes.train / speed
    start_s = usual_s(starts)
    return (START_S if start_s is None else start_s) + trained + measure_s * _all_measured(config, sizes, left)


def usual_s(seconds: Iterable[float]) -> float | None:
    """Return what a start usually takes: the mean of those below `EXCEPTION_S`; None where there are none.

    Where runs follow each other every second one may find a worker that is not ready yet: in the time of many runs the
    mean counts, not the median.
    """
    usual = [each for each in seconds if each < EXCEPTION_S]
    return mean(usual) if usual else None


def with_result(forecast: Forecast, config: TrainingConfig, sizes: Sizes, start_s: float = START_S) -> Forecast:
    """Return the forecast of a run's training with the time until its result; `start_s`: what its start-up takes."""
    ends = []
    for epoch_s, networks in zip(forecast.epoch_s, networks_at_end(config), strict=True):
        each, at_end = measured_pictures(config, sizes, networks)
        measured = config.epochs * each + at_end
        ends.append(start_s + epoch_s * (config.epochs + FORWARD_SHARE * measured / sizes.train))
    return forecast.model_copy(update={"result_s": (ends[0], ends[1])})


def _measuring_s(run: Experience, usage: Usage, info: DatasetInfo) -> float:
    """Return the seconds that an earlier run took to measure a picture: what its start and training leave of its time."""
    assert usage.result_s is not None
    assert usage.start_s is not None
    left = usage.result_s - usage.start_s - run.elapsed_s
    return max(0.0, left) / _all_measured(run.config, sizes_of(run.config, info))


def _all_measured(config: TrainingConfig, sizes: Sizes, left: float = 1.0) -> float:
    each, at_end = measured_pictures(config, sizes, expected_networks(config))
    return left * config.epochs * each + at_end


def waits(line: Sequence[float], places: int) -> list[float]:
    """Return the seconds until the result of each run of a line, of which so many are trained at the same time.

    `line`: the seconds that each run takes, in the order in which they start.
    """
    free = [0.0] * places
    heapify(free)
    ends = []
    for seconds in line:
        ends.append(free[0] + seconds)
        heapreplace(free, ends[-1])
    return ends
