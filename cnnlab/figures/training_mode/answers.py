"""This module draws what a network says of one picture in eval mode, and in many passes with its dropout on."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from cnnlab.figures.class_probabilities import MOST, SAID
from cnnlab.figures.style import INK, PERCENT_TICKS, figure, plain
from cnnlab.formatting import percent

DROPPED = "#CC79A7"
"""Colour of passes with dropout on; eval mode has that of the answer on every other page."""


def answer_dots(
    eval_mode: npt.NDArray[np.floating],
    dropped: npt.NDArray[np.floating],
    classes: Sequence[str],
    true: int | None = None,
) -> go.Figure:
    """Draw a line a class: a dot for each pass with dropout on, a bar at their mean, and a diamond for eval mode.

    `eval_mode` [C] and `dropped` [passes, C]: probabilities, 0 to 1. Of more than MOST classes those that are most probable in
    either, and the `true` one. The dots of a class lie below one another, in the order of the passes.
    """
    mean = dropped.mean(axis=0)
    shown = np.argsort(-np.maximum(mean, eval_mode), kind="stable")[:MOST]
    if true is not None and true not in shown:
        shown = np.append(shown[:-1], true)
    shown = np.sort(shown)
    rows = np.arange(len(shown))
    passes = len(dropped)
    offsets = np.linspace(-0.3, 0.3, passes)
    names = [plain(classes[i]) for i in shown]
    ticks = [f"{name} ✓" if i == true else name for i, name in zip(shown, names, strict=True)]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "name": "a pass with dropout on",
        "x": dropped[:, shown].T.ravel().tolist(),
        "y": (rows[:, None] + offsets).ravel().tolist(),
        "marker": {"color": DROPPED, "size": 6, "opacity": 0.75},
        "customdata": [
            [name, number + 1, percent(float(dropped[number, i]))]
            for i, name in zip(shown, names, strict=True)
            for number in range(passes)
        ],
        "hovertemplate": "%{customdata[0]}, pass %{customdata[1]}: %{customdata[2]}<extra></extra>",
    }
    bars = {
        "type": "scatter",
        "mode": "markers",
        "name": "their mean",
        "x": mean[shown].tolist(),
        "y": rows.tolist(),
        "marker": {"color": INK, "symbol": "line-ns", "size": 24, "line": {"color": INK, "width": 2}},
        "customdata": [[name, percent(float(mean[i]))] for i, name in zip(shown, names, strict=True)],
        "hovertemplate": "%{customdata[0]}, mean of the passes: %{customdata[1]}<extra></extra>",
    }
    diamonds = {
        "type": "scatter",
        "mode": "markers",
        "name": "eval mode",
        "x": eval_mode[shown].tolist(),
        "y": rows.tolist(),
        "marker": {"color": SAID, "symbol": "diamond", "size": 12, "line": {"color": INK, "width": 1}},
        "customdata": [[name, percent(float(eval_mode[i]))] for i, name in zip(shown, names, strict=True)],
        "hovertemplate": "%{customdata[0]}, eval mode: %{customdata[1]}<extra></extra>",
    }
    layout = {
        "height": 38 * len(shown) + 90,
        "margin": {"l": 8, "r": 12, "t": 36, "b": 40},
        "hovermode": "closest",
        "xaxis": {"range": [-0.02, 1.02], "tickformat": PERCENT_TICKS, "title": {"text": "probability"}},
        "yaxis": {
            "range": [len(shown) - 0.5, -0.5],
            "tickvals": rows.tolist(),
            "ticktext": ticks,
            "automargin": True,
            "showgrid": False,
        },
    }
    return figure([dots, bars, diamonds], layout)
