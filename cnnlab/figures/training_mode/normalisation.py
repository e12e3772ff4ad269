"""This module draws the values of a channel in both modes, and batch statistics against running statistics."""

from itertools import pairwise
from math import ceil, floor, log10
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from cnnlab.figures.class_probabilities import SAID
from cnnlab.figures.style import INK, figure
from cnnlab.formatting import MINUS, percent

BATCH = "#CC79A7"
"""Colour of what is made with a batch's statistics (train mode); eval mode has SAID."""
_OTHERS = "rgba(128,132,149,0.6)"

Floats = npt.NDArray[np.floating]
Counts = npt.NDArray[np.int64]


def distributions(edges: Floats, batch: Counts, running: Counts, axis: str) -> go.Figure:
    """Draw the values of a channel as a histogram: train mode as bars, eval mode as a stepped line over them.

    `edges` [bins + 1] ends of the bars. `batch`, `running` [bins]: number of values in each, in train and in eval mode. Drawn
    are shares of all values. `axis`: what the values are.
    """
    middles = (edges[:-1] + edges[1:]) / 2
    spans = [f"{_short(low)} to {_short(high)}" for low, high in pairwise(edges)]
    shares = [counts / max(1, counts.sum()) for counts in (batch, running)]
    text = [[[span, percent(float(share))] for span, share in zip(spans, one, strict=True)] for one in shares]
    bars = {
        "type": "bar",
        "name": "train mode",
        "x": middles.tolist(),
        "y": shares[0].tolist(),
        "width": np.diff(edges).tolist(),
        "marker": {"color": BATCH, "line": {"width": 0}},
        "opacity": 0.6,
        "customdata": text[0],
        "hovertemplate": "train mode, %{customdata[0]}: %{customdata[1]}<extra></extra>",
    }
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "eval mode",
        "x": middles.tolist(),
        "y": shares[1].tolist(),
        "line": {"color": SAID, "width": 2, "shape": "hvh"},
        "customdata": text[1],
        "hovertemplate": "eval mode, %{customdata[0]}: %{customdata[1]}<extra></extra>",
    }
    layout = {
        "height": 260,
        "bargap": 0,
        "margin": {"l": 8, "r": 8, "t": 32, "b": 44},
        "hovermode": "closest",
        "xaxis": {"title": {"text": axis}, "range": [float(edges[0]), float(edges[-1])]},
        "yaxis": {"tickformat": ".1~%", "automargin": True, "rangemode": "tozero"},
    }
    return figure([bars, line], layout)


def agreement(running: Floats, batch: Floats, chosen: int, what: str, log: bool) -> go.Figure:
    """Draw a dot a channel, its running statistic across and the batch's up; on the line both are the same.

    `running`, `batch` [C]. `chosen`: the channel that is marked. `log`: axes in powers of ten, where all values are above 0.
    """
    log = log and bool((running > 0).all() and (batch > 0).all())
    both = np.concatenate([running, batch]).astype(float)
    low, high = float(both.min()), float(both.max())
    margin = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    ends = [low / 1.2, high * 1.2] if log else [low - margin, high + margin]
    window = np.log10(ends).tolist() if log else ends
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": ends,
        "y": ends,
        "line": {"color": INK, "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": running.tolist(),
        "y": batch.tolist(),
        "marker": {"color": _OTHERS, "size": 8},
        "customdata": [
            [channel, _short(a), _short(b)] for channel, (a, b) in enumerate(zip(running, batch, strict=True))
        ],
        "hovertemplate": (
            f"channel %{{customdata[0]}}<br>running {what} %{{customdata[1]}}<br>"
            f"{what} of this batch %{{customdata[2]}}<extra></extra>"
        ),
        "showlegend": False,
    }
    mine = {
        "type": "scatter",
        "mode": "markers",
        "x": [float(running[chosen])],
        "y": [float(batch[chosen])],
        "marker": {"color": BATCH, "size": 14, "symbol": "diamond", "line": {"color": INK, "width": 1}},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    axis = {"range": window, **(_powers(*ends) if log else {})}
    layout = {
        "height": 300,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 44},
        "hovermode": "closest",
        "xaxis": {**axis, "title": {"text": f"running {what}"}},
        "yaxis": {**axis, "title": {"text": f"{what} of this batch"}, "automargin": True},
    }
    return figure([line, dots, mine], layout)


def _powers(low: float, high: float) -> dict[str, Any]:
    """Return a logarithmic axis with a tick at each 1, 2 and 5 of a few powers of ten, or at each 1 of many."""
    steps = (1, 2, 5) if high / low < 300 else (1,)
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    return {"type": "log", "tickvals": ticks, "ticktext": [_short(tick) for tick in ticks]}


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", MINUS)
