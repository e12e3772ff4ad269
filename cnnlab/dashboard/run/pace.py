"""This module writes what an active run is doing, how fast, and how long it is until the result."""

from datetime import UTC, datetime

from cnnlab.analysis import forecast
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import count
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store


def line(store: Store, run: Run) -> str:
    """Write how far the run has come and how fast it goes, or what it waits for. Markdown."""
    if run.status is RunStatus.QUEUED:
        return _waiting(store, run)
    if run.only_measured:
        return "**Measuring it where it stands** :gray[· it takes no step of training, and can be continued afterwards]"
    return _working(run)


def _waiting(store: Store, run: Run) -> str:
    place = store.queue_position(run.id) or 1
    wait = "Next in the queue" if place == 1 else f"Number {place} in the queue"
    return f"**{wait}** :gray[· it starts as soon as a worker is free; this page may be closed meanwhile]"


def _working(run: Run) -> str:
    phase, left = run.phase, []
    if phase and not run.command:
        left = [forecast.until_result(phase.due_at - datetime.now(UTC).timestamp())]
    if run.steps_total is None or not run.step:
        busy = escape(run.message or "") or "trying how to compute fastest here, and drawing the first weights"
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
