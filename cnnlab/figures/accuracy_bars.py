"""This module draws train, validation and test accuracy side by side, with the gap and how sure each number is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from cnnlab.analysis.gap import gap_of
from cnnlab.analysis.intervals import interval95
from cnnlab.figures.style import INK, PATTERN, PERCENT_TICKS, figure, plain
from cnnlab.formatting import (
    NARROW,
    augmented_test,
    count,
    percent,
    percent_range,
    points,
    points_range,
    when_measured,
)
from cnnlab.records import FullScores, Score

ROW_PX = 34
AUGMENTED = "x"
"""Pattern of the bar of the test set with test-time augmentation."""


@dataclass(frozen=True)
class RunScores:
    """A `RunScores` is one run as the bars show it."""

    name: str
    scores: FullScores
    colour: str = INK
    """Of the run wherever else it is drawn; the sets are told apart by the pattern of their bars."""


def accuracy_bars(runs: Sequence[RunScores]) -> go.Figure:
    """Draw one group of bars a run, each set measured whole: the bracket is the run's gap, between the sets it names.

    Whiskers are the 95 % intervals of accuracies on pictures that were not trained on; the accuracy on those trained on
    has none, since it says nothing of other pictures. Bars lie, so that names and numbers can be read on a telephone as well.
    """
    bars: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    ticks: dict[float, str] = {}
    row = 0.0
    for run in runs:
        title = f'<span style="color:{run.colour}">●</span> <b>{plain(run.name)}</b> · {when_measured(run.scores)}'
        place = {"x": 0, "y": row, "xref": "paper", "xanchor": "left", "showarrow": False, "xshift": -128}
        notes.append({"text": title, **place})
        rows: dict[str, float] = {}
        for set_name, score in _sets(run.scores):
            row += 1
            rows[set_name] = row
            ticks[row] = f"{set_name} <b>{percent(score.accuracy)}</b>"
            bars.append(_bar(row, set_name, score, run.colour, PATTERN[set_name]))
        bracket, gap = _bracket(rows, run.scores)
        lines += bracket
        notes.append(gap)
        if augmented := run.scores.test_augmented:
            row += 1
            ticks[row] = f"{augmented_test(augmented)} <b>{percent(augmented.accuracy)}</b>"
            bars.append(_bar(row, "test", augmented, run.colour, AUGMENTED))
        row += 1.6
    layout = {
        "height": round(ROW_PX * row) + 60,
        "bargap": 0.25,
        "showlegend": False,
        "margin": {"l": 140, "r": 8, "t": 8, "b": 44},  # room for "test, 6 views 94.1 %"
        "xaxis": {
            "range": [0, 1.55],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "tickformat": PERCENT_TICKS,
            "title": {"text": "accuracy"},
        },
        "yaxis": {
            "range": [row - 0.8, -0.6],
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
            "showgrid": False,
            "ticklen": 6,
        },
        "annotations": notes,
        "shapes": lines,
    }
    return figure(bars, layout)


def _sets(scores: FullScores) -> Iterator[tuple[str, Score]]:
    yield "train", scores.train
    if scores.validation:
        yield "validation", scores.validation
    yield "test", scores.test


def _bar(row: float, set_name: str, score: Score, colour: str, pattern: str) -> dict[str, Any]:
    said = f"{percent(score.accuracy)} of {count(score.n)} pictures"
    whisker: dict[str, Any] | None = None
    if set_name != "train":
        low, high = interval95(score.accuracy, score.n)
        said += f"<br>95{NARROW}% interval {percent_range(low, high)}"
        whisker = {
            "type": "data",
            "symmetric": False,
            "array": [high - score.accuracy],
            "arrayminus": [score.accuracy - low],
            "color": INK,
            "thickness": 1.5,
            "width": 5,
        }
    return dict(
        type="bar",
        x=[score.accuracy],
        y=[row],
        orientation="h",
        marker={
            "color": colour,
            "cornerradius": 3,
            "line": {"color": colour, "width": 1.5},
            "pattern": {"shape": pattern, "size": 7, "solidity": 0.35},
        },
        error_x=whisker,
        customdata=[said],
        hovertemplate=f"{set_name if score.views == 1 else augmented_test(score)}: %{{customdata}}<extra></extra>",
    )


def _bracket(rows: Mapping[str, float], scores: FullScores) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the lines of the bracket between the sets of a gap, and the gap in words beside it."""
    gap = gap_of(scores)
    first, last = rows["train"], rows[gap.other_set]
    x = max(interval95(s.accuracy, s.n)[1] for _, s in _sets(scores)) + 0.025
    ends = [(x, x, first, last), *((x - 0.012, x, y, y) for y in (first, last))]
    look = {"type": "line", "line": {"color": INK, "width": 1.5}}
    lines = [{"x0": x0, "x1": x1, "y0": y0, "y1": y1, **look} for x0, x1, y0, y1 in ends]
    note = {
        "text": f"gap <b>{points(gap.value)}</b><br>{gap.sets}",
        "hovertext": f"95{NARROW}% interval {points_range(*gap.interval)}",
        **{"x": x, "y": (first + last) / 2, "xanchor": "left", "showarrow": False, "align": "left"},
    }
    return lines, note
