"""This module draws the accuracy of each class as lying bars, with the 95 % interval of each on pictures that are new."""

from collections.abc import Sequence

import plotly.graph_objects as go

from cnnlab.analysis.predictions.by_class import ClassScore
from cnnlab.figures.predictions.set_style import bars_of
from cnnlab.figures.style import INK, PERCENT_TICKS, TEMPLATE, plain
from cnnlab.formatting import NARROW, count, percent, percent_range

ROW_PX = 30


def class_accuracy(scores: Sequence[ClassScore], classes: Sequence[str], set_name: str, *, new: bool) -> go.Figure:
    """Draw one bar a class, in the order of `scores`, from the top; only where the set is `new` with whiskers.

    A line marks the accuracy over all their pictures. Classes without a picture have no bar.
    """
    known = [score for score in scores if score.n]
    names = [plain(classes[score.index]) for score in known]
    shares = [score.right / score.n for score in known]
    words = [
        f"{name}: {percent(share)} of {count(score.n)} pictures"
        + (f"<br>95{NARROW}% interval {percent_range(*score.interval)}" if new else "")
        for name, share, score in zip(names, shares, known, strict=True)
    ]
    whiskers = {
        "type": "data",
        "symmetric": False,
        "array": [score.interval[1] - share for score, share in zip(known, shares, strict=True)],
        "arrayminus": [share - score.interval[0] for score, share in zip(known, shares, strict=True)],
        "color": INK,
        "thickness": 1.5,
        "width": 4,
    }
    bars = go.Bar(
        x=shares,
        y=list(range(len(known))),
        orientation="h",
        marker=bars_of(set_name),
        error_x=whiskers if new else None,
        customdata=words,
        hovertemplate="%{customdata}<extra></extra>",
    )
    labels = [f"{name} <b>{percent(share)}</b>" for name, share in zip(names, shares, strict=True)]
    total = sum(score.right for score in known) / max(1, sum(score.n for score in known))
    figure = go.Figure(bars)
    figure.add_vline(x=total, line={"color": INK, "width": 1.5, "dash": "dot"})
    figure.update_layout(
        template=TEMPLATE,
        height=ROW_PX * len(known) + 70,
        bargap=0.3,
        showlegend=False,
        dragmode=False,
        margin={"l": 8, "r": 12, "t": 8, "b": 44},
        xaxis={"range": [0, 1.02], "tickformat": PERCENT_TICKS, "title": {"text": f"accuracy, {set_name}"}},
        yaxis={
            "range": [len(known) - 0.5, -0.5],
            "tickvals": list(range(len(known))),
            "ticktext": labels,
            "showgrid": False,
            "automargin": True,
        },
    )
    return figure
