"""This module holds the colours that mean the same everywhere, and the one template of every Plotly figure."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import pandas  # noqa: F401 - whole before plotly looks at it: another thread of the server may be half through loading it
import plotly.graph_objects as go

TRAIN = "#0072B2"
VALIDATION = "#E69F00"
TEST = "#009E73"
DANGER = "#D55E00"
"""Okabe and Ito's palette (Color Universal Design, 2008): told apart by colour-blind eyes as well."""

DASH = {"train": "solid", "validation": "dash", "test": "dot"}
"""The same meaning once more, for eyes or printers without colour."""

SYMBOL = {"train": "circle", "validation": "square", "test": "diamond"}

PATTERN = {"train": "", "validation": "/", "test": "."}
"""How a bar is filled whose colour is its run: whole, striped, dotted, as the lines of the same sets are dashed."""

RUN_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D00", "#7F7F7F")
"""One a run where several are drawn together: Okabe and Ito's, its yellow darkened so that it shows on white."""

INK = "#737B8B"
"""A grey that reads on white and on black alike: figures are drawn without knowing the reader's theme."""

PERCENT_TICKS = ".1~%"
"""Shares on an axis: 25 %, and 63.5 % where the ticks stand close, which whole percents would show twice."""

TEMPLATE = go.layout.Template(
    layout=go.Layout(
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "Inter, system-ui, sans-serif", "size": 13, "color": INK},
        margin={"l": 56, "r": 16, "t": 40, "b": 48},
        hoverlabel={"font": {"family": "Inter, system-ui, sans-serif", "size": 13}},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0},
        xaxis={"gridcolor": "rgba(128,132,149,0.18)", "zeroline": False, "linecolor": "rgba(128,132,149,0.5)"},
        yaxis={"gridcolor": "rgba(128,132,149,0.18)", "zeroline": False, "linecolor": "rgba(128,132,149,0.5)"},
        colorway=list(RUN_COLOURS),
    )
)


def figure(data: Iterable[Mapping[str, Any]], layout: Mapping[str, Any]) -> go.Figure:
    """Return the figure of these traces and this layout, which Plotly does not check: that takes it five times as long.

    A live page draws its figures again after each epoch, for everybody who looks. The tests check all of them.
    """
    return go.Figure(list(data), {"template": TEMPLATE, **layout}, _validate=False)


def plain(text: str) -> str:
    """Escape `text` so that Plotly, which reads a little HTML in every name, shows it letter by letter."""
    return escape(" ".join(text.split()), quote=False)
