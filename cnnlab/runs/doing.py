"""This module says in words what an active run does or waits for, and how long it is until its result.

The page of a run and the command line show the same words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cnnlab.analysis import forecast
from cnnlab.formatting import count, duration
from cnnlab.records import Phase, RunStatus
from cnnlab.runs.expected_time import until_start_s
from cnnlab.runs.run import MEASURE, Run


@dataclass(frozen=True)
class Doing:
    """A `Doing` holds the words for what an active run does at a moment, as plain text."""

    head: str
    """Where the run is, in a few words: "Epoch 3 of 10"."""
    what: str
    """What it does or waits for: "step 5 of 100"."""
    until: str | None = None
    """How long it is until the result: "about 40 s until the result"; None where nobody knows yet."""
    rest: list[str] = field(default_factory=list)
    """How fast it goes, and on what machine."""

    @property
    def parts(self) -> list[str]:
        """Return what stands behind the head, in the order in which it is read."""
        return [self.what, *([self.until] if self.until else []), *self.rest]


def waiting(ahead: Sequence[Run], runs: Sequence[Run], slots: int) -> Doing:
    """Return in words where a waiting run stands in the queue, and when it starts.

    `ahead`: who trains, and who waits before it (`Store.ahead_of`). `runs`: all runs, the newest first. `slots`: how many
    train at the same time.
    """
    place = 1 + sum(other.status is RunStatus.QUEUED for other in ahead)
    seconds = until_start_s(ahead, runs, slots)
    if seconds is None:
        when = "it starts after the runs before it; how long that takes is not known yet"
    else:
        when = f"it starts in about {duration(seconds)}" if seconds >= forecast.SOON_S else "it starts in a moment"
    return Doing("Next in the queue" if place == 1 else f"Number {place} in the queue", when)


def working(run: Run) -> Doing:
    """Return in words what a running run does, and when its result is expected."""
    phase, until = run.phase, _until(run)
    measures = phase is not None and phase.doing != "training" and run.step <= phase.step
    if run.only_measured:
        what = "it is not trained further, and can be continued afterwards"
        return Doing("Measuring it as it is now", forecast.measuring(phase) if phase and measures else what, until)
    if run.steps_total is None or not run.step:
        busy = run.message or "finding the fastest way to compute here, and choosing the first weights at random"
        return Doing("Preparing", busy, until)
    what = _what(run, phase if measures else None)
    if measures and phase is not None and phase.doing == "scoring":
        return Doing("Trained", what, until)
    return Doing(f"Epoch {run.epoch} of {run.config.epochs}", what, until, _rest(run, measures))


def _until(run: Run) -> str | None:
    if run.phase is None or run.command not in (None, MEASURE):
        return None
    return forecast.until_result(run.phase.due_at - datetime.now(UTC).timestamp())


def _what(run: Run, measuring: Phase | None) -> str:
    if run.command:
        return "stopping as soon as it can" if run.command == "stop" else "pausing as soon as it can"
    return forecast.measuring(measuring) if measuring else f"step {count(run.step)} of {count(run.steps_total or 0)}"


def _rest(run: Run, measures: bool) -> list[str]:
    speed = [f"{count(round(run.images_per_s))} pictures/s"] if run.images_per_s and not measures else []
    machine = run.environment.get("device") or run.device
    return [*speed, *([str(machine)] if machine else [])]
