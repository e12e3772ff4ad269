"""This module trains the runs of a sweep in one process, where one GPU is faster with them side by side than one after
the other.

Each is still a run of its own: its lock, its curves, its checkpoints, its Stop button. They share the process, and so its end.
"""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

import torch

from cnnlab.app_config import AppConfig
from cnnlab.data.tensors import Data
from cnnlab.models import ConfigError, complete
from cnnlab.records import Plan, RunStatus
from cnnlab.registry import UnknownNameError
from cnnlab.runs import Store, StoreError
from cnnlab.runs.exit.watchdog import Watch
from cnnlab.runs.run import Run
from cnnlab.schema import TrainingConfig
from cnnlab.training import Fit
from cnnlab.training.autotune.choose import choose
from cnnlab.training.devices import pick_device
from cnnlab.training.engine.isolation import no_trace
from cnnlab.training.ensemble import Ensemble, fit_together, why_not
from cnnlab.worker import data_cache
from cnnlab.worker.exit_status import Asked, Ended
from cnnlab.worker.job import LISTEN_S, Course, Job, News, work
from cnnlab.worker.signals import heard
from cnnlab.worker.writer import FLUSH_S

MOST = 32
"""Runs side by side: each writes its own rows, and the store has one writer."""
WORTHWHILE = 1.1
"""Times faster."""
LONGEST_FLUSH_S = 2.0
"""Between two batches of a run's steps."""
TRIAL_RECORDS = 6
"""Measured of each way, after those that pay for the set-up, and are short in epoch 1."""


def companions(store: Store, run: Run) -> list[Run]:
    """Return the waiting runs of `run`'s sweep that could be trained beside it, in their order; none without a GPU."""
    config = _completed(run.config)
    if run.sweep is None or run.steps_total is not None or config is None or pick_device(config.device).type != "cuda":
        return []
    waiting = [other for other in reversed(store.list()) if other.sweep_id == run.sweep_id and _is_fresh(other)]
    return [other for other in waiting if (c := _completed(other.config)) and not why_not([config, c])][: MOST - 1]


def _is_fresh(run: Run) -> bool:
    return run.status is RunStatus.QUEUED and run.steps_total is None and not run.fault


def _completed(config: TrainingConfig) -> TrainingConfig | None:
    try:
        return complete(config)
    except (ConfigError, UnknownNameError):
        return None  # it will say so when its turn comes


def work_with(store: Store, app_config: AppConfig, run: Run, others: Sequence[Run]) -> list[Run]:
    """Train the claimed `run` beside those of `others` that are still waiting, where that is faster; else alone.

    Returns them as they ended. What goes wrong with one run is its own affair; what goes wrong with the process, everybody's.
    """
    configs, device = [complete(each.config) for each in (run, *others)], pick_device(run.config.device)
    sets = data_cache.Sets(app_config, device)
    try:
        plan, _ = choose(configs[0], sets.of(configs[0]), device, app_config)
        faster = gain(configs, [sets.of(config) for config in configs], device, plan) > WORTHWHILE
    except Exception:  # whatever it is, alone it has its sentence
        faster = False
    if not faster:
        return [work(store, app_config, run)]
    runs = [run, *(taken for other in others if (taken := _taken(store, other)))]
    with Watch(store.folder(run.id), app_config.hang_s) as watch:
        jobs = _sharing(store, app_config, runs, watch)

        def ask(what: Asked) -> bool:
            return all([job.ask(what) for job in jobs])

        with heard(ask):
            try:
                configs = [complete(each.config) for each in runs]
                ensemble = fit_together(configs, [sets.of(config) for config in configs], device, plan)
            except Exception as error:
                return [job.finish(job.verdict(error)) for job in jobs]
            return _Courses(ensemble, jobs).ended()


def _taken(store: Store, run: Run) -> Run | None:
    try:
        return store.take(run.id)
    except StoreError:
        return None  # somebody else was faster, or deleted it


def _sharing(store: Store, app_config: AppConfig, runs: Sequence[Run], watch: Watch) -> list[Job]:
    """Make one job a run; together they ask the store and write to it no more often than one job alone would."""
    ids, asked, heard_at = [run.id for run in runs], dict[str, str](), 0.0

    def command(id: str) -> str | None:
        nonlocal asked, heard_at
        if time.monotonic() - heard_at >= LISTEN_S:
            asked, heard_at = store.commands(ids), time.monotonic()
        return asked.get(id)

    flush_s = min(LONGEST_FLUSH_S, FLUSH_S * len(runs))
    return [Job(store, app_config, run, watch, command=partial(command, run.id), flush_s=flush_s) for run in runs]


class _Courses:
    """`_Courses` advances the courses of all runs in one ensemble and sends each its own news."""

    def __init__(self, ensemble: Ensemble, jobs: Sequence[Job]) -> None:
        self._ensemble, self._jobs = ensemble, jobs
        self._courses: dict[int, Course] = {}
        self._ended: dict[int, Run] = {}

    def ended(self) -> list[Run]:
        """Train all runs to their ends and return them as they ended."""
        for index, job in enumerate(self._jobs):
            self._begin(index, job)
        try:
            for index, news in self._ensemble:
                self._send(index, news)
        except Exception as error:  # of a step that all take together
            for index in list(self._courses):
                self._send(index, error)
        for index in list(self._courses):
            self._send(index, None)
        return [self._ended[index] for index in sorted(self._ended)]

    def _begin(self, index: int, job: Job) -> None:
        self._courses[index] = job.course(self._ensemble.fits[index])
        try:
            job.join(self._ensemble.fits[index])
            next(self._courses[index])
        except Exception as error:
            self._end(index, job.verdict(error))

    def _send(self, index: int, news: News) -> None:
        try:
            self._courses[index].send(news)
        except StopIteration as end:
            self._end(index, end.value)
        except Exception as error:
            self._end(index, self._jobs[index].verdict(error))

    def _end(self, index: int, ended: Ended) -> None:
        self._ensemble.leave(index)
        del self._courses[index]
        self._ended[index] = self._jobs[index].finish(ended)


def gain(configs: Sequence[TrainingConfig], datas: Sequence[Data], device: torch.device, plan: Plan) -> float:
    """Return how many times faster the runs train side by side than one after the other, by real steps; 0 where they do
    not fit.
    """
    try:
        with no_trace(device):
            alone_s = _record_s(iter(Fit(configs[0], datas[0], device, plan=plan)), 1, plan)
            together_s = _record_s(iter(fit_together(configs, datas, device, plan)), len(configs), plan)
    except RuntimeError:  # out of memory is one
        return 0.0
    return alone_s * len(configs) / together_s


def _record_s(news: Iterator[object], runs: int, plan: Plan) -> float:
    """Return the seconds from one record of each run to the next; a record waits for its steps."""
    first = max(2, (plan.steps_per_record - 1).bit_length() + 1)  # at steps 1, 2, 4, 8, … and at the plan's first
    list(islice(news, first * runs))
    started = time.perf_counter()
    list(islice(news, TRIAL_RECORDS * runs))
    return (time.perf_counter() - started) / TRIAL_RECORDS
