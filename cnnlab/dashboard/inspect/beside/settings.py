"""This module names the settings in which two runs that stand side by side differ."""

import streamlit as st

from cnnlab.dashboard.inspect.selection import Selection
from cnnlab.dashboard.widgets.columns import settings_table
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.run_labels import settings_that_differ

MOST_NAMED = 4
"""Number of settings that the line names; the table below it has all."""


def draw(left: Selection, right: Selection) -> None:
    """Draw a line that names the settings that differ; it opens the table of their values."""
    if left.run.id == right.run.id:
        st.caption("Both are the same run with the same settings: they differ in the epoch alone.")
        return
    found = settings_that_differ([left.run, right.run])
    if not found:
        st.caption("Both runs have the same settings.")
        return
    named = ", ".join(setting.label.lower() for setting in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    word = "setting differs" if len(found) == 1 else "settings differ"
    with st.expander(f"{len(found)} {word}: {escape(named)}{more}", icon=":material/tune:"):
        settings_table([left.run, right.run], found)
