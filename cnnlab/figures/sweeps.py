"""This module draws which setting of a sweep matters: accuracy over one setting, or over two as a map with numbers."""

from collections.abc import Sequence
from math import ceil, floor, log10
from statistics import mean
from typing import Any

import plotly.graph_objects as go

from cnnlab.analysis.outcomes import Judge, Outcome, accuracy, means
from cnnlab.analysis.significance.seed_spread import NO_SETTING, SeedSpread
from cnnlab.figures.style import DASH, PERCENT_TICKS, SYMBOL, TEMPLATE, TEST, TRAIN, VALIDATION, plain
from cnnlab.formatting import NARROW, percent
from cnnlab.schema import Setting
from cnnlab.sweeps import value_words

CELL_PX = 56
MOST_TICKS = 8

COLOURS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


def over_setting(
    outcomes: Sequence[Outcome],
    axis: Setting,
    judged_by: Judge,
    *,
    joined: bool = True,
    spread: SeedSpread | None = None,
) -> go.Figure:
    """Draw the accuracy over the values of one setting: a mark a run, for train and for the judging set.

    `joined`: a line through the means of the runs that share a value (a dash, where the values are words). Not for
    random draws, where each value is another and a line would follow the noise of the other settings; nor over seeds.
    `spread`: what luck does to a run; the means on the judging set then have bars, their 95 % intervals, where runs
    share a value.
    """
    figure = go.Figure()
    values = ordered({each.value(axis) for each in outcomes}, axis)
    places = _places(values, axis)
    for set_name in ("train", judged_by):
        runs = [(places[each.value(axis)], each) for each in outcomes]
        figure.add_trace(_marks(runs, set_name, judged_by, axis))
        if joined and len(values) > 1 and axis.name not in NO_SETTING:
            figure.add_trace(_line(outcomes, places, set_name, axis, spread if set_name == judged_by else None))
    figure.update_layout(template=TEMPLATE, height=340, hovermode="closest")
    figure.update_yaxes(title_text="accuracy, evaluation mode", tickformat=PERCENT_TICKS)
    figure.update_xaxes(title_text=axis.label.lower(), **_ticks(values, places, axis, joined))
    return figure


def heat_map(
    outcomes: Sequence[Outcome], across: Setting, up: Setting, judged_by: Judge, best: Sequence[Outcome] | None = None
) -> go.Figure:
    """Draw the mean accuracy of the judging set for each pair of values; ★ marks the `best`, where there is one."""
    columns = ordered({each.value(across) for each in outcomes}, across)
    rows = ordered({each.value(up) for each in outcomes}, up)
    groups = means(outcomes, (across, up))
    cells = [[groups.get((x, y), []) for x in columns] for y in rows]
    figure = go.Figure(
        go.Heatmap(
            z=[[100 * accuracy(cell) if cell else None for cell in line] for line in cells],
            text=[[_number(cell, "★ " if best and best[0] in cell else "") for cell in line] for line in cells],
            customdata=[[_spread(cell) for cell in line] for line in cells],
            texttemplate="%{text}",
            hovertemplate=f"{plain(across.label.lower())} %{{x}} · {plain(up.label.lower())} %{{y}}<br>"
            f"{judged_by} <b>%{{text}}</b>%{{customdata}}<extra></extra>",
            hoverongaps=False,
            colorscale="Cividis",
            xgap=3,
            ygap=3,
            colorbar={
                "orientation": "h",
                "y": 1.0,
                "yanchor": "bottom",
                "thickness": 8,
                "ticksuffix": f"{NARROW}%",
                "title": {"text": f"mean {judged_by} accuracy", "side": "top"},
            },
        )
    )
    figure.update_layout(template=TEMPLATE, height=150 + CELL_PX * len(rows))
    for axes, setting, values in ((figure.update_xaxes, across, columns), (figure.update_yaxes, up, rows)):
        words = [plain(value_words(value)) for value in values]
        axes(title_text=setting.label.lower(), tickvals=list(range(len(words))), ticktext=words, showgrid=False)
    return figure


def ordered(values: set[Any], axis: Setting) -> list[Any]:
    """Sort values as a person reads them: numbers upwards, choices in the form's order, what is left to the default
    first.
    """
    if axis.choices:
        return sorted(values, key=axis.choices.index)
    return sorted(values, key=lambda value: (value is not None, value))


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _logarithmic(values: Sequence[Any], axis: Setting) -> bool:
    return axis.log and _numeric(values) and min(values) > 0


def _places(values: Sequence[Any], axis: Setting) -> dict[Any, float]:
    """Return where each value stands on the axis; words, and a zero that no log scale has, stand side by side."""
    if _numeric(values) and (_logarithmic(values, axis) or not axis.log):
        return {value: value for value in values}
    return {value: place for place, value in enumerate(values)}


def _ticks(values: Sequence[Any], places: dict[Any, float], axis: Setting, each: bool) -> dict[str, Any]:
    """Return the ticks of an axis: a number under each value of a grid, round ones under draws (1 and 3 in each decade
    of a log axis).
    """
    logarithmic = _logarithmic(values, axis)
    in_order = any(places[value] != value for value in values)
    at, words = list(places.values()), [plain(value_words(value)) for value in places]
    if logarithmic and not each:
        decades = range(floor(log10(values[0])), ceil(log10(values[-1])) + 1)
        at = [digit * 10.0**decade for decade in decades for digit in (1, 3)]
        words = [f"{value:g}" for value in at]
    elif not each and not in_order:
        return {"nticks": MOST_TICKS}
    return {"type": "log" if logarithmic else "linear", "tickvals": at, "ticktext": words}


def _score(each: Outcome, set_name: str) -> float:
    return (each.train if set_name == "train" else each.judged).accuracy


def _called(set_name: str, judged_by: Judge) -> str:
    return "train sample" if set_name == "train" and judged_by == "validation" else set_name


def _marks(runs: Sequence[tuple[float, Outcome]], set_name: str, judged_by: Judge, axis: Setting) -> go.Scatter:
    words = _called(set_name, judged_by)
    return go.Scatter(
        x=[place for place, _ in runs],
        y=[_score(each, set_name) for _, each in runs],
        customdata=[
            [value_words(each.value(axis)), percent(_score(each, set_name)), each.epoch, each.config.seed]
            for _, each in runs
        ],
        mode="markers",
        name=words,
        legendgroup=set_name,
        marker={"color": COLOURS[set_name], "symbol": SYMBOL[set_name], "size": 8, "opacity": 0.85},
        hovertemplate=f"{plain(axis.label.lower())} %{{customdata[0]}}<br>{words} <b>%{{customdata[1]}}</b>"
        "<br>after epoch %{customdata[2]}, seed %{customdata[3]}<extra></extra>",
    )


def _line(
    outcomes: Sequence[Outcome], places: dict[Any, float], set_name: str, axis: Setting, spread: SeedSpread | None
) -> go.Scatter:
    points = sorted(
        (places[value], mean(_score(each, set_name) for each in group), len(group))
        for (value,), group in means(outcomes, [axis]).items()
    )
    bars = [spread.band(n) if spread and n > 1 else None for _, _, n in points]
    words = not _numeric(list(places))
    return go.Scatter(
        x=[place for place, _, _ in points],
        y=[level for _, level, _ in points],
        error_y={"type": "data", "array": bars, "visible": any(bars), "thickness": 1.5, "width": 6},
        mode="markers" if words else "lines",
        marker={"symbol": "line-ew", "size": 36, "line": {"color": COLOURS[set_name], "width": 2}},
        legendgroup=set_name,
        showlegend=False,
        hoverinfo="skip",
        line={"color": COLOURS[set_name], "dash": DASH[set_name], "width": 2},
    )


def _number(cell: Sequence[Outcome], mark: str) -> str:
    return mark + percent(accuracy(cell)) if cell else ""


def _spread(cell: Sequence[Outcome]) -> str:
    """Say of several runs in one cell how many they are, and between which accuracies they lie."""
    if len(cell) < 2:
        return ""
    levels = [each.judged.accuracy for each in cell]
    return f"<br>mean of {len(cell)} runs, {percent(min(levels))} to {percent(max(levels))}"
