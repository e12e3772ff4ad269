"""What a run that is not over is said to do, on its page and on the command line."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cnnlab.records import Phase, RunStatus
from cnnlab.runs import Run, Store, doing
from cnnlab.runs.run import MEASURE
from tests.factories import insert_run


@pytest.fixture
def run(store: Store) -> Run:
    """A run that trains, at its step 20 of 40."""
    made = insert_run(store, RunStatus.RUNNING, epochs=1)
    return replace(made, steps_total=40, images_per_s=1_234.4, environment={"device": "CPU (2 cores)"})


def phase(kind: str, step: int, **measured: object) -> Phase:
    """A phase that expects the result in 3 hours, and 20 s for a slow machine."""
    values = {"doing": kind, "step": step, "due_at": datetime.now(UTC).timestamp() + 3 * 3600 + 20, **measured}
    return Phase.model_validate(values)


TEST = {"set": "test", "views": 6, "done": 500, "total": 10_000}
MEASURED = "measuring the test set with 6 views of each picture, 500 of 10 000 pictures"
LEFT = "about 3 h 0 min until the result"


@pytest.mark.parametrize(
    ("changes", "head", "parts"),
    [
        ({}, "Epoch 1 of 1", ["step 20 of 40", "1 234 pictures/s", "CPU (2 cores)"]),
        ({"phase": ("training", 19)}, "Epoch 1 of 1", ["step 20 of 40", LEFT, "1 234 pictures/s", "CPU (2 cores)"]),
        ({"phase": ("measuring", 20)}, "Epoch 1 of 1", [MEASURED, LEFT, "CPU (2 cores)"]),
        ({"phase": ("measuring", 19)}, "Epoch 1 of 1", ["step 20 of 40", LEFT, "1 234 pictures/s", "CPU (2 cores)"]),
        ({"phase": ("scoring", 20)}, "Trained", [MEASURED, LEFT]),
        ({"phase": ("scoring", 20), "command": "stop"}, "Trained", ["stopping as soon as it can"]),
        ({"phase": ("scoring", 20), "command": MEASURE}, "Measuring it as it is now", [MEASURED, LEFT]),
        (
            {"step": 0, "phase": ("training", 0)},
            "Preparing",
            ["finding the fastest way to compute here, and choosing", LEFT],
        ),
        ({"step": 0, "steps_total": None, "message": "Getting it."}, "Preparing", ["Getting it."]),
    ],
)
def test_it_says_what_it_does_now_and_the_time_until_the_result(
    run: Run, changes: dict[str, object], head: str, parts: list[str]
) -> None:
    """A measuring is over once there are more steps; who was asked to end names no time."""
    now = dict(changes)
    if "phase" in now:
        kind, step = changes["phase"]  # type: ignore[misc]
        now["phase"] = phase(kind, step, **(TEST if kind != "training" else {}))

    said = doing.working(replace(run, **now))  # type: ignore[arg-type]

    assert said.head == head
    plain = [part.replace("\u202f", " ") for part in said.parts]
    assert len(plain) == len(parts)
    assert all(full.startswith(part) for full, part in zip(plain, parts, strict=True)), plain
