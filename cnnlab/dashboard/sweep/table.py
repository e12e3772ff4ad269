"""This module draws the runs of a sweep as a table: what varies and what came of it, the best first."""

from collections.abc import Iterator, Sequence
from typing import Any

import streamlit as st

from cnnlab.analysis.outcomes import Judge, Outcome
from cnnlab.dashboard.compare.table import MOST
from cnnlab.dashboard.widgets import columns, run_labels
from cnnlab.dashboard.widgets.columns import Column
from cnnlab.formatting import duration, tenths
from cnnlab.runs import Run
from cnnlab.schema import Setting

MOST_ROWS = 13
"""Most rows that the table shows without scrolling."""


def show(rated: Sequence[tuple[Run, Outcome | None]], axes: Sequence[Setting], judged_by: Judge) -> list[Run]:
    """Draw the table and return the runs whose rows are marked, at most as many as Compare has colours."""
    shown = table_of(rated, axes, judged_by)
    marked = st.dataframe(
        columns.frame(shown),
        key="sweep_table_" + "-".join(str(run.number) for run, _ in rated),  # marks belong to rows, and rows move
        hide_index=True,
        height="content" if len(rated) <= MOST_ROWS else 35 * MOST_ROWS,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        column_config=columns.configs(shown),
        alt="The runs of the sweep with the settings that vary and their accuracies, the best first",
    )
    rows = marked["selection"]["rows"]
    return [rated[row][0] for row in rows if row < len(rated)][:MOST]


def table_of(rated: Sequence[tuple[Run, Outcome | None]], axes: Sequence[Setting], judged_by: Judge) -> list[Column]:
    """Return the columns of the sweep's table, one row for each run in the order given.

    Accuracies in percent, numbers as numbers, so that they can be sorted.
    """
    column = st.column_config
    runs, outcomes = [run for run, _ in rated], [each for _, each in rated]
    epochs = [each.epoch if each else None for each in outcomes]
    times = [duration(run.elapsed_s) if run.step else "" for run in runs]
    return [
        *(setting_column(axis, [getattr(run.config, axis.name) for run in runs]) for axis in axes),
        *_accuracies(outcomes, judged_by),
        Column("Epoch", epochs, column.NumberColumn(help="The epoch whose weights these numbers are of.", format="%d")),
        columns.status([run.status for run in runs]),
        Column("Training time", times, column.TextColumn(alignment="right")),
        Column("Run", [run.number for run in runs], column.NumberColumn(help="The number of the run.", format="%d")),
    ]


def setting_column(axis: Setting, values: Sequence[Any]) -> Column:
    """Return the column of a setting that varies."""
    return Column(axis.label, [_cell(axis, value) for value in values], _look(axis))


def _accuracies(outcomes: Sequence[Outcome | None], judged_by: Judge) -> Iterator[Column]:
    """Yield the columns of accuracies on the judging set and on the pictures trained on.

    Where validation judges, the latter is of a sample of the training set; where the test set judges, of all of it.
    """
    judged = [tenths(each.judged.accuracy) if each else None for each in outcomes]
    train = [tenths(each.train.accuracy) if each else None for each in outcomes]
    gaps = [tenths(each.train.accuracy - each.judged.accuracy) if each else None for each in outcomes]
    sampled = judged_by == "validation"
    when = "At the best epoch so far." if sampled else "After the last epoch."
    sample = "a fixed sample of the training set, as large as the validation set"
    trained_on = sample if sampled else "the whole training set"
    yield columns.accuracy(judged_by.capitalize(), judged, f"Accuracy on the whole {judged_by} set. {when}")
    yield columns.accuracy("Train sample" if sampled else "Train", train, f"Accuracy on {trained_on}. {when}")
    help = f"Train minus {judged_by}, in points."
    yield Column("Gap", gaps, st.column_config.NumberColumn(help=help, format="%.1f"))


def _cell(axis: Setting, value: Any) -> Any:
    """Return a number as it is, and a word as people read it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number else run_labels.setting_value(axis, value)


def _look(axis: Setting) -> Any:
    if axis.kind in (int, float):
        return st.column_config.NumberColumn(help=axis.help, format="%g" if axis.kind is float else "%d")
    return st.column_config.TextColumn(help=axis.help)
