"""This module draws a drawer in which runs are chosen by name, with the keyboard as well as with the mouse.

The table takes no key while rows of it are chosen.
"""

from collections.abc import Collection, Sequence

import streamlit as st

from cnnlab.dashboard.compare import pick
from cnnlab.runs import Run

_DRAWER, _CHOSEN = "compare_by_name", "compare_names"


def draw(runs: Sequence[Run], chosen: Collection[str]) -> None:
    """Draw the drawer; its list of runs is made only while it is open. `chosen`: the ids of the runs that are compared."""
    with st.popover(
        "Choose by name", icon=":material/checklist:", type="tertiary", key=_DRAWER, on_change="rerun"
    ) as drawer:
        if not drawer.open:
            return
        names = {run.id: f"{run.number} · {run.name}" for run in runs}
        st.session_state[_CHOSEN] = list(chosen)
        st.multiselect(
            "Runs to compare",
            list(names),
            format_func=lambda id: names.get(id, ""),
            key=_CHOSEN,
            max_selections=pick.MOST,
            placeholder="Type a name or a number",
            on_change=_take,
        )


def _take() -> None:
    """Compare the runs that are chosen in the list (a callback)."""
    pick.take(st.session_state[_CHOSEN])
