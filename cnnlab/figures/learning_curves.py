"""This module draws the learning curves of several runs over each other: the colour is the run, the dash is the set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from cnnlab.figures.style import DASH, INK, PERCENT_TICKS, SYMBOL, figure, plain
from cnnlab.formatting import loss4, percent, when_measured
from cnnlab.records import EpochRecord, FullScores, Results, Score

Measure = Literal["accuracy", "loss"]
LEGEND_ROW_PX = 12
"""More height for each run beyond the third, whose names take it from the curves on a telephone."""

Point = tuple[float, str, Score]
"""Place in epochs, the same in words, and what was measured there."""

CROWDED = 40
"""Epochs from which on a curve has no mark at each of them."""


@dataclass(frozen=True)
class RunCurve:
    """A `RunCurve` is one run as the curves show it."""

    name: str
    epochs: Sequence[EpochRecord]
    best_epoch: int | None
    results: Results | None = None
    colour: str = INK
    """Of the run wherever else it is drawn."""
    steps_per_epoch: float | None = None
    """Where within an epoch a network stands that was measured there; None: nobody knows, and it stands at its middle."""


def curves(runs: Sequence[RunCurve], measure: Measure, *, height_px: int = 400) -> go.Figure:
    """Draw train sample (solid) and validation (dashed) after each epoch, and the test set (diamonds) where it was
    measured, be it within an epoch.

    A star marks each run's best epoch.
    """
    traces = [trace for number, run in enumerate(runs) for trace in _traces(run, measure, number)]
    x: dict[str, Any] = {"title": {"text": "epoch"}, "rangemode": "tozero", "tickformat": "d"}
    y: dict[str, Any] = {"title": {"text": f"{measure} of each set, evaluation mode"}}
    # By itself, Plotly writes 7e14 as 700T.
    y |= {"tickformat": PERCENT_TICKS} if measure == "accuracy" else {"exponentformat": "power"}
    notes = []
    if not any(run.epochs or run.results for run in runs):
        x |= {"range": [0, 1], "showticklabels": False}
        y |= {"range": [0, 1], "showticklabels": False}  # by itself, Plotly would go from -100 % to 400 %
        notes = [{"text": "no epoch was measured", "x": 0.5, "y": 0.5, "showarrow": False, "font": {"color": INK}}]
    height = height_px + LEGEND_ROW_PX * max(0, len(runs) - 3)
    layout = {
        "height": height,
        "hovermode": "closest",
        "xaxis": x,
        "yaxis": y,
        "annotations": notes,
    }
    return figure([*traces, *_key(runs)], layout)


def _traces(run: RunCurve, measure: Measure, number: int) -> Iterator[dict[str, Any]]:
    colour = run.colour
    shared: dict[str, Any] = {"legendgroup": f"run {number}", "name": plain(run.name)}
    sets = {"train": "train sample", "validation": "validation"}
    for set_name, words in sets.items():
        points = [_after(e.epoch, score) for e in run.epochs if (score := _score(e, set_name))]
        if not points and set_name != "train":
            continue
        mode = "lines+markers" if len(points) <= CROWDED else "lines"
        yield _line(points, measure, words, shared)(
            mode=mode,
            line={"color": colour, "dash": DASH[set_name], "width": 2},
            marker={"symbol": SYMBOL[set_name], "size": 6},
            showlegend=set_name == "train",
        )
    if run.results:
        yield _line(_tested(run, run.results), measure, "test", shared)(
            mode="lines+markers",
            line={"color": colour, "dash": DASH["test"], "width": 2},
            marker={"symbol": SYMBOL["test"], "size": 9},
            showlegend=False,
        )
    best = next((e for e in run.epochs if e.epoch == run.best_epoch and e.validation), None)
    if best and best.validation:
        yield _line([_after(best.epoch, best.validation)], measure, "best epoch, validation", shared)(
            mode="markers",
            marker={"symbol": "star", "size": 15, "color": colour, "line": {"width": 1.5, "color": "white"}},
            showlegend=False,
        )


def _score(record: EpochRecord, set_name: str) -> Score | None:
    return record.train_sample if set_name == "train" else record.validation


def _after(epoch: int, score: Score) -> Point:
    return epoch, f"epoch {epoch}", score


def _tested(run: RunCurve, results: Results) -> list[Point]:
    """Return the test scores of the best network and of the last, one where they are the same."""
    measured = {(scores.epoch, scores.step): scores for scores in (results.best, results.final) if scores}
    return sorted((_stood(run, scores) for scores in measured.values()), key=lambda point: point[0])


def _stood(run: RunCurve, scores: FullScores) -> Point:
    if scores.step is None:
        return _after(scores.epoch, scores.test)
    per_epoch = run.steps_per_epoch
    return scores.step / per_epoch if per_epoch else scores.epoch + 0.5, when_measured(scores), scores.test


def _line(points: Sequence[Point], measure: Measure, words: str, shared: dict[str, Any]) -> Any:
    values = [score.accuracy if measure == "accuracy" else score.loss for _, _, score in points]
    text = [percent(value) if measure == "accuracy" else loss4(value) for value in values]

    def trace(**style: Any) -> dict[str, Any]:
        return dict(
            type="scatter",
            x=[place for place, _, _ in points],
            text=[when for _, when, _ in points],
            y=values,
            customdata=text,
            hovertemplate=f"%{{fullData.name}}<br>%{{text}} · {words} <b>%{{customdata}}</b><extra></extra>",
            **style,
            **shared,
        )

    return trace


def _key(runs: Sequence[RunCurve]) -> Iterator[dict[str, Any]]:
    """Add what the dashes mean to the legend, in the legend's own grey."""
    names = {"train": "train sample", "validation": "validation", "test": "test"}
    if not any(run.results for run in runs):
        del names["test"]
    for set_name, words in names.items():
        yield dict(
            type="scatter",
            x=[None],
            y=[None],
            mode="lines+markers",
            name=words,
            line={"color": INK, "dash": DASH[set_name], "width": 2},
            marker={"symbol": SYMBOL[set_name], "size": 7},
            hoverinfo="skip",
        )
