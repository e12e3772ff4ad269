"""This module draws how much each channel of a layer matters: the change in accuracy with each, beside the chance band."""

from collections.abc import Sequence

import plotly.graph_objects as go

from cnnlab.analysis.significance.lesions import Effect
from cnnlab.figures.style import DANGER, INK, TEMPLATE, TEST
from cnnlab.formatting import percent, points, tenths

HEIGHT_PX = 340
_KINDS = (
    ("worse", DANGER, "triangle-down"),
    ("no difference shown", INK, "circle-open"),
    ("better", TEST, "triangle-up"),
)


def damage_figure(effects: Sequence[Effect], order: Sequence[int], word: str, chosen: int) -> go.Figure:
    """Draw the change in accuracy, in points, with each channel of `order` changed alone, from left to right.

    `word`: what a channel is called, "channel" or "unit". Within the grey band a change may as well be chance.
    """
    figure = go.Figure(layout={"template": TEMPLATE, "height": HEIGHT_PX, "hovermode": "closest"})
    ranks = list(range(len(order)))
    band = [tenths(effects[channel].band) for channel in order]
    flat = {"x": ranks, "mode": "lines", "line": {"width": 0, "shape": "hvh"}, "hoverinfo": "skip"}
    figure.add_scatter(y=[-size for size in band], showlegend=False, **flat)
    figure.add_scatter(y=band, fill="tonexty", fillcolor="rgba(128,132,149,0.22)", name="chance band", **flat)
    for name, colour, symbol in _KINDS:
        mine = [rank for rank in ranks if _kind(effects[order[rank]]) == name]
        figure.add_scatter(
            x=mine,
            y=[tenths(effects[order[rank]].change) for rank in mine],
            mode="markers",
            name=name,
            customdata=[order[rank] for rank in mine],
            text=[_hover(effects[order[rank]], f"{word} {order[rank]}") for rank in mine],
            hovertemplate="%{text}<extra></extra>",
            marker={
                "color": colour,
                "symbol": symbol,
                "size": [15 if order[rank] == chosen else 9 for rank in mine],
            },
        )
    few = len(order) <= 40
    figure.update_xaxes(
        title=f"{word}, the most damage first",
        tickvals=ranks if few else [],
        ticktext=[str(c) for c in order] if few else [],
    )
    figure.update_yaxes(title="change in accuracy, points", zeroline=True, zerolinecolor="rgba(128,132,149,0.6)")
    return figure


def _kind(effect: Effect) -> str:
    if not effect.shown:
        return "no difference shown"
    return "worse" if effect.change < 0 else "better"


def _hover(effect: Effect, name: str) -> str:
    return f"<b>{name}</b><br>{percent(effect.after)}, {points(effect.change)}"
