"""What the live chart is sent: what the browser lacks, and after it all has come, what the store has."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from cnnlab.analysis.gap import gap_after
from cnnlab.dashboard.run import curve_feed
from cnnlab.dashboard.run.curve_feed import ChartData, chart_data
from cnnlab.dashboard.widgets import live_chart
from cnnlab.formatting import points
from cnnlab.records import Plan
from cnnlab.runs import Curve, Run, Store
from cnnlab.runs.store import curves
from cnnlab.schema import TrainingConfig
from tests.factories import epoch_record, score, started_run, step_records

TOTAL = 400
AN_EPOCH = 100


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The session of one browser."""
    memory: dict[str, Any] = {}
    monkeypatch.setattr(curve_feed.st, "session_state", memory)
    return memory


@pytest.fixture
def run(store: Store) -> Run:
    """A run that has begun and has taken no step."""
    return started_run(store, TOTAL, epochs=TOTAL // AN_EPOCH)


@pytest.fixture
def take_steps(store: Store, run: Run) -> Callable[[int, int], Run]:
    """Records steps from one number to another, with their epochs."""

    def take(first: int, last: int) -> Run:
        ends = [step for step in range(first, last) if step % AN_EPOCH == 0]
        for low, high in pairwise([first - 1, *ends, last]):
            store.add_steps(run.id, step_records(low + 1, high, AN_EPOCH))
            if high % AN_EPOCH == 0:
                store.commit(run.id, [epoch_record(high // AN_EPOCH, high)], [])
        return store.get(run.id)

    return take


def browser_of(messages: list[ChartData]) -> list[int]:
    """The steps a browser has that merges these as live_chart/data.js does; it must never lack any in between."""
    steps: list[int] = []
    for message in messages:
        assert message["first"] <= (steps[-1] if steps else 0), "the browser lacks points"
        steps = [step for step in steps if step <= message["first"]] + message["curve"].step
    return steps


@pytest.mark.usefixtures("session")
def test_only_new_points_travel_and_those_of_the_last_messages(
    store: Store, take_steps: Callable[[int, int], Run]
) -> None:
    """The first answer has everything, each later one what came since the fifth before it, and the newest point of that
    one, which may have grown; never all of it again."""
    first = chart_data(store, take_steps(1, 120), key="c")
    second = chart_data(store, take_steps(121, 205), key="c")
    later = [chart_data(store, take_steps(step, step), key="c") for step in range(206, 212)]

    assert (first["first"], list(first["curve"].step)) == (0, list(range(1, 121)))
    assert [record.epoch for record in first["epochs"]] == [1]
    assert (second["first"], list(second["curve"].step)) == (119, list(range(120, 206)))
    assert [record.epoch for record in second["epochs"]] == [2]
    assert second["curve"].loss == pytest.approx([record.loss for record in step_records(120, 205)])
    assert [message["first"] for message in later] == [119, 119, 119, 119, 204, 205]
    assert (list(later[-1]["curve"].step), later[-1]["epochs"]) == (list(range(206, 212)), [])
    assert browser_of([first, second, *later]) == list(range(1, 212))


@pytest.mark.usefixtures("session")
def test_a_browser_that_misses_a_few_messages_lacks_nothing(
    store: Store, take_steps: Callable[[int, int], Run]
) -> None:
    """Of messages that wait for it, it gets the last: after the first one, four in a row may be lost."""
    messages = [chart_data(store, take_steps(step, step), key="c") for step in range(1, 31)]

    for lost in range(1, 25):
        assert browser_of(messages[:lost] + messages[lost + curve_feed.AGAIN - 1 :]) == list(range(1, 31))
    with pytest.raises(AssertionError):
        browser_of(messages[:10] + messages[10 + curve_feed.AGAIN + 1 :])


@pytest.mark.usefixtures("session")
def test_two_charts_know_nothing_of_each_other(store: Store, take_steps: Callable[[int, int], Run]) -> None:
    """What one chart has been sent, the other still gets."""
    run = take_steps(1, 10)
    chart_data(store, run, key="one")

    assert len(chart_data(store, run, key="two")["curve"].step) == 10


@pytest.mark.usefixtures("session")
def test_a_run_that_went_back_begins_afresh(store: Store, take_steps: Callable[[int, int], Run]) -> None:
    """After an interruption the run goes on from its last state: the points beyond it are sent again, as they are now."""
    run = take_steps(1, 150)
    chart_data(store, run, key="c")
    store.rewind(run.id, step=100)

    again = chart_data(store, store.get(run.id), key="c")

    assert (again["first"], list(again["curve"].step)) == (0, list(range(1, 101)))


@pytest.mark.usefixtures("session")
def test_it_knows_whether_it_has_points(store: Store, run: Run, take_steps: Callable[[int, int], Run]) -> None:
    """Of this run, in this chart: the first one is drawn before anything else happens."""
    chart_data(store, run, key="c")
    assert not curve_feed.has_points(run, key="c")
    chart_data(store, take_steps(1, 1), key="c")

    assert curve_feed.has_points(run, key="c")
    assert not curve_feed.has_points(run, key="another")
    assert not curve_feed.has_points(store.create(TrainingConfig()), key="c")


def test_what_the_browser_lacks_is_sent_again(
    store: Store, take_steps: Callable[[int, int], Run], session: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser says that points are missing; the next answer has everything."""
    mounted: dict[str, Any] = {}
    monkeypatch.setattr(live_chart, "_chart", lambda **given: mounted.update(given))
    run = take_steps(1, 50)
    live_chart.live_chart(key="c", **chart_data(store, run, key="c"), on_resync=partial(curve_feed.forget, "c"))
    assert chart_data(store, run, key="c")["curve"].step == [50]
    take_steps(51, 60)
    assert len(chart_data(store, store.get(run.id), key="c")["curve"].step) == 11

    mounted["on_resync_change"]()

    assert len(chart_data(store, store.get(run.id), key="c")["curve"].step) == 60


@pytest.mark.parametrize("length", [1, 8, 13])
@pytest.mark.usefixtures("session")
def test_a_curve_that_was_watched_is_the_curve_that_is_opened(store: Store, length: int) -> None:
    """However the messages fall between the batches: no point overlaps another, and none is left over in halves."""
    run = started_run(store, 7040)
    watched = []
    for first in range(1, 400, length):
        store.add_steps(run.id, step_records(first, first + length - 1, AN_EPOCH))
        watched.append(chart_data(store, store.get(run.id), key="watched"))
    opened = chart_data(store, store.get(run.id), key="opened")

    assert browser_of(watched) == opened["curve"].step
    assert opened["curve"].step[:3] == [8, 16, 24]


def test_a_long_run_is_sent_in_few_points(store: Store, session: dict[str, Any]) -> None:
    """However long the run, no more than 1,500 points, the last step among them."""
    run = store.create(TrainingConfig(epochs=10), mine=True)
    store.start(run.id, "CPU", {}, 7040)
    store.add_steps(run.id, step_records(1, 7040, AN_EPOCH, loss=1.0))

    data = chart_data(store, store.get(run.id), key="c")

    assert len(data["curve"].step) == 7040 // 8 <= curves.POINTS
    assert data["curve"].step[-1] == 7040


@pytest.mark.usefixtures("session")
def test_the_legend_says_what_a_point_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean over the steps of a record, or over those of a point where a point is more; one step in an older run."""
    mounted: dict[str, Any] = {}
    monkeypatch.setattr(live_chart, "_chart", lambda **given: mounted.update(given))
    plan = Plan(threads=1, memory_format="contiguous", precision="float32", steps_per_record=8)
    said = []
    for environment, total in (({}, 400), ({"plan": plan.model_dump()}, 400), ({"plan": plan.model_dump()}, 15_001)):
        run = store.create(TrainingConfig(), mine=True)
        store.start(run.id, "cpu", environment, total)
        live_chart.live_chart(key="c", **chart_data(store, store.get(run.id), key="c"))
        said.append(mounted["data"]["stepsAPoint"])

    assert said == [1, 8, 16]


def test_numbers_that_json_does_not_know_become_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """An infinite loss must not break the chart in the browser."""
    mounted: dict[str, Any] = {}
    monkeypatch.setattr(live_chart, "_chart", lambda **given: mounted.update(given))
    columns = Curve(1, [1, 2, 3], [1.0, float("inf"), float("nan")], [1.0, 1.5, float("-inf")], [1e30, 2.0, 3.0])
    wild = epoch_record(1, 3, train=score(0.1, loss=float("inf")))

    live_chart.live_chart(key="c", run_id="r", first=0, curve=columns, epochs=[wild], epochs_total=1, steps_total=0)

    data = mounted["data"]
    assert data["loss"] == [1.0, None, None]
    assert (data["least"], data["greatest"]) == ([1.0, 1.5, None], [1e30, 2.0, 3.0])
    assert data["epochs"][0]["trainLoss"] is None
    assert data["stepsTotal"] == 1


def test_the_gap_in_the_legend_is_the_one_on_the_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is rounded once, here, half up: 51.45 % less 50 % are 1.5 points, of which floats make a hair less than 1.45."""
    mounted: dict[str, Any] = {}
    monkeypatch.setattr(live_chart, "_chart", lambda **given: mounted.update(given))
    train, validation = 0.5145, 0.5
    assert train - validation == 0.014499999999999957
    measured = epoch_record(1, 3, train=score(train), validation=score(validation))
    without = measured.model_copy(update={"epoch": 2, "validation": None})

    live_chart.live_chart(
        key="c",
        run_id="r",
        first=0,
        curve=Curve(1, [], [], [], []),
        epochs=[measured, without],
        epochs_total=2,
        steps_total=6,
    )

    said = f"gap (train sample − validation) {points(gap_after(measured).value)}"
    assert said.endswith("1.5\N{NO-BREAK SPACE}points")
    assert [epoch["gap"] for epoch in mounted["data"]["epochs"]] == [said, ""]


def test_the_caption_says_what_the_lines_are() -> None:
    """How many steps a point stands for, and over how many the thick line smooths."""
    few, many = live_chart.caption(1, 400), live_chart.caption(16, 15_001)

    assert "each step's loss" in few
    assert "over 20 steps" in few
    assert "band" not in few
    assert "mean loss of up to 16 steps" in many
    assert "from the lowest of them to the highest" in many
    assert "over 600 steps" in many


@pytest.mark.parametrize(
    ("steps_total", "steps_per_point", "over"),
    [(0, 1, 20), (400, 1, 20), (1_878, 48, 240), (7_820, 8, 310), (1_000_000, 800, 40_000)],
)
def test_smoothing_means_the_same_all_the_time(steps_total: int, steps_per_point: int, over: int) -> None:
    """It follows from the length of the run and of its records, in a round number; five points are never too few: the
    demo's thick line lay on the thin one."""
    assert live_chart.smoothed_over(steps_total, steps_per_point) == over
