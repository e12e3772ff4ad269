"""This module draws the learning-rate range test as a curve: the loss of each step over the rate it was taken with."""

from math import log10

import plotly.graph_objects as go

from cnnlab.figures.style import DANGER, INK, TEMPLATE, TEST, TRAIN
from cnnlab.formatting import loss4
from cnnlab.records import LrRange

HEADROOM = 0.25
"""Shown above the loss at the start, as a share of the distance from there to the lowest: the blow-up is cut off."""


def lr_range_figure(test: LrRange, *, height_px: int = 300) -> go.Figure:
    """Draw the raw loss (faint dots), the smoothed loss (line), the suggested rate (dashed line) and the steepest fall
    (dotted).
    """
    figure = go.Figure()
    for name, values, style in (
        ("each step's loss", test.loss, {"mode": "markers", "marker": {"size": 4, "color": INK, "opacity": 0.55}}),
        ("smoothed", test.smoothed, {"mode": "lines", "line": {"color": TRAIN, "width": 2.5}}),
    ):
        figure.add_scatter(
            x=test.lr,
            y=values,
            name=name,
            customdata=[loss4(value) for value in values],
            hovertemplate=f"learning rate %{{x:.2g}}<br>{name} <b>%{{customdata}}</b><extra></extra>",
            **style,
        )
    if test.steepest is not None and test.steepest != test.suggestion:
        _mark(figure, test.steepest, f" steepest {test.steepest:g}", DANGER, "dot", above=False)
    if test.suggestion is not None:
        _mark(figure, test.suggestion, f"suggested {test.suggestion:g} ", TEST, "dash", above=True)
    figure.update_layout(template=TEMPLATE, height=height_px, hovermode="closest")
    figure.update_xaxes(
        title_text="learning rate (log scale)", type="log", exponentformat="power", dtick=1, tickfont={"size": 12}
    )
    figure.update_yaxes(title_text="loss in training mode", range=_shown(test))
    return figure


def _mark(figure: go.Figure, rate: float, words: str, colour: str, dash: str, *, above: bool) -> None:
    """Draw a line at the rate, with its words above to the left or below to the right."""
    figure.add_vline(x=rate, line={"color": colour, "width": 2, "dash": dash})
    figure.add_annotation(
        x=log10(rate),  # on a log axis Plotly wants an annotation's place as an exponent, a line's as it is
        y=1.0 if above else 0.0,
        yref="paper",
        text=words,
        font={"color": colour},
        showarrow=False,
        xanchor="right" if above else "left",
        yanchor="top" if above else "bottom",
    )


def _shown(test: LrRange) -> list[float] | None:
    """Return the range of losses to draw, from a little below the lowest to a little above the start; None, for all of
    it, where there is none.
    """
    if not test.loss:
        return None
    low, start = min(test.loss), max(test.smoothed[0], test.loss[0])
    room = max(start - low, 0.05) * HEADROOM
    return [low - room, start + 2 * room]
