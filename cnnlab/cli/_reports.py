"""This module shows a training in the terminal: a bar and a line an epoch for people, one JSON object a line for
machines.
"""

import json
import os
import signal
import sys
from typing import Protocol

from pydantic import TypeAdapter
from tqdm import tqdm

from cnnlab.analysis.gap import gap_of
from cnnlab.cli._common import Right, loss, percent, say, table
from cnnlab.formatting import augmented_test, count, loss4, points, points_range, when_measured
from cnnlab.records import EpochRecord, Results, StepRecord
from cnnlab.runs import Run, Store

_RUN = TypeAdapter(Run)


def run_json(run: Run) -> dict[str, object]:
    """Return all of a run, as JSON has it."""
    shown: dict[str, object] = _RUN.dump_python(run, mode="json")
    return shown


class Report(Protocol):
    """A `Report` is told how a training goes: first `begin`, then `record` for each record, then `end`."""

    def begin(self, run: Run) -> None:
        """Report that the run begins in this process."""

    def record(self, record: StepRecord | EpochRecord) -> None:
        """Report that steps have been taken, or that an epoch is committed."""

    def end(self, run: Run) -> None:
        """Report that the run has ended, one way or another."""


class JsonReport:
    """A `JsonReport` prints {"type": "run" | "step" | "epoch" | "end", …}, one object a line, on stdout."""

    def begin(self, run: Run) -> None:
        self._print("run", run_json(run))

    def record(self, record: StepRecord | EpochRecord) -> None:
        self._print("step" if isinstance(record, StepRecord) else "epoch", record.model_dump(mode="json"))

    def end(self, run: Run) -> None:
        self._print("end", run_json(run))

    def _print(self, kind: str, values: dict[str, object]) -> None:
        try:
            print(json.dumps({"type": kind, **values}, ensure_ascii=False, allow_nan=False), flush=True)
        except BrokenPipeError:  # `… | head` has read enough: like Ctrl-C, the run ends here with its state saved
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            signal.raise_signal(signal.SIGINT)


class BarReport:
    """A `BarReport` draws a bar on stderr where that is a terminal, a line an epoch on stderr, and the final table on
    stdout.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bar: tqdm[None] | None = None
        self._since: StepRecord | None = None
        self._images_per_s = 0.0

    def begin(self, run: Run) -> None:
        self._run = run
        say(f"Run {run.number}, “{run.name}”. Ctrl-C stops it; its state is saved.")

    def record(self, record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord):
            self._step(record)
        else:
            self._epoch(record)

    def _step(self, record: StepRecord) -> None:
        if self._bar is None:
            total = self._store.get(self._run.id).steps_total
            self._bar = tqdm(total=total, initial=record.step - 1, unit="step", dynamic_ncols=True, disable=None)
        bar = self._bar
        self._since = self._since or record
        if (seconds := record.elapsed_s - self._since.elapsed_s) >= 0.5:
            self._images_per_s = (record.step - self._since.step) * self._run.config.batch_size / seconds
            self._since = record
        bar.set_description(f"epoch {record.epoch}/{self._run.config.epochs}", refresh=False)
        rate = f"{count(round(self._images_per_s))} images/s" if self._images_per_s else ""
        bar.set_postfix_str(", ".join(filter(None, [f"loss {loss4(record.loss)}", rate])), refresh=False)
        bar.update(record.step - bar.n)

    def _epoch(self, record: EpochRecord) -> None:
        parts = [
            f"epoch {record.epoch}/{self._run.config.epochs}",
            f"loss {loss4(record.loss)}",
            f"train {percent(record.train_sample)} (a sample of {count(record.train_sample.n)})",
            f"validation {percent(record.validation)}" if record.validation else "",
        ]
        tqdm.write("  ".join(filter(None, parts)), file=sys.stderr)

    def end(self, run: Run) -> None:
        if self._bar is not None:
            self._bar.close()
        print(f"{run.name}: {run.message}")
        if run.status.resumable:
            say(f"To continue: python -m cnnlab resume {run.number}")
        if run.results:
            print("\n" + results_table(run.results))


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
