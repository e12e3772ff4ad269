"""This module draws the runs of a sweep as a table: what varies and what came of it, the best first."""

from collections.abc import Iterator, Sequence

import streamlit as st

from cnnlab.analysis.gap import gap_of
from cnnlab.analysis.outcomes import Judge, Outcome
from cnnlab.dashboard.compare.pick import MOST
from cnnlab.dashboard.widgets import columns
from cnnlab.dashboard.widgets.columns import Column
from cnnlab.formatting import tenths
from cnnlab.records import FullScores
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
        placeholder=columns.EMPTY,
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
    runs = [run for run, _ in rated]
    epochs = [each.epoch if each else None for _, each in rated]
    return [
        *(columns.setting_of_runs(axis, runs) for axis in axes),
        *_accuracies(rated, judged_by),
        Column(
            "Epoch",
            epochs,
            column.NumberColumn(help="The numbers are those of the network after this epoch.", format="%d"),
        ),
        columns.status(runs),
        columns.training_time(runs),
        Column("Run", [run.number for run in runs], column.NumberColumn(help="The number of the run.", format="%d")),
    ]


def _accuracies(rated: Sequence[tuple[Run, Outcome | None]], judged_by: Judge) -> Iterator[Column]:
    """Yield the columns of accuracies and their gap, of the weights by which a run is judged.

    The whole training set is measured at a run's end: until then there is no train accuracy and no gap.
    """
    wholes = [_whole(run, each) for run, each in rated]
    judged = [tenths(each.judged.accuracy) if each else None for _, each in rated]
    train = [tenths(whole.train.accuracy) if whole else None for whole in wholes]
    gaps = [gap_of(whole) if whole else None for whole in wholes]
    when = "At the best epoch so far." if judged_by == "validation" else "After the last epoch."
    at_the_end = "Measured at the end of a run."
    yield columns.accuracy(judged_by.capitalize(), judged, f"Accuracy on the whole {judged_by} set. {when}")
    yield columns.accuracy("Train", train, f"Accuracy on the whole training set. {when} {at_the_end}")
    yield from columns.gaps(gaps, f"{when} {at_the_end}")


def _whole(run: Run, outcome: Outcome | None) -> FullScores | None:
    """Return the scores on whole sets of the very weights by which the run is judged; None where not measured."""
    measured = (run.results.best, run.results.final) if run.results and outcome else ()
    same = (each for each in measured if each and outcome and each.epoch == outcome.epoch and each.step is None)
    return next(same, None)
