"""A table as a list of columns, each said once: what stands over it, its cells, and how Streamlit shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from cnnlab.dashboard.widgets.run_labels import STATUS
from cnnlab.formatting import NARROW
from cnnlab.records import RunStatus


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    heading: str
    cells: Sequence[Any]
    config: Any = None
    """Of `st.column_config`; None: as Streamlit shows such cells by itself."""


def frame(columns: Sequence[Column]) -> pd.DataFrame:
    """The table, without its looks."""
    cells = pd.DataFrame({place: column.cells for place, column in enumerate(columns)})
    return cells.set_axis([column.heading for column in columns], axis="columns")


def configs(columns: Sequence[Column]) -> Mapping[str, Any]:
    """The looks of the columns, as `st.dataframe` wants them."""
    return dict((column.heading, column.config) for column in columns if column.config is not None)


def status(statuses: Sequence[RunStatus]) -> Column:
    """How runs stand, each in its word and colour."""
    looks = list(STATUS.values())
    return Column(
        "Status",
        [[STATUS[status].word] for status in statuses],
        st.column_config.MultiselectColumn(
            options=[look.word for look in looks], color=[look.colour for look in looks], width=92
        ),
    )


def accuracy(heading: str, percents: Sequence[float | None], help: str, width: int | None = None) -> Column:
    """Accuracies in percent, as numbers, so that they can be sorted."""
    return Column(heading, percents, st.column_config.NumberColumn(help=help, format=f"%.1f{NARROW}%%", width=width))
