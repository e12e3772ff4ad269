"""What the live chart is sent: each point once, smoothed the same however often it is asked."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.dashboard.run import curve_feed
from cnnlab.dashboard.run.curve_feed import ChartData, chart_data
from cnnlab.dashboard.widgets import live_chart
from cnnlab.dashboard.widgets.live_chart import Columns
from cnnlab.records import Plan
from cnnlab.runs import Run, Store
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
        steps = [] if message["first"] == 0 else steps
        have = steps[-1] if steps else 0
        steps += [step for step in message["steps"].step if step > have]
    return steps


@pytest.mark.usefixtures("session")
def test_only_new_points_travel_and_those_of_the_last_messages(
    store: Store, take_steps: Callable[[int, int], Run]
) -> None:
    """The first answer has everything, each later one what came since the fifth before it; never all of it again."""
    first = chart_data(store, take_steps(1, 120), key="c")
    second = chart_data(store, take_steps(121, 205), key="c")
    later = [chart_data(store, take_steps(step, step), key="c") for step in range(206, 212)]

    assert (first["first"], list(first["steps"].step)) == (0, list(range(1, 121)))
    assert [record.epoch for record in first["epochs"]] == [1]
    assert (second["first"], list(second["steps"].step)) == (120, list(range(121, 206)))
    assert [record.epoch for record in second["epochs"]] == [2]
    assert second["steps"].loss == pytest.approx([record.loss for record in step_records(121, 205)])
    assert [message["first"] for message in later] == [120, 120, 120, 120, 205, 206]
    assert (list(later[-1]["steps"].step), later[-1]["epochs"]) == (list(range(207, 212)), [])
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
        browser_of(messages[:10] + messages[10 + curve_feed.AGAIN :])


@pytest.mark.usefixtures("session")
def test_two_charts_know_nothing_of_each_other(store: Store, take_steps: Callable[[int, int], Run]) -> None:
    """What one chart has been sent, the other still gets."""
    run = take_steps(1, 10)
    chart_data(store, run, key="one")

    assert len(chart_data(store, run, key="two")["steps"].step) == 10


@pytest.mark.usefixtures("session")
def test_a_run_that_went_back_begins_afresh(store: Store, take_steps: Callable[[int, int], Run]) -> None:
    """After an interruption the run goes on from its last state: the points beyond it are sent again, as they are now."""
    run = take_steps(1, 150)
    chart_data(store, run, key="c")
    store.rewind(run.id, step=100)

    again = chart_data(store, store.get(run.id), key="c")

    assert (again["first"], list(again["steps"].step)) == (0, list(range(1, 101)))


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
    assert not chart_data(store, run, key="c")["steps"].step
    take_steps(51, 60)
    assert len(chart_data(store, store.get(run.id), key="c")["steps"].step) == 10

    mounted["on_resync_change"]()

    assert len(chart_data(store, store.get(run.id), key="c")["steps"].step) == 60


@pytest.mark.usefixtures("session")
def test_smoothing_is_the_bias_corrected_exponential_average(
    store: Store, take_steps: Callable[[int, int], Run]
) -> None:
    """It equals pandas' `ewm(adjust=True)`, whether it was asked for at once or bit by bit."""
    alpha = 1 / curve_feed.horizon(TOTAL)
    expected = (
        pd.Series([record.loss for record in step_records(1, 200)]).ewm(alpha=alpha, adjust=True).mean().to_numpy()
    )

    pieces: list[float] = []
    for last in (1, 7, 120, 200):
        message = chart_data(store, take_steps(len(pieces) + 1, last), key="bits")
        pieces += message["steps"].smooth[len(pieces) - message["first"] :]
    whole = chart_data(store, store.list()[0], key="whole")["steps"].smooth

    np.testing.assert_allclose(pieces, expected, rtol=1e-12)
    np.testing.assert_allclose(whole, expected, rtol=1e-12)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.data())
def test_a_mean_over_several_steps_counts_as_many(losses: list[float], data: st.DataObject) -> None:
    """A point that stands for k steps moves the smooth line as k steps of its loss would."""
    widths = data.draw(st.lists(st.integers(1, 9), min_size=len(losses), max_size=len(losses)))
    coarse, fine = curve_feed._Sent("r"), curve_feed._Sent("r")
    step = 0
    for loss, width in zip(losses, widths, strict=True):
        for _ in range(width):
            step += 1
            last = fine.take(step, loss, 25)
        assert coarse.take(step, loss, 25) == pytest.approx(last, rel=1e-9, abs=1e-12)


def test_a_long_run_is_sent_in_few_points(store: Store, session: dict[str, Any]) -> None:
    """However long the run, about 1,500 points, the last step among them; the legend says what a point is."""
    run = store.create(TrainingConfig(epochs=10), mine=True)
    store.start(run.id, "CPU", {}, 7040)
    store.add_steps(run.id, step_records(1, 7040, AN_EPOCH, loss=1.0))

    data = chart_data(store, store.get(run.id), key="c")

    assert len(data["steps"].step) <= live_chart.POINTS
    assert data["steps"].step[-1] == 7040


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

    assert said == [1, 8, 11]


def test_numbers_that_json_does_not_know_become_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """An infinite loss must not break the chart in the browser."""
    mounted: dict[str, Any] = {}
    monkeypatch.setattr(live_chart, "_chart", lambda **given: mounted.update(given))
    columns = Columns([1, 2, 3], [1.0, float("inf"), float("nan")], [1.0, 1.5, float("-inf")])
    wild = epoch_record(1, 3, train=score(0.1, loss=float("inf")))

    live_chart.live_chart(key="c", run_id="r", first=0, steps=columns, epochs=[wild], epochs_total=1, steps_total=0)

    data = mounted["data"]
    assert data["loss"] == [1.0, None, None]
    assert data["smooth"] == [1.0, 1.5, None]
    assert data["epochs"][0]["trainLoss"] is None
    assert data["stepsTotal"] == 1
