"""This module draws the runs of a sweep as a table of settings: the mean over the seeds, and how sure it is."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.analysis.outcomes import Judge, accuracy
from cnnlab.analysis.significance.effects import Verdict
from cnnlab.dashboard.sweep.table import MOST_ROWS
from cnnlab.dashboard.widgets import columns
from cnnlab.dashboard.widgets.columns import Column
from cnnlab.formatting import tenths
from cnnlab.schema import Setting


def show(found: Verdict, settings: Sequence[Setting], judged_by: Judge) -> None:
    """Draw one row for each combination of settings, the highest mean first; nothing where no seed repeats any."""
    if all(len(group) == 1 for group in found.ranking):
        return
    shown = table_of(found, settings, judged_by)
    st.dataframe(
        columns.frame(shown),
        key="sweep_groups",
        hide_index=True,
        height="content" if len(found.ranking) <= MOST_ROWS else 35 * MOST_ROWS,
        column_config=columns.configs(shown),
        alt=f"Mean {judged_by} accuracy over the seeds of each combination of settings, the highest first",
    )


def table_of(found: Verdict, settings: Sequence[Setting], judged_by: Judge) -> list[Column]:
    """Return the columns: the settings, the mean over the seeds, half its interval, and the number of seeds."""
    column = st.column_config
    groups = found.ranking
    band = "Half of the mean's 95 % interval, in points. It comes from the spread of all runs with the same settings."
    return [
        *(columns.of_setting(each, [group[0].config for group in groups]) for each in settings),
        columns.accuracy(
            f"Mean {judged_by}",
            [tenths(accuracy(group)) for group in groups],
            f"Mean {judged_by} accuracy of its runs.",
        ),
        Column("±", [tenths(found.spread.band(len(group))) for group in groups], _number(band, "%.1f")),
        Column(
            "Seeds",
            [len(group) for group in groups],
            column.NumberColumn(help="Number of runs in the mean.", format="%d"),
        ),
    ]


def _number(help: str, format: str) -> object:
    return st.column_config.NumberColumn(help=help, format=format)
