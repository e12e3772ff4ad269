"""This module makes a table from columns: each column's heading, its cells, and how Streamlit shows the cells.

A number stays a number and a time a time: Streamlit sorts what it is given, and "10" comes before "9" as text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import streamlit as st

from cnnlab.analysis.gap import Gap
from cnnlab.dashboard.widgets.markdown import cell, escape
from cnnlab.dashboard.widgets.run_labels import look_of, names, setting_value, training_pictures
from cnnlab.formatting import NARROW, tenths
from cnnlab.runs import Run
from cnnlab.schema import Setting, TrainingConfig

SPAN, MOMENT = pa.duration("us"), pa.timestamp("us", "UTC")
EMPTY = "–"
"""Stands in a cell without a value."""


@dataclass(frozen=True)
class Column:
    """A `Column` is one column of a table: its heading, its cells and its Streamlit configuration."""

    heading: str
    cells: Sequence[Any]
    config: Any = None
    """Column configuration from `st.column_config`; None: as Streamlit shows such cells by itself."""
    type: pa.DataType | None = None
    """Type of the cells, also where each is empty; None: as the cells show it."""


def frame(columns: Sequence[Column]) -> pa.Table:
    """Return the table's cells as Streamlit sends them to a browser.

    A data frame with a Styler would be asked for the words of each cell at each look: a fifth of a second for 500 rows.
    """
    return pa.Table.from_arrays([_array(column) for column in columns], names=[column.heading for column in columns])


def kept(columns: Iterable[Column]) -> list[Column]:
    """Return the columns with their cells as the browser gets them, to be drawn again and again."""
    return [replace(column, cells=_array(column)) for column in columns]


def _array(column: Column) -> pa.Array:
    return column.cells if isinstance(column.cells, pa.Array) else pa.array(column.cells, column.type)


def configs(columns: Sequence[Column]) -> Mapping[str, Any]:
    """Return the configuration of the columns by heading, as `st.dataframe` takes it."""
    return dict((column.heading, column.config) for column in columns if column.config is not None)


def status(runs: Sequence[Run]) -> Column:
    """Return the column of run states, each with its word and colour."""
    shown = [look_of(run) for run in runs]
    looks = list(dict.fromkeys(shown))
    return Column(
        "Status",
        [[look.word] for look in shown],
        st.column_config.MultiselectColumn(
            options=[look.word for look in looks], color=[look.colour for look in looks], width=92
        ),
    )


def accuracy(heading: str, percents: Sequence[float | None], help: str, width: int | None = None) -> Column:
    """Return a column of accuracies in percent, as numbers, so that they can be sorted."""
    return Column(heading, percents, st.column_config.NumberColumn(help=help, format=f"%.1f{NARROW}%%", width=width))


def counts(heading: str, numbers: Sequence[int | None], help: str) -> Column:
    """Return a column of whole numbers without separators: a comma between thousands is a decimal point to many."""
    return Column(heading, numbers, st.column_config.NumberColumn(help=help, format="%d"))


def gaps(gaps: Sequence[Gap | None], when: str) -> Iterator[Column]:
    """Yield a column of gaps in points for each pair of sets there is: gaps between different sets do not compare."""
    for sets in dict.fromkeys(gap.sets for gap in gaps if gap):
        cells = [tenths(gap.value) if gap and gap.sets == sets else None for gap in gaps]
        help = f"Accuracy on {sets}, each set whole, in points. {when}"
        yield Column(f"Gap, {sets}", cells, st.column_config.NumberColumn(help=help, format="%.1f"))


def of_setting(setting: Setting, configs: Sequence[TrainingConfig | None]) -> Column:
    """Return the column of a setting: a number as a number, anything else in words; empty where a config is None."""
    values = [getattr(config, setting.name) if config else None for config in configs]
    if setting.kind is int:
        if setting.name == "train_subset":
            values = [training_pictures(config) if config else None for config in configs]
        return counts(setting.label, values, setting.help)
    if setting.kind is float:
        return Column(setting.label, values, st.column_config.NumberColumn(help=setting.help, format="%g"))
    words = [
        cell(setting_value(setting, value)) if config else None for config, value in zip(configs, values, strict=True)
    ]
    return Column(setting.label, words, st.column_config.TextColumn(help=setting.help))


def setting_of_runs(setting: Setting, runs: Sequence[Run]) -> Column:
    """Return the column of a setting of runs, empty where nobody knows a run's value."""
    return of_setting(setting, [run.config if run.knows(setting.name) else None for run in runs])


def settings_table(runs: Sequence[Run], settings: Sequence[Setting]) -> None:
    """Draw the values of `settings`, a row each, one column a run; a dash where nobody knows a run's value."""
    values = [
        [
            escape(setting_value(setting, getattr(run.config, setting.name))) if run.knows(setting.name) else EMPTY
            for run in runs
        ]
        for setting in settings
    ]
    rows = pd.Index([setting.label for setting in settings], name="Setting")
    headings = [escape(name) for name in names(runs).values()]
    table = pd.DataFrame(values, index=rows, columns=headings)
    st.table(table, border="horizontal", alt="The settings in which the chosen runs differ")


def training_time(runs: Sequence[Run]) -> Column:
    """Return the column of how long each run has trained; empty before its first step."""
    spans = [timedelta(seconds=round(run.elapsed_s, run.elapsed_s < 1)) if run.step else None for run in runs]
    help = "How long it has trained, without waiting and measuring."
    return Column("Training time", spans, st.column_config.NumberColumn(help=help, format="localized"), SPAN)
