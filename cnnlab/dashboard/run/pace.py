"""This module writes what an active run is doing, how fast, and how long it is until the result."""

from datetime import UTC, datetime

from cnnlab.analysis import forecast
from cnnlab.dashboard.state import services
from cnnlab.dashboard.train import expected_time
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import count, duration
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store


def line(store: Store, run: Run) -> str:
    """Write how far the run has come and how fast it goes, or what it waits for. Markdown."""
    if run.status is RunStatus.QUEUED:
        return _waiting(store, run)
    if run.only_measured:
        return "**Measuring it as it is now** :gray[· it is not trained further, and can be continued afterwards]"
    return _working(run)


def _waiting(store: Store, run: Run) -> str:
    ahead = store.ahead_of(run.id)
    place = 1 + sum(other.status is RunStatus.QUEUED for other in ahead)
    wait = "Next in the queue" if place == 1 else f"Number {place} in the queue"
    seconds = expected_time.until_start_s(ahead, services.runs(store), store.app_config.slots)
    if seconds is None:
        when = "it starts after the runs before it; how long that takes is not known yet"
    else:
        when = f"it starts in about {duration(seconds)}" if seconds >= forecast.SOON_S else "it starts in a moment"
    return f"**{wait}** :gray[· {when}; you may close this page]"


def _working(run: Run) -> str:
    phase, left = run.phase, []
    if phase and not run.command:
        left = [forecast.until_result(phase.due_at - datetime.now(UTC).timestamp())]
    if run.steps_total is None or not run.step:
        busy = escape(run.message or "") or "finding the fastest way to compute here, and drawing the first weights"
        return f"**Preparing** :gray[· {' · '.join([busy, *left])}]"
    measures = phase is not None and phase.doing != "training" and run.step <= phase.step
    said = [forecast.measuring(phase) if phase and measures else f"step {count(run.step)} of {count(run.steps_total)}"]
    if run.command:
        said = ["stopping as soon as it can" if run.command == "stop" else "pausing as soon as it can"]
    said += left
    if phase and measures and phase.doing == "scoring":
        return f"**Trained** :gray[· {' · '.join(said)}]"
    if run.images_per_s and not measures:
        said.append(f"{count(round(run.images_per_s))} pictures/s")
    if machine := run.environment.get("device") or run.device:
        said.append(escape(str(machine)))
    return f"**Epoch {run.epoch} of {run.config.epochs}** :gray[· {' · '.join(said)}]"
