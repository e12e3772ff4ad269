"""This module draws how many pictures of a set are right since each epoch, and how many are not right at the last one."""

from collections.abc import Sequence

import plotly.graph_objects as go

from cnnlab.figures.predictions.set_style import bars_of
from cnnlab.figures.style import DANGER, INK, TEMPLATE
from cnnlab.formatting import count, percent

HEIGHT_PX = 300


def learnt_since(epochs: Sequence[int], learnt: Sequence[int], lost: int, never: int, set_name: str) -> go.Figure:
    """Draw a bar an epoch, as high as the number of pictures that are right since then, and two bars for the others.

    Bars can be picked: their place is that in `epochs`, then len(epochs) for `lost`, then one more for `never`.
    """
    total = sum(learnt) + lost + never
    names = [*map(str, epochs), "lost", "never"]
    numbers = [*learnt, lost, never]
    said = [*(f"right since epoch {epoch}" for epoch in epochs), "right before, wrong now", "never right"]
    words = [
        f"{text}: {count(n)} of {count(total)} ({percent(n / total)})" for text, n in zip(said, numbers, strict=True)
    ]
    mine, last = bars_of(set_name), len(epochs)
    look = {"hovertemplate": "%{customdata}<extra></extra>"}
    figure = go.Figure()
    figure.add_bar(x=list(range(last)), y=numbers[:last], marker=mine, customdata=words[:last], **look)
    others = {"color": [INK, DANGER]}
    figure.add_bar(x=[last, last + 1], y=numbers[last:], marker=others, customdata=words[last:], **look)
    every = max(1, -(-last // 12))
    shown = [place for place in range(last) if place % every == 0] + [last, last + 1]
    figure.update_xaxes(
        title="right since epoch",
        tickvals=shown,
        ticktext=[names[place] for place in shown],
        range=[-0.6, last + 1.6],
        showgrid=False,
        tickangle=0 if last <= 12 else -45,
    )
    figure.update_yaxes(title=f"pictures, {set_name}", rangemode="tozero", automargin=True)
    margin = {"l": 8, "r": 8, "t": 8, "b": 44}
    figure.update_layout(
        template=TEMPLATE, height=HEIGHT_PX, bargap=0.15, showlegend=False, dragmode=False, margin=margin
    )
    return figure
