"""This module measures before a run, in short processes, what the run would take or which learning rate suits it.

One measurement at a time, whoever asks: thirty browsers must not start thirty copies of torch. Imports no torch.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from pydantic import ValidationError

from cnnlab.app_config import AppConfig
from cnnlab.records import LrRange, Preflight
from cnnlab.runs.process.jobs import UNREADABLE, Job, JobQueue
from cnnlab.schema import TrainingConfig

Kind = Literal["preflight", "lr_range"]
ANSWERS: dict[Kind, type[Preflight] | type[LrRange]] = {"preflight": Preflight, "lr_range": LrRange}
LIMITS_S: dict[Kind, float] = {"preflight": 180.0, "lr_range": 900.0}
"""Seconds after which a measurement of each kind is ended."""


@dataclass(frozen=True)
class Probe:
    """A `Probe` is one measurement: waiting, at work, or over, with an answer or with the reason why there is none."""

    kind: Kind
    job: Job
    before: int
    """Number of measurements that had their turn before this one when it was looked at."""

    @property
    def answer(self) -> Preflight | LrRange | None:
        """Return what was measured; None where nothing was, or nothing that can be read."""
        if not self.job.over or self.job.answer is None:
            return None
        try:
            return ANSWERS[self.kind].model_validate({k: v for k, v in self.job.answer.items() if k != "type"})
        except ValidationError:
            return None

    @property
    def problem(self) -> str | None:
        """Return why a measurement that is over has no answer, in a sentence."""
        if not self.job.over or self.answer is not None:
            return None
        return self.job.problem or UNREADABLE

    @property
    def seconds(self) -> float:
        """Return the seconds that the measurement has been at work; 0 while it waits."""
        return 0.0 if self.job.started is None else monotonic() - self.job.started


class Prober:
    """A `Prober` runs a server's measurements, one after another, as jobs of a queue of their own.

    Safe to use from many threads; the answers live as long as the prober.
    """

    def __init__(
        self,
        app_config: AppConfig,
        command: tuple[str, ...] = (sys.executable, "-m", "cnnlab"),
        limits_s: Mapping[Kind, float] = LIMITS_S,
    ) -> None:
        self._queue, self._limits_s = JobQueue(app_config, command), limits_s

    def find(self, kind: Kind, config: TrainingConfig) -> Probe | None:
        """Return the newest measurement of these settings; None where nobody has asked for one, or all have left."""
        job = self._queue.find(_key(kind, config))
        return Probe(kind, job, self._queue.before(job)) if job else None

    def ask(self, kind: Kind, config: TrainingConfig, visitor: str, gently: bool = False) -> Probe:
        """Begin to measure these settings, and return the measurement at once.

        Who asks while the same settings are being measured shares that measurement's answer. `gently`: on one CPU thread,
        because a run is in training beside the measurement.
        """
        arguments = (kind.replace("_", "-"), "--json", "--config", config.model_dump_json())
        job = self._queue.ask(_key(kind, config), arguments, visitor, gently, self._limits_s[kind])
        return Probe(kind, job, self._queue.before(job))

    def seen(self, kind: Kind, config: TrainingConfig, visitor: str) -> None:
        """Note that the page of `visitor`, who waits for this measurement, is still there."""
        self._queue.seen(_key(kind, config), visitor)

    def cancel(self, kind: Kind, config: TrainingConfig, visitor: str) -> None:
        """Take `visitor` from those who wait for this measurement, which ends when nobody waits any more."""
        self._queue.cancel(_key(kind, config), visitor)

    def stop(self) -> None:
        """End the measurement that is at work; those that wait are not begun."""
        self._queue.stop()


def _key(kind: Kind, config: TrainingConfig) -> str:
    return f"{kind} {config.model_dump_json()}"
