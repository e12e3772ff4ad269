"""What is announced before a click, and what is said of it afterwards."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cnnlab.dashboard.run import pace
from cnnlab.records import Phase, RunStatus, Usage
from cnnlab.runs import Actor, Run, Store, expected_time
from cnnlab.runs.run import MEASURE
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
    said = expected_time.announced([earlier.config] * 9, [earlier], [None] * 9, slots=1)
    assert said
    assert said.seconds[0] == pytest.approx(40.0, abs=0.5)
    assert said.seconds[-1] == pytest.approx(360.0, abs=4.0)
    assert expected_time.words(said).replace("\u202f", " ").startswith("about 6 min 0 s until the last of 9 results")


def test_the_time_until_a_worker_takes_a_run_counts(store: Store, earlier: Run) -> None:
    """Of nine short runs the next worker may not be ready yet when one ends: what that took lately, on average."""
    begun = datetime.now(UTC) - timedelta(hours=1)

    def waited(start_s: float, end_s: float) -> Run:
        return replace(
            earlier,
            created_at=begun,
            waiting_since=begun,
            started_at=begun + timedelta(seconds=start_s),
            finished_at=begun + timedelta(seconds=end_s),
        )

    behind = [waited(1.0, 50.0), waited(53.0, 90.0), waited(98.0, 140.0)]  # 1, 3 and 8 seconds
    behind.append(waited(500.0, 540.0))  # the server was off: that tells nothing of the next
    continued = replace(behind[0], waiting_since=begun + timedelta(minutes=9))
    alone, known = ([*runs, earlier] for runs in ([], [continued, *reversed(behind)]))

    without, counted = (
        expected_time.announced([earlier.config] * 9, runs, [None] * 9, slots=1) for runs in (alone, known)
    )

    assert without
    assert counted
    assert counted.seconds[-1] - without.seconds[-1] == pytest.approx(9 * 4.0)


def test_who_trains_and_waits_goes_first(earlier: Run, store: Store) -> None:
    """By what a run that trains says itself, and by what those that wait will take."""
    waiting = insert_run(store, RunStatus.QUEUED, epochs=2, train_subset=5_000, validation_size=1_000)
    due = datetime.now(UTC).timestamp() + 60.0
    running = replace(waiting, status=RunStatus.RUNNING, phase=Phase(doing="training", step=3, due_at=due))
    said = expected_time.announced([earlier.config], [earlier], [running, waiting, None], slots=1)
    assert said
    assert said.seconds[0] == pytest.approx(60.0 + 40.0 + 40.0, abs=3.0)
    assert expected_time.words(said).endswith("until the result, 2 runs before it included")


def test_a_sweep_of_somebody_else_lets_a_new_run_pass(store: Store, earlier: Run) -> None:
    """Anna has six waiting, Ben's run starts after her first, and his sweep takes turns with hers: so it is announced."""
    anna, ben = (store.acting_as(Actor(letter * 32, name)) for letter, name in (("a", "Anna"), ("b", "Ben")))
    hers = anna.create_many([earlier.config] * 6)

    def said_to(whom: Store, n: int) -> expected_time.Announcement | None:
        return expected_time.announced([earlier.config] * n, [*reversed(hers), earlier], whom.line_with(n), slots=1)

    one, three, her_own = said_to(ben, 1), said_to(ben, 3), said_to(anna, 1)
    assert one
    assert three
    assert her_own
    assert (one.before, three.before, her_own.before) == (1, 3, 6)
    assert one.seconds == pytest.approx([2 * 40.0])
    assert three.seconds == pytest.approx([2 * 40.0, 4 * 40.0, 6 * 40.0])
    assert her_own.seconds == pytest.approx([7 * 40.0])


def test_what_a_run_before_has_done_already_does_not_count(store: Store, earlier: Run) -> None:
    """A continued run takes what it has left, and one that waits only to be measured takes no training."""
    waiting = insert_run(store, RunStatus.QUEUED, epochs=2, train_subset=5_000, validation_size=1_000)

    def left_s(**changes: object) -> float:
        seconds = expected_time.until_start_s([replace(waiting, **changes)], [earlier], slots=1)  # type: ignore[arg-type]
        assert seconds is not None
        return seconds

    whole, continued = left_s(), left_s(step=39, steps_total=40)
    measured = left_s(step=39, steps_total=40, command=MEASURE)
    assert whole == pytest.approx(40.0)
    assert measured == pytest.approx(left_s(step=40, steps_total=40))
    assert continued - measured == pytest.approx((whole - measured) / 40)
    assert measured < whole - 2.0, "the training of the earlier run alone took 2 s"
    assert measured == left_s(status=RunStatus.RUNNING, step=1, steps_total=40, command=MEASURE)


@pytest.mark.parametrize(
    "changes", [{"batch_size": 16}, {"precision": "bfloat16"}, {"mode": "exact"}, {"augmentation": "flip_crop"}]
)
def test_of_other_steps_nobody_knows_yet(earlier: Run, changes: dict[str, object]) -> None:
    """A setting that affects the speed of a step (up to 7.7 times): said to be unknown, in a sweep and in the queue too."""
    other = earlier.config.model_copy(update=changes)
    assert expected_time.announced([other], [earlier], [None], slots=1) is None
    assert expected_time.announced([earlier.config, other], [earlier], [None, None], slots=1) is None
    waiting = replace(earlier, status=RunStatus.QUEUED, config=other, images_per_s=None)
    assert expected_time.announced([earlier.config], [earlier], [waiting, None], slots=1) is None
    assert expected_time.announced([earlier.config], [earlier], [None, waiting], slots=1), "it comes afterwards"
    assert "not known yet" in expected_time.words(None)
    assert expected_time.said([other], [earlier], [None], 1) == "how long it takes here is not known yet"
    blamed = expected_time.said([earlier.config], [earlier], [waiting, None], 1)
    assert "because a run before it is of a kind that was never trained here" in blamed
    assert expected_time.said([other], [earlier], [waiting, None], 1) == "how long it takes here is not known yet"
    assert expected_time.said([earlier.config], [earlier], [None, waiting], 1).startswith("about ")


def test_announcements_are_scored(earlier: Run) -> None:
    """Of one run, beside what it took; of all, from four on. A run that was continued took no time that could be compared."""
    assert expected_time.score(earlier) is None
    said = expected_time.score(took(earlier, 52.0, announced_s=40.0))
    assert said
    assert said.replace("\u202f", " ") == "The forecast until the result was 40 s; it came after 52 s."
    three = [took(earlier, seconds, announced_s=seconds - 10.0) for seconds in (40.0, 80.0, 120.0)]
    said = expected_time.score(*three)
    assert said
    assert (
        said.replace("\u202f", " ")
        == "The forecast until the last of 3 results was 1 min 50 s; it came after 2 min 0 s."
    )
    joined = replace(three[0], created_at=earlier.created_at + timedelta(seconds=1))
    assert expected_time.score(*three, joined) is None, "asked for later, it was announced by itself"
    assert expected_time.score(*three, replace(earlier, status=RunStatus.STOPPED, announced_s=40.0)) is None
    results = earlier.results.model_copy(update={"usage": Usage(epoch_s=1.0, memory_bytes=None)})
    assert expected_time.score(replace(earlier, results=results, announced_s=40.0)) is None
    runs = [took(earlier, seconds, announced_s=40.0) for seconds in (36.0, 40.0, 44.0, 48.0, 80.0)]
    assert expected_time.record(runs[:3]) is None
    assert expected_time.record(runs) == ("So far half of 5 results came after 1.0 to 1.2 times the forecast time.")


def test_what_a_changed_clock_has_timed_is_not_scored(earlier: Run) -> None:
    """Set back by an hour while a run trains, it would have had its result before it was asked for."""
    run = took(earlier, 40.0, announced_s=40.0)
    assert run.finished_at
    back = replace(run, finished_at=run.finished_at - timedelta(hours=1))
    assert expected_time.score(run)
    assert expected_time.score(back) is None
    assert expected_time.record([run] * 4)
    assert expected_time.record([run] * 4 + [back] * 4) == expected_time.record([run] * 4)


def test_a_run_that_waits_starts_when_a_place_is_free(earlier: Run) -> None:
    """Who trains says when it ends, who waits before it takes what its like took; two places halve the wait."""
    waiting = replace(earlier, status=RunStatus.QUEUED, images_per_s=None, step=0)
    due = datetime.now(UTC).timestamp() + 60.0
    running = replace(waiting, status=RunStatus.RUNNING, phase=Phase(doing="training", step=3, due_at=due))
    ahead, runs = [running, waiting], [waiting, running, earlier]

    assert expected_time.until_start_s([], runs, slots=1) == 0.0
    assert expected_time.until_start_s(ahead, runs, slots=1) == pytest.approx(60.0 + 40.0, abs=3.0)
    assert expected_time.until_start_s(ahead, runs, slots=2) == pytest.approx(40.0, abs=3.0)
    assert expected_time.until_start_s([running, running], runs, slots=3) == 0.0
    other = replace(waiting, config=earlier.config.model_copy(update={"batch_size": 16}))
    assert expected_time.until_start_s([*ahead, other], runs, slots=1) is None


def test_the_page_of_a_run_that_waits_says_when_it_starts(
    store: Store, earlier: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In minutes, once a run like those before it has been trained here."""
    first = insert_run(store, RunStatus.QUEUED, epochs=2, train_subset=5_000, validation_size=1_000)
    second = insert_run(store, RunStatus.QUEUED, epochs=2, train_subset=5_000, validation_size=1_000)
    monkeypatch.setattr(pace.services, "runs", lambda store: [second, first, earlier])

    assert "Next in the queue** :gray[· it starts in a moment;" in pace.line(store, first)
    assert "Number 2 in the queue** :gray[· it starts in about 40\u202fs;" in pace.line(store, second)
    monkeypatch.setattr(pace.services, "runs", lambda store: [second, first])
    assert "is not known yet" in pace.line(store, second)
