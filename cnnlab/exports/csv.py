"""A run's records as CSV, for a spreadsheet: numbers in full, accuracy as a share from 0 to 1, times in seconds."""

import csv
import io
from collections.abc import Iterable, Sequence

from cnnlab.records import EpochRecord, Score, StepRecord

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
)
STEP_COLUMNS = tuple(StepRecord.model_fields)


def epochs_csv(epochs: Sequence[EpochRecord]) -> str:
    """One line an epoch; empty fields where the run has no validation set."""

    def scores(score: Score | None) -> tuple[object, ...]:
        return ("", "", "") if score is None else (score.loss, score.accuracy, score.n)

    rows = (
        (e.epoch, e.step, e.running_loss, *scores(e.train_sample), *scores(e.validation), e.elapsed_s) for e in epochs
    )
    return _csv(EPOCH_COLUMNS, rows)


def steps_csv(steps: Sequence[StepRecord]) -> str:
    """One line a record: loss and accuracy are means over the batches since the line before, in training mode."""
    return _csv(STEP_COLUMNS, ([getattr(step, name) for name in STEP_COLUMNS] for step in steps))


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
