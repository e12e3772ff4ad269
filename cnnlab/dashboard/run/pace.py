"""This module writes what an active run is doing, how fast, and how long it is until the result."""

from cnnlab.dashboard.state import services
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import NARROW
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, doing


def line(store: Store, run: Run) -> str:
    """Write how far the run has come and how fast it goes, or what it waits for. Markdown."""
    if run.status is RunStatus.QUEUED:
        said = doing.waiting(store.ahead_of(run.id), services.runs(store), store.app_config.slots)
        return _marked(said, "; you may close this page")
    return _marked(doing.working(run))


def _marked(said: doing.Doing, end: str = "") -> str:
    return f"**{_escaped(said.head)}** :gray[· {_escaped(' · '.join(said.parts))}{end}]"


def _escaped(text: str) -> str:
    """Return text as Markdown in which a number still keeps to its unit."""
    return NARROW.join(map(escape, text.split(NARROW)))
