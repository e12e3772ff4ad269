"""All runs as a table, of which a person picks up to eight; the pick stands in the address."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import cell
from cnnlab.figures.style import RUN_COLOURS
from cnnlab.formatting import NARROW, duration, tenths
from cnnlab.runs import Run
from cnnlab.schema import SETTINGS, Setting

MOST = len(RUN_COLOURS)
"""Runs compared at once: as many as there are colours that eyes tell apart."""

FIRST_PICK = 3

AUGMENTED = "Test, augmented"

_TABLE = "compare_table"
_ORDER = "compare_order"
_SHOWN = "compare_shown"
_PICKED = "compare_picked"


def chosen_runs(runs: Sequence[Run]) -> list[Run]:
    """The runs that `?runs=` names, in that order; on a bare address the newest that have something to show."""
    if _PICKED in st.session_state:
        query_params.set_url(runs=st.session_state.pop(_PICKED))
    if "runs" not in st.query_params:
        return [run for run in runs if run.last_epoch][:FIRST_PICK]
    by_id = {run.id: run for run in runs}
    wanted = dict.fromkeys(st.query_params["runs"].split(","))
    return [by_id[id] for id in wanted if id in by_id][:MOST]


def show(runs: Sequence[Run], chosen: Sequence[Run]) -> None:
    """The table; touching a row adds the run to the pick or takes it out."""
    runs = _mine(runs, chosen)
    colours = {run.id: RUN_COLOURS[place] for place, run in enumerate(chosen)}
    st.session_state[_ORDER], st.session_state[_SHOWN] = [run.id for run in runs], list(colours)
    st.session_state[_TABLE] = {"selection": {"rows": [i for i, run in enumerate(runs) if run.id in colours]}}
    differing = settings_that_differ(runs)
    st.dataframe(
        frame(runs, differing, colours),
        key=_TABLE,
        hide_index=True,
        height=38 + 35 * min(8, len(runs)),
        placeholder="–",
        on_select=_pick,
        selection_mode="multi-row",
        column_config=_columns(differing),
        alt="All runs, the newest first, with the settings in which they differ and their final accuracies",
    )


def _mine(runs: Sequence[Run], chosen: Sequence[Run]) -> Sequence[Run]:
    """A class has many runs: those of this visitor alone, and what is picked already, where they want it so."""
    me = current_user.who()
    mine = {run.id for run in runs if current_user.is_mine(run, me)}
    if not mine or len(mine) == len(runs):
        return runs
    wanted = st.toggle("Only my runs", key="compare_mine", persist_state="session")
    return [run for run in runs if run.id in mine or run in chosen] if wanted else runs


def settings_that_differ(runs: Sequence[Run]) -> list[Setting]:
    """The settings that not all runs have in common, in the order of the form."""
    return [s for s in SETTINGS.values() if len({value_of(run, s) for run in runs}) > 1]


def value_of(run: Run, setting: Setting) -> str:
    """As people read it; a dash where nobody knows it."""
    return run_labels.setting_value(setting, getattr(run.config, setting.name)) if run.knows(setting.name) else "–"


def frame(runs: Sequence[Run], differing: Sequence[Setting], colours: dict[str, str]) -> pd.DataFrame:
    """One row a run. Accuracies in percent: of the whole sets, after the last epoch."""
    finals = [run.results.final if run.results else None for run in runs]
    latest = [run.last_epoch.validation if run.last_epoch else None for run in runs]
    columns: dict[str, list[Any]] = {
        "●": [dot(colours[run.id]) if run.id in colours else NO_DOT for run in runs],
        "Run": [cell(run.name) for run in runs],
        "Status": [[run_labels.STATUS[run.status].word] for run in runs],
    }
    if any(run.owner for run in runs):
        me = current_user.who()
        columns["Whose"] = [cell(current_user.whose(run, me)) for run in runs]
    columns |= {
        "Train": [tenths(final.train.accuracy) if final else None for final in finals],
        "Validation": [tenths(score.accuracy) if score else None for score in latest],
        "Test": [tenths(final.test.accuracy) if final else None for final in finals],
        "Gap": [tenths(final.train.accuracy - final.test.accuracy) if final else None for final in finals],
    }
    if any(final and final.test_augmented for final in finals):
        columns[AUGMENTED] = [
            tenths(final.test_augmented.accuracy) if final and final.test_augmented else None for final in finals
        ]
    for setting in differing:
        columns[setting.label] = [value_of(run, setting) for run in runs]
    columns |= {
        "Best epoch": [run.best_epoch for run in runs],
        "Epoch": [
            "" if run.imported else f"{run.last_epoch.epoch if run.last_epoch else 0} of {run.config.epochs}"
            for run in runs
        ],
        "Training time": [duration(run.elapsed_s) if run.step else "" for run in runs],
        "Started": [run.created_at for run in runs],
    }
    return pd.DataFrame(columns)


def _columns(differing: Sequence[Setting]) -> dict[str, Any]:
    column = st.column_config
    words = {run_labels.STATUS[status].word: run_labels.STATUS[status].colour for status in run_labels.STATUS}
    accuracies = {
        name: column.NumberColumn(help=f"{help} After the last epoch.", format=f"%.1f{NARROW}%%", width=76)
        for name, help in {
            "Train": "Accuracy on the whole training set.",
            "Validation": "Accuracy on the whole validation set.",
            "Test": "Accuracy on the whole test set.",
            AUGMENTED: "Accuracy on the whole test set with test-time augmentation: the mean over several views.",
        }.items()
    }
    return {
        "●": column.ImageColumn("", help="The run's colour in the figures below.", width=36, pinned=True),
        "Run": column.TextColumn(pinned=True, width=150),
        "Status": column.MultiselectColumn(options=list(words), color=list(words.values()), width=92),
        "Whose": column.TextColumn(help="Who started it.", width=120),
        **{setting.label: column.TextColumn(help=setting.help, alignment="right") for setting in differing},
        **accuracies,
        "Gap": column.NumberColumn(help="Train minus test accuracy, in points.", format="%.1f", width=56),
        "Best epoch": column.NumberColumn(help="Of the highest validation accuracy.", format="%d"),
        "Training time": column.TextColumn(alignment="right"),
        "Started": column.DatetimeColumn(format="D MMM, HH:mm"),
    }


def dot(colour: str) -> str:
    """A disc of that colour, as the source of a picture."""
    circle = f'<circle cx="10" cy="10" r="7" fill="{colour}"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">{circle}</svg>'
    return f"data:image/svg+xml,{quote(svg)}"


NO_DOT = dot("none")


def _pick() -> None:
    """Rows to runs: those still picked keep their order and colour, new ones come last."""
    order = st.session_state[_ORDER]
    picked = [order[row] for row in st.session_state[_TABLE]["selection"]["rows"] if row < len(order)]
    shown = st.session_state[_SHOWN]
    if set(picked) == set(shown):
        return  # the table's echo of what the page told it
    now = [id for id in shown if id in picked] + [id for id in picked if id not in shown]
    if len(now) > MOST:
        st.toast(f"At most {MOST} runs side by side: take one out first.", icon=":material/info:")
    st.session_state[_PICKED] = ",".join(now[:MOST])
