"""The runs of a sweep as a table: what varies and what came of it, the best first."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from cnnlab.analysis.outcomes import Judge, Outcome
from cnnlab.dashboard.compare.table import MOST
from cnnlab.dashboard.widgets import run_labels
from cnnlab.formatting import NARROW, duration, tenths
from cnnlab.runs import Run
from cnnlab.schema import Setting

MOST_ROWS = 13
"""A longer table scrolls."""


def show(rated: Sequence[tuple[Run, Outcome | None]], axes: Sequence[Setting], judged_by: Judge) -> list[Run]:
    """Gives the runs whose rows are marked, at most as many as Compare has colours."""
    marked = st.dataframe(
        frame(rated, axes, judged_by),
        key="sweep_table_" + "-".join(str(run.number) for run, _ in rated),  # marks belong to rows, and rows move
        hide_index=True,
        height="content" if len(rated) <= MOST_ROWS else 35 * MOST_ROWS,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        column_config=_columns(axes, judged_by),
        alt="The runs of the sweep with the settings that vary and their accuracies, the best first",
    )
    rows = marked["selection"]["rows"]
    return [rated[row][0] for row in rows if row < len(rated)][:MOST]


def frame(rated: Sequence[tuple[Run, Outcome | None]], axes: Sequence[Setting], judged_by: Judge) -> pd.DataFrame:
    """One row a run, in the order given. Accuracies in percent, numbers as numbers, so that they can be sorted."""
    outcomes = [each for _, each in rated]
    columns: dict[str, list[Any]] = {
        axis.label: [_cell(axis, getattr(r.config, axis.name)) for r, _ in rated] for axis in axes
    }
    columns |= {
        judged_by.capitalize(): [tenths(each.judged.accuracy) if each else None for each in outcomes],
        train_label(judged_by): [tenths(each.train.accuracy) if each else None for each in outcomes],
        "Gap": [tenths(each.train.accuracy - each.judged.accuracy) if each else None for each in outcomes],
        "Epoch": [each.epoch if each else None for each in outcomes],
        "Status": [[run_labels.STATUS[run.status].word] for run, _ in rated],
        "Training time": [duration(run.elapsed_s) if run.step else "" for run, _ in rated],
        "Run": [run.number for run, _ in rated],
    }
    return pd.DataFrame(columns)


def train_label(judged_by: Judge) -> str:
    """Beside validation stands a sample of the training set, beside test the whole of it."""
    return "Train sample" if judged_by == "validation" else "Train"


def _cell(axis: Setting, value: Any) -> Any:
    """A number as it is; a word as people read it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number else run_labels.setting_value(axis, value)


def _columns(axes: Sequence[Setting], judged_by: Judge) -> dict[str, Any]:
    column = st.column_config
    words = {run_labels.STATUS[status].word: run_labels.STATUS[status].colour for status in run_labels.STATUS}
    when = "At the best epoch so far." if judged_by == "validation" else "After the last epoch."
    percent = f"%.1f{NARROW}%%"
    settings = {
        axis.label: column.NumberColumn(help=axis.help, format="%g" if axis.kind is float else "%d")
        if axis.kind in (int, float)
        else column.TextColumn(help=axis.help)
        for axis in axes
    }
    return settings | {
        judged_by.capitalize(): column.NumberColumn(
            help=f"Accuracy on the whole {judged_by} set. {when}", format=percent
        ),
        train_label(judged_by): column.NumberColumn(
            help=f"Accuracy on {_train_words(judged_by)}. {when}", format=percent
        ),
        "Gap": column.NumberColumn(help=f"Train minus {judged_by}, in points.", format="%.1f"),
        "Epoch": column.NumberColumn(help="The epoch whose weights these numbers are of.", format="%d"),
        "Status": column.MultiselectColumn(options=list(words), color=list(words.values()), width=92),
        "Training time": column.TextColumn(alignment="right"),
        "Run": column.NumberColumn(help="The number of the run.", format="%d"),
    }


def _train_words(judged_by: Judge) -> str:
    same_size = "a fixed sample of the training set, as large as the validation set"
    return same_size if judged_by == "validation" else "the whole training set"
