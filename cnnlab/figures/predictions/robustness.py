"""This module draws the accuracy of a set of pictures over the strength of a change."""

from collections.abc import Sequence

import plotly.graph_objects as go

from cnnlab.figures.predictions.set_style import line_of
from cnnlab.figures.style import INK, PERCENT_TICKS, TEMPLATE
from cnnlab.formatting import NARROW, percent, percent_range


def robustness_curve(
    strengths: Sequence[float],
    words: Sequence[str],
    shares: Sequence[float],
    intervals: Sequence[tuple[float, float]] | None,
    set_name: str,
    axis: str,
    chance: float,
) -> go.Figure:
    """Draw one mark a strength, joined by a line; whiskers are the 95 % `intervals`, where there are some.

    `strengths` [S] on the axis, `words` [S] the same with their unit, `shares` [S] the accuracies, 0 to 1. `chance`: the
    accuracy of guessing.
    """
    text = [f"{word}: {percent(share)}" for word, share in zip(words, shares, strict=True)]
    whiskers = None
    if intervals is not None:
        text = [
            f"{line}<br>95{NARROW}% interval {percent_range(*ends)}" for line, ends in zip(text, intervals, strict=True)
        ]
        whiskers = {
            "symmetric": False,
            "array": [high - share for (_, high), share in zip(intervals, shares, strict=True)],
            "arrayminus": [share - low for (low, _), share in zip(intervals, shares, strict=True)],
            "thickness": 1.5,
        }
    curve = go.Scatter(
        x=list(strengths),
        y=list(shares),
        mode="lines+markers",
        name=set_name,
        error_y=whiskers,
        **line_of(set_name),
        customdata=text,
        hovertemplate="%{customdata}<extra></extra>",
    )
    figure = go.Figure(curve)
    figure.add_hline(
        y=chance,
        line={"color": INK, "width": 1, "dash": "dot"},
        annotation={"text": f"guessing: {percent(chance)}", "font": {"color": INK}},
        annotation_position="bottom right",
    )
    figure.update_layout(template=TEMPLATE, height=360, hovermode="closest", showlegend=False)
    figure.update_yaxes(title_text=f"{set_name} accuracy", tickformat=PERCENT_TICKS, range=[-0.03, 1.03])
    figure.update_xaxes(title_text=axis, tickvals=list(strengths))
    return figure
