"""This module puts the time and memory of a run into words: what was expected, and what was measured."""

from math import floor, log10

from cnnlab.formatting import NARROW, count, duration
from cnnlab.records import Forecast, Phase, Plan, Usage
from cnnlab.schema import ModeName

TIME_UNITS = ((1e-3, "ms", 0.0), (1.0, "s", 1.0), (60.0, "min", 1.5), (3600.0, "h", 1.5))
SIZE_UNITS = ((1e6, "MB", 0.0), (1e9, "GB", 1.0))
"""Units as (size, name, how many of the unit a value must have to be written in it)."""


SETS = {
    "train": "the training set",
    "train sample": "a sample of the training set",
    "validation": "the validation set",
    "test": "the test set",
}
SOON_S = 1.0
"""Seconds below which nobody counts any more."""


def expected(forecast: Forecast, epochs: int) -> tuple[str, str]:
    """Return the expected time and memory: ("about 18–22 s an epoch, 3.4–4.1 min until the result", "410–450 MB").

    Where the forecast does not tell the time until the result, that of training alone is named as such.
    """
    low, high = forecast.epoch_s
    time = f"about {time_range(low, high)} per epoch"
    if forecast.result_s:
        time += f", {time_range(*forecast.result_s)} until the result"
    elif epochs > 1:
        time += f", {time_range(low * epochs, high * epochs)} of training in all"
    return time, size_range(*forecast.memory_bytes)


def came_true(forecast: Forecast | None, usage: Usage) -> str:
    """Return in words what a run took, beside what was predicted.

    Example: "An epoch took 19.8 s; predicted 18–22 s. From the beginning to the result 3 min 41 s; predicted 3.4–4.1 min.
    Memory 431 MB; predicted 410–450 MB."
    """
    time, memory, whole = f"An epoch took {duration(usage.epoch_s)}", "", ""
    if usage.result_s is not None:
        whole = f"From the beginning to the result {duration(usage.result_s)}"
        whole += f"; predicted {time_range(*forecast.result_s)}" if forecast and forecast.result_s else ""
    if usage.memory_bytes is not None:
        memory = f"Memory {size_range(usage.memory_bytes, usage.memory_bytes)}"
    if forecast:
        time += f"; predicted {time_range(*forecast.epoch_s)}"
        memory += f"; predicted {size_range(*forecast.memory_bytes)}" if memory else ""
    return " ".join(f"{sentence}." for sentence in (time, whole, memory) if sentence)


def measuring(phase: Phase) -> str:
    """Return in words what a run measures: "measuring the test set with 6 views of each picture, 4 500 of 10 000"."""
    views = f" with {phase.views} views of each picture" if phase.views > 1 else ""
    return f"measuring {SETS.get(phase.set, phase.set)}{views}, {count(phase.done)} of {count(phase.total)} pictures"


def until_result(left_s: float) -> str:
    """Return in words how long it is until a result: "about 40 s until the result"."""
    return f"about {duration(left_s)} until the result" if left_s >= SOON_S else "the result comes any moment"


def way(plan: Plan, mode: ModeName) -> str:
    """Return how a run computes, in words: "fast · 1 thread · channels last · float32"."""
    threads = f"{plan.threads} thread{'s' if plan.threads > 1 else ''}"
    parts = [mode, threads, plan.memory_format.replace("_", " "), plan.precision]
    return " · ".join([*parts, "one CUDA graph per step"] if plan.captured else parts)


def time_range(low_s: float, high_s: float) -> str:
    """Return a range of seconds in words: "18–22 s", "3.0–3.7 min"."""
    return _range(low_s, high_s, TIME_UNITS)


def size_range(low: float, high: float) -> str:
    """Return a range of bytes in words: "410–450 MB", "1.1 GB"."""
    return _range(low, high, SIZE_UNITS)


def _range(low: float, high: float, units: tuple[tuple[float, str, float], ...]) -> str:
    """Return both ends of a range in one unit, with no more digits than the distance between the ends allows."""
    size, name, _ = next(unit for unit in reversed(units) if high >= unit[2] * unit[0])
    low, high = low / size, high / size
    last_digit = floor(log10(max(high - low, high / 50) / 2))
    first, second = (f"{round(value, -last_digit):,.{max(0, -last_digit)}f}" for value in (low, high))
    both = second if first == second else f"{first}–{second}"
    return f"{both.replace(',', NARROW)}{NARROW}{name}"
