"""This module shows a training in the terminal: a bar and a line an epoch for people, one JSON object a line for
machines.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any, Protocol

from pydantic import TypeAdapter
from tqdm import tqdm

from cnnlab.analysis.gap import gap_of
from cnnlab.cli._common import Right, loss, percent, say, table
from cnnlab.formatting import augmented_test, count, loss4, points, points_range, when_measured
from cnnlab.records import EpochRecord, Phase, Results, RunStatus, StepRecord
from cnnlab.runs import Run, Store, StoreError, doing, expected_time
from cnnlab.runs.expected_time import Announcement
from cnnlab.schema import TrainingConfig

BAR = "{percentage:3.0f}% |{bar:10}| {desc}"
_RUN = TypeAdapter(Run)


def announce(store: Store, configs: Sequence[TrainingConfig], *, quietly: bool) -> Announcement | None:
    """Say when the results of new runs are expected that are trained here one after another; None where nobody knows."""
    runs, line = store.list(), [*_training(store), *[None] * len(configs)]
    if not quietly:
        _say_announced(expected_time.said(configs, runs, line, slots=1), runs)
    return expected_time.announced(configs, runs, line, slots=1)


def announce_again(store: Store, ours: Sequence[Run], *, quietly: bool) -> Announcement | None:
    """Say, as `announce` does, when the results of runs are expected that have ended early or were never begun."""
    runs = store.list()
    announcement = expected_time.remaining(ours, runs, [*_training(store), *ours], slots=1)
    if not quietly:
        _say_announced(expected_time.words(announcement), runs)
    return announcement


def _training(store: Store) -> list[Run]:
    """Return the runs that train: they share the machine with new ones, however short; those that wait do so for them."""
    return [run for run in reversed(store.list()) if run.status is RunStatus.RUNNING]


def _say_announced(words: str, runs: Sequence[Run]) -> None:
    record = expected_time.record(runs)
    say(f"{words[0].upper()}{words[1:]}.{f' {record}' if record else ''}")


def run_json(run: Run) -> dict[str, object]:
    """Return all of a run, as JSON has it."""
    shown: dict[str, object] = _RUN.dump_python(run, mode="json")
    return shown


class Report(Protocol):
    """A `Report` is told how a training goes: first `begin`, then `record` for each record, then `end`."""

    def begin(self, run: Run) -> None:
        """Report that the run begins in this process."""

    def record(self, record: StepRecord | EpochRecord | Phase) -> None:
        """Report that steps have been taken, that an epoch is committed, or what the run is doing now."""

    def end(self, run: Run) -> None:
        """Report that the run has ended, one way or another."""


class JsonReport:
    """A `JsonReport` prints {"type": "run" | "step" | "epoch" | "end", …}, one object a line, on stdout."""

    def __init__(self) -> None:
        self._refused = False

    def begin(self, run: Run) -> None:
        self._print("run", run_json(run))

    def record(self, record: StepRecord | EpochRecord | Phase) -> None:
        if not isinstance(record, Phase):
            self._print("step" if isinstance(record, StepRecord) else "epoch", record.model_dump(mode="json"))

    def end(self, run: Run) -> None:
        self._print("end", run_json(run))

    def _print(self, kind: str, values: dict[str, object]) -> None:
        try:
            print(json.dumps({"type": kind, **values}, ensure_ascii=False, allow_nan=False), flush=True)
        except BrokenPipeError:
            _end_unread(sys.stdout)
        except OSError as error:  # a full disk, perhaps: the run is worth more than what is said of it
            if not self._refused:
                self._refused = True
                say(f"The output cannot be written any more ({error.strerror}). The run goes on.")


def _end_unread(stream: IO[str]) -> None:
    """End the run as Ctrl-C does, with its state saved: `… | head` has read enough of `stream`, and nobody reads on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    signal.raise_signal(signal.SIGINT)


class BarReport:
    """A `BarReport` says what the run does and when its result is expected, beside a bar on stderr where that is a
    terminal, else in a line when the steps are done; it prints a line an epoch on stderr, and the final table on stdout.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loss = ""

    def begin(self, run: Run) -> None:
        say(self._heading(run))
        self._run, self._trained = run, False
        shown: dict[str, Any] = {"total": run.steps_total, "initial": run.step, "bar_format": BAR}
        self._bar: tqdm[None] = tqdm(
            **shown, desc=self._words(), dynamic_ncols=True, leave=False, disable=None, file=sys.stderr
        )

    def record(self, record: StepRecord | EpochRecord | Phase) -> None:
        try:
            self._show(record)
        except BrokenPipeError:
            _end_unread(sys.stderr)
        except OSError:  # a full disk, perhaps: the run is worth more than what is said of it
            pass

    def _show(self, record: StepRecord | EpochRecord | Phase) -> None:
        if isinstance(record, EpochRecord):
            tqdm.write(_epoch_line(self._run, record), file=sys.stderr)
        elif isinstance(record, Phase):
            self._run = replace(self._newest(), phase=record)
            self._loss = self._loss if record.doing == "training" else ""
            self._bar.total = self._run.steps_total
            self._draw(at_once=True)
        else:
            self._run = replace(self._run, epoch=record.epoch, step=record.step)
            self._loss = f"loss {loss4(record.loss)}"
            self._draw(at_once=False)

    def end(self, run: Run) -> None:
        with suppress(OSError):
            self._bar.close()
        self._conclude(run)

    def _heading(self, run: Run) -> str:
        if run.only_measured:
            return f"Run {run.number}, “{run.name}”, is measured as it is now. Ctrl-C leaves it as it was."
        return f"Run {run.number}, “{run.name}”. Ctrl-C stops it; its state is saved."

    def _conclude(self, run: Run) -> None:
        print(f"{run.name}: {run.message}")
        if run.status.resumable:
            say(f"To continue: python -m cnnlab resume {run.number}")
        if run.measurable:
            say(f"To measure it as it is now: python -m cnnlab measure {run.number}")
        if run.results:
            print("\n" + results_table(run.results))
        if sentence := expected_time.score(run):
            say(f"\n{sentence}")

    def _newest(self) -> Run:
        """Return the run as the store has it, with the steps that were told here; the store may be a moment behind."""
        with suppress(StoreError):  # busy for a moment: the next look may get through
            found = self._store.get(self._run.id)
            return replace(found, step=max(found.step, self._run.step), epoch=max(found.epoch, self._run.epoch))
        return self._run

    def _draw(self, *, at_once: bool) -> None:
        """Write what the run does: at once, or as soon as the bar is drawn again, which is ten times a second."""
        if self._bar.disable:
            self._say_once_trained()
            return
        self._bar.set_description_str(self._words(), refresh=False)
        self._bar.update(self._run.step - self._bar.n)
        if at_once:
            self._bar.refresh()

    def _words(self) -> str:
        """Return what the run does, the time until the result first: a narrow terminal cuts what stands last."""
        said = doing.working(self._run)
        return " · ".join(filter(None, [said.head, said.until, said.what, self._loss, *said.rest]))

    def _say_once_trained(self) -> None:
        phase = self._run.phase
        if phase and phase.doing == "scoring" and not self._trained:
            self._trained = True
            say(self._words())


class SweptReport(BarReport):
    """A `SweptReport` reports one run of a sweep: it prints no table of its own. `place`: which of them, "2 of 9"."""

    def __init__(self, store: Store, place: str) -> None:
        super().__init__(store)
        self._place = place

    def _heading(self, run: Run) -> str:
        return f"\n{self._place} · run {run.number}, “{run.name}”"

    def _conclude(self, run: Run) -> None:
        say(run.message or "")


def _epoch_line(run: Run, record: EpochRecord) -> str:
    parts = [
        f"epoch {record.epoch}/{run.config.epochs}",
        f"loss {loss4(record.loss)}",
        f"train {percent(record.train_sample)} (a sample of {count(record.train_sample.n)})",
        f"validation {percent(record.validation)}" if record.validation else "",
    ]
    return "  ".join(filter(None, parts))


def results_table(results: Results) -> str:
    """Write accuracy and loss of each whole set, after the last epoch and after the best, and the gap of each."""
    rows, gaps = [], []
    wholes = {"last": results.final}
    if results.best and results.best != results.final:
        wholes["best"] = results.best
    for which, scores in wholes.items():
        sets = [("train", scores.train), ("validation", scores.validation), ("test", scores.test)]
        if augmented := scores.test_augmented:
            sets.append((augmented_test(augmented), augmented))
        where = f"{when_measured(scores)} ({which})"
        for name, score in sets:
            if score:
                rows.append([where, name, percent(score), loss(score), count(score.n)])
        gap = gap_of(scores)
        gaps.append(f"gap ({gap.sets}) {where}: {points(gap.value)}, 95 % interval {points_range(*gap.interval)}")
    shown = table(["network", "set (all pictures)", Right("accuracy"), Right("loss"), Right("pictures")], rows)
    return "\n".join([shown, *gaps])
