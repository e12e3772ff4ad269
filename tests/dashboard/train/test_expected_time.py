"""What is announced before a click, and what is said of it afterwards."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cnnlab.dashboard.train import expected_time
from cnnlab.records import Phase, RunStatus, Usage
from cnnlab.runs import Run, Store
from tests.factories import insert_run


@pytest.fixture
def earlier(store: Store) -> Run:
    """A run of two epochs of 5,000 pictures whose result took 40 s, of which 2 s of training."""
    return took(insert_run(store, epochs=2, train_subset=5_000, validation_size=1_000), 40.0)


def took(run: Run, result_s: float, announced_s: float | None = None) -> Run:
    """The run as if its result had come so many seconds after it was asked for."""
    assert run.results
    usage = Usage(epoch_s=1.0, memory_bytes=None, start_s=3.0, result_s=result_s)
    return replace(
        run,
        results=run.results.model_copy(update={"usage": usage}),
        finished_at=run.created_at + timedelta(seconds=result_s),
        announced_s=announced_s,
    )


def test_nine_runs_are_announced_with_the_time_of_nine(earlier: Run) -> None:
    """Start-up and measuring of each counted; not 9 × 2 s of training."""
    said = expected_time.announced([earlier.config] * 9, [earlier], slots=1)
    assert said
    assert said.seconds[0] == pytest.approx(40.0, abs=0.5)
    assert said.seconds[-1] == pytest.approx(360.0, abs=4.0)
    assert expected_time.words(said).replace("\u202f", " ").startswith("about 6 min 0 s until the last of 9 results")


def test_who_trains_and_waits_goes_first(earlier: Run, store: Store) -> None:
    """By what a run that trains says itself, and by what those that wait will take."""
    waiting = insert_run(store, RunStatus.QUEUED, epochs=2, train_subset=5_000, validation_size=1_000)
    due = datetime.now(UTC).timestamp() + 60.0
    running = replace(waiting, status=RunStatus.RUNNING, phase=Phase(doing="training", step=3, due_at=due))
    said = expected_time.announced([earlier.config], [waiting, running, earlier], slots=1)
    assert said
    assert said.seconds[0] == pytest.approx(60.0 + 40.0 + 40.0, abs=3.0)
    assert expected_time.words(said).endswith("until the result, 2 runs before it counted")


@pytest.mark.parametrize(
    "changes", [{"batch_size": 16}, {"precision": "bfloat16"}, {"mode": "exact"}, {"augmentation": "flip_crop"}]
)
def test_of_other_steps_nobody_knows_yet(earlier: Run, changes: dict[str, object]) -> None:
    """A setting that affects the speed of a step (up to 7.7 times): said to be unknown, in a sweep and in the queue too."""
    other = earlier.config.model_copy(update=changes)
    assert expected_time.announced([other], [earlier], slots=1) is None
    assert expected_time.announced([earlier.config, other], [earlier], slots=1) is None
    waiting = replace(earlier, status=RunStatus.QUEUED, config=other, images_per_s=None)
    assert expected_time.announced([earlier.config], [waiting, earlier], slots=1) is None
    assert "not known yet" in expected_time.words(None)


def test_announcements_are_scored(earlier: Run) -> None:
    """Of one run, beside what it took; of all, from four on. A run that was continued took no time that could be compared."""
    assert expected_time.score(earlier) is None
    said = expected_time.score(took(earlier, 52.0, announced_s=40.0))
    assert said
    assert said.replace("\u202f", " ") == "Announced 40 s until the result; it came after 52 s."
    results = earlier.results.model_copy(update={"usage": Usage(epoch_s=1.0, memory_bytes=None)})
    assert expected_time.score(replace(earlier, results=results, announced_s=40.0)) is None
    runs = [took(earlier, seconds, announced_s=40.0) for seconds in (36.0, 40.0, 44.0, 48.0, 80.0)]
    assert expected_time.record(runs[:3]) is None
    assert expected_time.record(runs) == ("So far half of 5 results came after 1.0 to 1.2 times the announced time.")
