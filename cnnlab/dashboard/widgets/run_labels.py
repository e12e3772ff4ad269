"""This module writes runs and their settings as people read them: name, status, difference from another run."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.data import DATASETS
from cnnlab.formatting import count
from cnnlab.records import RunStatus
from cnnlab.runs import Run
from cnnlab.runs.naming import told_apart
from cnnlab.schema import SETTINGS, Setting, TrainingConfig, differences


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

_UNKNOWN = object()
_MEASURED = StatusLook("measuring", "blue", ":material/speed:")
"""How a run is shown that is measured as it is now: it does not train."""


def look_of(run: Run) -> StatusLook:
    """Return how the status of a run is shown."""
    return _MEASURED if run.status is RunStatus.RUNNING and run.only_measured else STATUS[run.status]


def setting_value(setting: Setting, value: object) -> str:
    """Write a setting's value as people read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return count(value)
    return "all" if value is None else setting.words.get(str(value), str(value))


def training_pictures(config: TrainingConfig) -> int | None:
    """Return how many pictures a run with these settings trains on, "all" as their number."""
    if config.dataset not in DATASETS.names():  # of a plug-in that has gone
        return config.train_subset
    left = DATASETS.get(config.dataset).info.num_train - config.validation_size
    return min(left, config.train_subset or left)


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


def settings_that_differ(runs: Sequence[Run]) -> list[Setting]:
    """Return the settings that not all runs have in common, in the order of the form."""
    return [
        setting
        for setting in SETTINGS.values()
        if len({getattr(run.config, setting.name) if run.knows(setting.name) else _UNKNOWN for run in runs}) > 1
    ]


def names(runs: Iterable[Run], words: Callable[[Run], str] = lambda run: run.name) -> dict[str, str]:
    """Return words for each run by its id, no two alike: where two runs share a name, their numbers follow.

    Streamlit tells the options of a list apart by their words, and a table its columns by their headings.
    """
    by_id = {run.id: run for run in runs}
    return told_apart({id: words(run) for id, run in by_id.items()}, lambda id: f"run {by_id[id].number}")


def status_dot(status: RunStatus) -> str:
    """Return a dot in the colour of the status, as Markdown."""
    return f":{STATUS[status].colour}[●]"


def run_line(run: Run) -> str:
    """Return a run's dot and name, as Markdown; the name is shown as it was typed."""
    return f"{status_dot(run.status)} **{escape(run.name)}**"


def status_badge(run: Run) -> None:
    """Draw the status of a run as a coloured chip with its word."""
    look = look_of(run)
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
