"""This module writes runs and their settings as people read them: name, status, difference from another run."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import count
from cnnlab.records import RunStatus
from cnnlab.runs import Run
from cnnlab.schema import Setting, differences


@dataclass(frozen=True)
class StatusLook:
    """A `StatusLook` says how a status is shown: `word` for people, `colour` by Streamlit's palette name, `icon` a
    Material symbol.
    """

    word: str
    colour: str
    icon: str


STATUS: dict[RunStatus, StatusLook] = {
    RunStatus.QUEUED: StatusLook("waiting", "gray", ":material/hourglass_empty:"),
    RunStatus.RUNNING: StatusLook("training", "blue", ":material/play_arrow:"),
    RunStatus.PAUSED: StatusLook("paused", "orange", ":material/pause:"),
    RunStatus.FINISHED: StatusLook("finished", "green", ":material/check:"),
    RunStatus.STOPPED: StatusLook("stopped", "gray", ":material/stop:"),
    RunStatus.DIVERGED: StatusLook("diverged", "red", ":material/trending_up:"),
    RunStatus.FAILED: StatusLook("failed", "red", ":material/error:"),
    RunStatus.INTERRUPTED: StatusLook("interrupted", "orange", ":material/power_off:"),
    RunStatus.IMPORTED: StatusLook("from a file", "violet", ":material/upload_file:"),
}


def setting_value(setting: Setting, value: object) -> str:
    """Write a setting's value as people read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return count(value)
    return "all" if value is None else setting.words.get(str(value), str(value))


def difference_line(run: Run, parent: Run | None) -> str:
    """Write the run in one line, as plain text: "SimpleCNN · dropout 0.5 → 0.2", or its main settings without a parent."""
    config = run.config
    if run.imported:
        return f"{config.architecture} · {config.dataset} · weights from a file, not trained here"
    if parent is None:
        epochs = f"{count(config.epochs)} epoch{'s' if config.epochs > 1 else ''}"
        return f"{config.architecture} · {config.dataset} · {epochs} · lr {config.lr:g}"
    changes = [
        f"{setting.label.lower()} {setting_value(setting, before)} → {setting_value(setting, after)}"
        for setting, before, after in differences(parent.config, config)
        if setting.name != "architecture" and parent.knows(setting.name)
    ]
    return " · ".join([config.architecture, *(changes or ["the same settings"])])


def names(runs: Iterable[Run]) -> dict[str, str]:
    """Return the runs' names by id, with their number where two share a name: Streamlit tells options apart by their
    words.
    """
    by_id = {run.id: run for run in runs}
    times = Counter(run.name for run in by_id.values())
    return {id: run.name if times[run.name] == 1 else f"{run.name} · run {run.number}" for id, run in by_id.items()}


def status_dot(status: RunStatus) -> str:
    """Return a dot in the colour of the status, as Markdown."""
    return f":{STATUS[status].colour}[●]"


def run_line(run: Run) -> str:
    """Return a run's dot and name, as Markdown; the name is shown as it was typed."""
    return f"{status_dot(run.status)} **{escape(run.name)}**"


def status_badge(status: RunStatus) -> None:
    """Draw the status as a coloured chip with its word."""
    look = STATUS[status]
    st.badge(look.word, icon=look.icon, color=look.colour)  # type: ignore[arg-type]


def page_header(title: str, sentence: str) -> DeltaGenerator:
    """Draw the question a page answers, and one sentence close under it; return the container to the right of the question."""
    with st.container(gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.title(title, anchor=False, width="content")
            st.space("stretch")
            beside = st.container(horizontal=True, vertical_alignment="center", gap="small", width="content")
        st.caption(sentence)
    return beside
