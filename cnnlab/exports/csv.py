"""This module writes a run's settings, scores and records as CSV: all digits, accuracy from 0 to 1, times in seconds."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from cnnlab.exports._export import EXPORTS, Export, Source, no_epochs
from cnnlab.records import EpochRecord, FullScores, Score, StepRecord
from cnnlab.runs import Run
from cnnlab.schema import SETTINGS

EPOCH_COLUMNS = (
    "epoch",
    "step",
    "running_loss",
    "train_sample_loss",
    "train_sample_accuracy",
    "train_sample_pictures",
    "validation_loss",
    "validation_accuracy",
    "validation_pictures",
    "elapsed_s",
    "training_loss",
)
STEP_COLUMNS = tuple(StepRecord.model_fields)


def epochs(records: Sequence[EpochRecord]) -> str:
    """Return the CSV text of epoch records, one line for each epoch.

    The fields of a set that the run does not have are empty. running_loss is the tutorial's figure, a mean over batches;
    training_loss is the mean over pictures, without label smoothing.
    """

    def scores(score: Score | None) -> tuple[object, ...]:
        return ("", "", "") if score is None else (score.loss, score.accuracy, score.n)

    rows = (
        (
            *(e.epoch, e.step, e.running_loss, *scores(e.train_sample), *scores(e.validation), e.elapsed_s),
            "" if e.training_loss is None else e.training_loss,
        )
        for e in records
    )
    return _lines(EPOCH_COLUMNS, rows)


def steps(records: Sequence[StepRecord]) -> str:
    """Return the CSV text of step records, one line for each record.

    Loss and accuracy are means over the pictures since the line before, in training mode and without label smoothing;
    objective is what the optimizer saw where that is another number.
    """
    return _lines(STEP_COLUMNS, ([getattr(record, name) for name in STEP_COLUMNS] for record in records))


def summary(run: Run) -> str:
    """Return the CSV text of one run: a line of names, and a line with its settings and the scores of each whole set.

    A field that nobody knows, or that was not measured, is empty. Times are UTC.
    """
    results = run.results
    facts: dict[str, object] = {
        name: getattr(run, name) for name in ("number", "id", "name", "note", "sweep", "status")
    }
    facts |= {name: _time(getattr(run, name)) for name in ("created_at", "waiting_since", "started_at", "finished_at")}
    facts |= {name: getattr(run.config, name) if run.knows(name) else None for name in SETTINGS}
    facts |= {"steps": run.step, "training_s": run.elapsed_s, "device": run.device}
    facts |= _scores("last", results.final if results else None) | _scores("best", results.best if results else None)
    return _lines(tuple(facts), [[_cell(value) for value in facts.values()]])


def _scores(which: str, scores: FullScores | None) -> dict[str, object]:
    """Return the columns of one network: that after the last epoch, or that after the best.

    The step is that of a network stopped within an epoch; its epoch is then the last it has completed.
    """
    columns: dict[str, object] = {f"{which}_epoch": scores and scores.epoch, f"{which}_step": scores and scores.step}
    for name in ("train", "validation", "test", "test_augmented"):
        score: Score | None = getattr(scores, name, None)
        for field in Score.model_fields if name == "test_augmented" else ("loss", "accuracy", "n"):
            columns[f"{which}_{name}_{field}"] = score and getattr(score, field)
    return columns


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _cell(value: object) -> object:
    """Return text that a spreadsheet does not take for a formula: anybody may name a run."""
    formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@"))
    return f"'{value}" if formula else value


def _lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _no_steps(source: Source) -> str | None:
    return None if source.run.step else f"“{source.run.name}” has not taken a training step here."


EXPORTS.register(
    "run",
    Export(
        name="run",
        title="Settings and scores",
        help="CSV, one line: every setting, the seed, and loss and accuracy on the whole of each set.",
        suffix="csv",
        mime="text/csv",
        write=lambda source: summary(source.run).encode(),
        missing=lambda source: None,
    ),
)
EXPORTS.register(
    "epochs",
    Export(
        name="epochs",
        title="All epochs",
        help="CSV, one line per epoch: loss and accuracy on each set.",
        suffix="csv",
        mime="text/csv",
        write=lambda source: epochs(source.store.epochs(source.run.id)).encode(),
        missing=no_epochs,
    ),
)
EXPORTS.register(
    "steps",
    Export(
        name="steps",
        title="Loss by step",
        help="CSV. Where steps are quick, one line stands for several steps: their mean, lowest and highest loss.",
        suffix="csv",
        mime="text/csv",
        write=lambda source: steps(source.store.steps(source.run.id)).encode(),
        missing=_no_steps,
    ),
)
