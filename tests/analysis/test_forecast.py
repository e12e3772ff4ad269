"""Forecasts in words, and the figure of a range test."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.analysis.forecast import came_true, expected, measuring, size_range, time_range, until_result, way
from cnnlab.figures.lr_range import lr_range_figure
from cnnlab.records import Forecast, LrRange, Phase, Plan, Usage

PLAN = Plan(threads=1, memory_format="channels_last", precision="float32", steps_per_record=5)
FORECAST = Forecast(epoch_s=(18.2, 22.4), memory_bytes=(410_000_000, 450_000_000), steps=40)


def plain(text: str) -> str:
    """With ordinary spaces."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (18.2, 22.4, "18–22 s"),
        (0.81, 1.12, "0.8–1.1 s"),
        (182, 224, "3.0–3.7 min"),
        (0.004, 0.0052, "4.0–5.2 ms"),
        (20.0, 20.0, "20.0 s"),
        (5.0, 16.0, "5–16 s"),
        (3000, 7300, "0.8–2.0 h"),
    ],
)
def test_a_range_of_time_is_as_precise_as_it_is_wide(low: float, high: float, words: str) -> None:
    """Both ends in one unit."""
    assert plain(time_range(low, high)) == words


@given(st.floats(1e-3, 1e6), st.floats(1, 5))
def test_the_words_of_a_range_hold_its_ends(low: float, factor: float) -> None:
    """Within the last digit that is shown."""
    words = plain(time_range(low, low * factor)).replace(" ", "")
    numbers = [float(number) for number in re.findall(r"[\d.]+", words)]
    unit = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}[re.sub(r"[\d.–]", "", words)]
    room = max(low * (factor - 1), low * factor / 100)
    assert abs(numbers[0] * unit - low) <= room
    assert abs(numbers[-1] * unit - low * factor) <= room


def test_bytes_have_their_unit() -> None:
    """MB below one GB."""
    assert plain(size_range(410e6, 450e6)) == "410–450 MB"
    assert plain(size_range(1.2e9, 1.4e9)) == "1.2–1.4 GB"


def test_what_is_expected_and_what_came_of_it() -> None:
    """Time an epoch and in all; predicted and actual side by side, or the actual alone."""
    assert plain(" · ".join(expected(FORECAST, 10))) == (
        "about 18–22 s per epoch, 3.0–3.7 min of training in all · 410–450 MB"
    )
    assert "in all" not in expected(FORECAST, 1)[0]
    usage = Usage(epoch_s=19.8, memory_bytes=431_000_000)
    said = plain(came_true(FORECAST, usage))
    assert said.startswith("An epoch took 20 s; predicted 18–22 s. Memory 431")
    assert said.endswith("MB; predicted 410–450 MB.")
    whole = FORECAST.model_copy(update={"result_s": (200.0, 240.0)})
    assert plain(expected(whole, 10)[0]) == "about 18–22 s per epoch, 3.3–4.0 min until the result"
    took = usage.model_copy(update={"start_s": 2.0, "result_s": 251.0})
    assert "From the beginning to the result 4 min 11 s; predicted 3.3–4.0 min." in plain(came_true(whole, took))
    assert plain(came_true(None, Usage(epoch_s=3.0, memory_bytes=None))) == "An epoch took 3.0 s."


def test_what_is_measured_in_words() -> None:
    """Which set, with how many views, and how far."""
    phase = Phase(doing="scoring", step=16, due_at=0.0, set="test", views=6, done=4_500, total=10_000)
    assert plain(measuring(phase)) == "measuring the test set with 6 views of each picture, 4 500 of 10 000 pictures"
    one = phase.model_copy(update={"views": 1, "set": "train sample"})
    assert plain(measuring(one)) == "measuring a sample of the training set, 4 500 of 10 000 pictures"
    assert plain(until_result(80.0)) == "about 1 min 20 s until the result"
    assert until_result(-3.0) == "the result comes any moment"


def test_a_plan_in_one_line() -> None:
    """Mode, threads, layout, precision, and the graph where there is one."""
    assert way(PLAN, "fast") == "fast · 1 thread · channels last · float32"
    assert way(PLAN.model_copy(update={"threads": 4, "captured": True}), "fast").endswith("one CUDA graph per step")


def range_test(*rates: float) -> LrRange:
    """A small range test of two short ones, which point to these rates."""
    lr = tuple(1e-5 * 2**n for n in range(15))
    loss = tuple(2.3 - 0.05 * n if n < 12 else 2.0**n for n in range(15))
    band = (min(rates), max(rates)) if rates else None
    middle = (band[0] * band[1]) ** 0.5 if band else None
    return LrRange(
        lr=lr, losses=(loss, loss[:-2]), smoothed=loss[:-2], rates=rates, band=band, suggestion=middle, reason="So."
    )


def test_the_figure_shades_the_band_and_marks_its_middle() -> None:
    """Each step and their mean on a log axis; the blow-up does not flatten the rest."""
    figure = lr_range_figure(range_test(0.001, 0.004))
    assert [trace.name for trace in figure.data] == ["each step's loss, 2 tests", "smoothed, their mean"]
    assert [len(trace.x) for trace in figure.data] == [28, 13]
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.range == pytest.approx((-5.1, -0.685), abs=1e-3)
    assert figure.layout.yaxis.range[1] < 4
    band, middle = figure.layout.shapes
    assert (band.x0, band.x1) == (0.001, 0.004)
    assert middle.x0 == middle.x1 == pytest.approx(0.002)
    (note,) = figure.layout.annotations
    assert note.text.strip() == "in this band: 0.001 to 0.004"
    assert note.x == pytest.approx(-3)
    assert "all point to 0.002" in lr_range_figure(range_test(0.002, 0.002)).layout.annotations[0].text


def test_a_test_that_shows_nothing_has_a_figure_too() -> None:
    """No mark, and not even a step is no error."""
    assert not lr_range_figure(range_test()).layout.annotations
    empty = LrRange(lr=(), losses=(), smoothed=(), rates=(), band=None, suggestion=None, reason="None.")
    assert len(lr_range_figure(empty).data[0].x) == 0
