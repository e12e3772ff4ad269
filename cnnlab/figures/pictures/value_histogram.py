"""This module draws how often each value occurs in the channels of many pictures, before or after normalisation."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from cnnlab.figures.style import DANGER, INK, TEMPLATE, TEST, TRAIN
from cnnlab.formatting import NARROW, decimals

HEIGHT_PX = 260
_LOOKS = {"red": (DANGER, "solid"), "green": (TEST, "dot"), "blue": (TRAIN, "dash"), "grey": (INK, "solid")}


def channel_names(channels: int) -> tuple[str, ...]:
    """Return what the channels of a picture are: red, green and blue, or grey alone."""
    return ("red", "green", "blue") if channels == 3 else ("grey",)


def value_histogram(places: npt.NDArray[np.float64], shares: npt.NDArray[np.float64], title: str) -> go.Figure:
    """Draw one line a channel: `shares` [channels, values] over `places` [channels, values] on the axis called `title`."""
    names: Sequence[str] = channel_names(len(shares))
    lines = [
        go.Scatter(
            x=x.tolist(),
            y=y.tolist(),
            name=name,
            mode="lines",
            line={"color": _LOOKS[name][0], "dash": _LOOKS[name][1], "width": 2, "shape": "hvh"},
            customdata=[decimals(100 * share, 2) for share in y],
            hovertemplate=f"{name}: %{{x:.4g}}, %{{customdata}}{NARROW}%<extra></extra>",
        )
        for name, x, y in zip(names, places, shares, strict=True)
    ]
    figure = go.Figure(lines)
    figure.update_layout(
        template=TEMPLATE,
        height=HEIGHT_PX,
        dragmode=False,
        showlegend=len(names) > 1,
        margin={"l": 8, "r": 12, "t": 36, "b": 44},
        xaxis={"title": {"text": title}},
        yaxis={"tickformat": ".1~%", "rangemode": "tozero", "automargin": True, "title": {"text": "of the values"}},
    )
    return figure
