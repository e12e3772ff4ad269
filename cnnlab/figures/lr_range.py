"""This module draws the learning-rate range test as a curve: losses over the rate each step was taken with, and a band."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

import plotly.graph_objects as go

from cnnlab.figures.style import INK, TEMPLATE, TEST, TRAIN
from cnnlab.formatting import loss4
from cnnlab.records import LrRange

HEADROOM = 0.25
"""Shown above the loss at the start, as a share of the distance from there to the lowest: the blow-up is cut off."""

MARGIN = 0.1
"""Room on either side of the rates, in powers of ten."""


def lr_range_figure(test: LrRange, *, height_px: int = 300) -> go.Figure:
    """Draw each short test's losses (faint dots), their smoothed mean (line), the band of rates that the tests point to
    (shaded), and its middle (dashed line).
    """
    figure = go.Figure()
    dots = [(rate, loss) for losses in test.losses for rate, loss in zip(test.lr, losses, strict=False)]
    name = f"each step's loss, {len(test.losses)} tests"
    _add(figure, name, dots, {"mode": "markers", "marker": {"size": 4, "color": INK, "opacity": 0.55}})
    line = list(zip(test.lr, test.smoothed, strict=False))
    _add(figure, "smoothed, their mean", line, {"mode": "lines", "line": {"color": TRAIN, "width": 2.5}})
    if test.band and test.suggestion:
        _mark(figure, test.band, test.suggestion)
    figure.update_layout(template=TEMPLATE, height=height_px, hovermode="closest")
    figure.update_xaxes(
        title_text="learning rate (log scale)", type="log", exponentformat="power", dtick=1, tickfont={"size": 12}
    )
    if test.lr:  # the words of the band would widen it
        figure.update_xaxes(range=[log10(test.lr[0]) - MARGIN, log10(test.lr[-1]) + MARGIN])
    figure.update_yaxes(title_text="loss in training mode", range=_shown(test))
    return figure


def _add(figure: go.Figure, name: str, places: Sequence[tuple[float, float]], style: Mapping[str, Any]) -> None:
    figure.add_scatter(
        x=[rate for rate, _ in places],
        y=[loss for _, loss in places],
        name=name,
        customdata=[loss4(loss) for _, loss in places],
        hovertemplate=f"learning rate %{{x:.2g}}<br>{name} <b>%{{customdata}}</b><extra></extra>",
        **style,
    )


def _mark(figure: go.Figure, band: tuple[float, float], middle: float) -> None:
    """Shade the band, draw a line at its middle, and write both at the top."""
    low, high = band
    figure.add_vrect(x0=low, x1=high, fillcolor=TEST, opacity=0.18, line_width=0)
    figure.add_vline(x=middle, line={"color": TEST, "width": 2, "dash": "dash"})
    words = f"in this band: {low:g} to {high:g} " if low < high else f"all point to {middle:g} "
    figure.add_annotation(
        x=log10(low),  # on a log axis Plotly wants an annotation's place as an exponent, a line's as it is
        y=1.0,
        yref="paper",
        text=words,
        font={"color": TEST},
        showarrow=False,
        xanchor="right",
        yanchor="top",
    )


def _shown(test: LrRange) -> list[float] | None:
    """Return the range of losses to draw, from a little below the lowest to a little above the start; None, for all of
    it, where there is none.
    """
    losses = [loss for each in test.losses for loss in each]
    if not losses or not test.smoothed:
        return None
    low, start = min(losses), max(losses[0], test.smoothed[0])
    room = max(start - low, 0.05) * HEADROOM
    return [low - room, start + 2 * room]
