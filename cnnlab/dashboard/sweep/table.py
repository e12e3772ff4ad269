"""This module draws the runs of a sweep as a table: what varies and what came of it, the best first."""

from collections.abc import Iterator, Sequence

import streamlit as st

from cnnlab.analysis.outcomes import Judge, Outcome
from cnnlab.dashboard.compare.pick import MOST
from cnnlab.dashboard.widgets import columns
from cnnlab.dashboard.widgets.columns import Column
from cnnlab.formatting import tenths
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
    return [
        *(columns.setting_of_runs(axis, runs) for axis in axes),
        *_accuracies(outcomes, judged_by),
        Column("Epoch", epochs, column.NumberColumn(help="The epoch whose weights these numbers are of.", format="%d")),
        columns.status([run.status for run in runs]),
        columns.training_time(runs),
        Column("Run", [run.number for run in runs], column.NumberColumn(help="The number of the run.", format="%d")),
    ]


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
