"""This module draws the reliability diagram: how often a network is right, by how sure it is."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cnnlab.analysis.predictions.calibration import Calibration
from cnnlab.figures.predictions.set_style import bars_of
from cnnlab.figures.style import INK, PERCENT_TICKS, TEMPLATE
from cnnlab.formatting import NARROW, count, percent, percent_range

HEIGHT_PX = 440


def reliability(found: Calibration, set_name: str, *, new: bool) -> go.Figure:
    """Draw a bar a bin: as wide as the bin, as high as its accuracy; below, the share of the pictures in it.

    The diagonal is where the network is right as often as it thinks. Whiskers are 95 % intervals, where the set is `new`.
    A dot stands at the mean probability of the bin's pictures: bar and dot are what the error compares.
    """
    bins = found.bins
    middle = [(one.low + one.high) / 2 for one in bins]
    width = [one.high - one.low for one in bins]
    words = [
        f"{count(one.n)} of {count(found.n)} pictures, {percent_range(one.low, one.high)} sure<br>"
        f"right: {percent(one.accuracy)}" + (f" (95{NARROW}% interval {percent_range(*one.interval)})" if new else "")
        + f"<br>on average {percent(one.confidence)} sure"
        for one in bins
    ]  # fmt: skip
    whiskers = {
        "type": "data",
        "symmetric": False,
        "array": [one.interval[1] - one.accuracy for one in bins],
        "arrayminus": [one.accuracy - one.interval[0] for one in bins],
        "color": INK,
        "thickness": 1.5,
        "width": 4,
    }
    look = {"customdata": words, "hovertemplate": "%{customdata}<extra></extra>"}
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.76, 0.24], vertical_spacing=0.05)
    figure.add_bar(
        x=middle,
        y=[one.accuracy for one in bins],
        width=width,
        marker=bars_of(set_name),
        error_y=whiskers if new else None,
        name="right",
        row=1,
        col=1,
        **look,
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": INK, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
        name="as often as it thinks",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=[one.confidence for one in bins],
        y=[one.confidence for one in bins],
        mode="markers",
        marker={"color": INK, "size": 8, "line": {"width": 1, "color": "#FFFFFF"}},
        name="how sure it is",
        row=1,
        col=1,
        **look,
    )
    shares = [one.n / found.n for one in bins]
    figure.add_bar(x=middle, y=shares, width=width, marker={"color": INK}, showlegend=False, row=2, col=1, **look)
    figure.update_xaxes(range=[0, 1], tickformat=PERCENT_TICKS)
    figure.update_xaxes(title="how sure it is: probability of what it says", row=2, col=1)
    figure.update_yaxes(range=[0, 1.02], tickformat=PERCENT_TICKS, title=f"right, {set_name}", row=1, col=1)
    figure.update_yaxes(rangemode="tozero", tickformat=PERCENT_TICKS, title="pictures", nticks=3, row=2, col=1)
    margin = {"l": 8, "r": 12, "t": 34, "b": 44}
    figure.update_layout(template=TEMPLATE, height=HEIGHT_PX, bargap=0, dragmode=False, margin=margin)
    figure.update_yaxes(automargin=True)
    return figure
