"""The one look of all pages: colours, numbers, names, status, the page's head and the sidebar's foot."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from cnnlab.analysis.intervals import interval95
from cnnlab.dashboard import access
from cnnlab.dashboard.markdown import escape
from cnnlab.figures.style import DANGER, TEST, TRAIN, VALIDATION
from cnnlab.formatting import NARROW, count, duration, loss4, percent, points
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import differences

__all__ = [
    "DANGER",
    "NARROW",
    "STATUS",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "StatusLook",
    "count",
    "difference_line",
    "duration",
    "escape",
    "interval95",
    "loss4",
    "names",
    "page_header",
    "percent",
    "points",
    "run_line",
    "setting_value",
    "sidebar_status",
    "status_badge",
    "status_dot",
]


@dataclass(frozen=True)
class StatusLook:
    """How a status is shown: `word` for people, `colour` by Streamlit's palette name, `icon` a Material symbol."""

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


CHOICES = {"flip_crop": "flip + crop", "flip_crop_cutout": "flip + crop + cutout", "one_cycle": "one-cycle"}
"""Choices whose name in code is not how people write them."""


def setting_value(value: object) -> str:
    """A setting's value as people read it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return count(value)
    return "all" if value is None else CHOICES.get(str(value), str(value))


def difference_line(run: Run, parent: Run | None) -> str:
    """The run in one line, as plain text: "SimpleCNN · dropout 0.5 → 0.2", or its main settings without a parent."""
    config = run.config
    if run.imported:
        return f"{config.architecture} · {config.dataset} · weights from a file, not trained here"
    if parent is None:
        epochs = f"{count(config.epochs)} epoch{'s' if config.epochs > 1 else ''}"
        return f"{config.architecture} · {config.dataset} · {epochs} · lr {config.lr:g}"
    changes = [
        f"{setting.label.lower()} {setting_value(before)} → {setting_value(after)}"
        for setting, before, after in differences(parent.config, config)
        if setting.name != "architecture" and parent.knows(setting.name)
    ]
    return " · ".join([config.architecture, *(changes or ["the same settings"])])


def names(runs: Iterable[Run]) -> dict[str, str]:
    """The runs' names by id, with their number where two share a name: Streamlit tells options apart by their words."""
    by_id = {run.id: run for run in runs}
    times = Counter(run.name for run in by_id.values())
    return {id: run.name if times[run.name] == 1 else f"{run.name} · run {run.number}" for id, run in by_id.items()}


def status_dot(status: RunStatus) -> str:
    """A coloured dot, as Markdown."""
    return f":{STATUS[status].colour}[●]"


def run_line(run: Run) -> str:
    """A run's dot and name, as Markdown; the name is shown as it was typed."""
    return f"{status_dot(run.status)} **{escape(run.name)}**"


def status_badge(status: RunStatus) -> None:
    """The status as a coloured chip with its word."""
    look = STATUS[status]
    st.badge(look.word, icon=look.icon, color=look.colour)  # type: ignore[arg-type]


def page_header(title: str, sentence: str) -> None:
    """The question a page answers, and one sentence under it."""
    st.title(title, anchor=False)
    st.markdown(f":gray[{sentence}]")


SIDEBAR_S = 4.37
"""No multiple of a page's own second: of two requests that come together Streamlit 1.67 sometimes drops the first."""


@st.fragment(run_every=SIDEBAR_S)
def sidebar_status(store: Store) -> None:
    """Device, runs training, runs waiting; re-read gently, from a reading all visitors share."""
    runs = access.runs(store)
    training = [run for run in runs if run.status == RunStatus.RUNNING]
    waiting = sum(run.status == RunStatus.QUEUED for run in runs)
    if problem := access.launcher_problem():
        st.warning(escape(problem), icon=":material/warning:")
    device = access.device()
    words = [f"{len(training)} training" if training else "nothing training"]
    if waiting:
        words.append(f"{waiting} waiting")
    dot = status_dot(RunStatus.RUNNING) if training else ":gray[●]"
    st.caption(f"{dot} {' · '.join(words)}" + (f"  \n{escape(device)}" if device else ""))
