"""This module draws differences of shares, one lying bar each, on a scale centred at zero."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from cnnlab.figures.style import INK, figure, plain
from cnnlab.formatting import points, tenths

MORE, LESS = "#BB610D", "#2378CB"
"""Orange above zero and blue below, as the diverging palette of the tiles has them (static/tiles/palettes.js)."""
ROW_PX = 26


def difference_bars(
    names: Sequence[str],
    differences: Sequence[float],
    axis: str,
    intervals: Sequence[tuple[float, float]] | None = None,
) -> go.Figure:
    """Draw one bar a name, from the top, as long as its difference (a share, -1 to 1), orange above zero and blue below.

    `axis`: what the numbers are, in points. `intervals`: the ends of a whisker for each bar.
    """
    ends = [abs(value) for value in differences] + [abs(end) for pair in intervals or () for end in pair]
    most = 100 * max(ends, default=0.0) or 1.0
    lengths = [tenths(value) for value in differences]
    bars: dict[str, Any] = dict(
        type="bar",
        x=lengths,
        y=list(range(len(names))),
        orientation="h",
        marker={"color": [MORE if value > 0 else LESS for value in differences], "cornerradius": 3},
        customdata=[[plain(name), points(value)] for name, value in zip(names, differences, strict=True)],
        hovertemplate="%{customdata[0]}: %{customdata[1]}<extra></extra>",
    )
    if intervals is not None:
        pairs = list(zip(lengths, intervals, strict=True))  # a whisker begins at the end of its bar, which is rounded
        bars["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [100 * high - length for length, (_, high) in pairs],
            "arrayminus": [length - 100 * low for length, (low, _) in pairs],
            "color": INK,
            "thickness": 1.5,
            "width": 4,
        }
    ticks = [f"{plain(name)} <b>{points(value)}</b>" for name, value in zip(names, differences, strict=True)]
    layout = {
        "height": ROW_PX * len(names) + 56,
        "bargap": 0.3,
        "margin": {"l": 8, "r": 12, "t": 4, "b": 44},
        "font": {"color": INK},
        "dragmode": False,
        "xaxis": {
            "range": [-1.05 * most, 1.05 * most],
            "title": {"text": axis},
            "zeroline": True,
            "zerolinecolor": INK,
            "zerolinewidth": 1.5,
        },
        "yaxis": {
            "range": [len(names) - 0.5, -0.5],
            "tickvals": list(range(len(names))),
            "ticktext": ticks,
            "showgrid": False,
            "automargin": True,
        },
    }
    return figure([bars], layout)
