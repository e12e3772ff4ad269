"""This module draws the confusion matrix as a heat map: a row a true class, a column a predicted class."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from cnnlab.figures.style import INK, TEMPLATE, plain
from cnnlab.formatting import MINUS, count, percent

MOST_NAMED = 20
"""Number of classes above which names and numbers stand only in the text that the mouse shows."""
RIGHT = [[0.0, "#D6E8F3"], [1.0, "#0072B2"]]
WRONG = [[0.0, "#F9E3D5"], [1.0, "#D55E00"]]
"""Colour scales of right and wrong answers, from light to full; a cell without pictures has no colour, in any theme."""
MORE = [[0.0, "#F9E7DC"], [1.0, "#A6520D"]]
FEWER = [[0.0, "#DFEBFA"], [1.0, "#0162B1"]]
"""Colour scales of a difference above and below zero; a cell without a difference has no colour."""


def largest_wrong(counts: npt.NDArray[np.int64]) -> float:
    """Return the largest share of a row that is wrong in one cell of `counts` [classes, classes], 0 to 1."""
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    return float((wrong / np.maximum(1, counts.sum(axis=1, keepdims=True))).max())


def confusion_figure(
    counts: npt.NDArray[np.int64], classes: Sequence[str], most_wrong: float | None = None
) -> go.Figure:
    """Draw `counts` [classes, classes], a row a true class.

    `most_wrong`: share of a row at which the colour of wrong cells is full; None: their largest.

    Colour: the share of the row, right and wrong each on its own scale.

    A cell that holds pictures can be picked: its point has x = the class said and y = the true one.
    """
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    diagonal = np.eye(len(counts), dtype=bool)
    named = len(classes) <= MOST_NAMED
    figure = go.Figure()
    for colours, cells, top in ((RIGHT, diagonal, 1.0), (WRONG, ~diagonal, most_wrong or largest_wrong(counts))):
        shown = np.where(cells & (counts > 0), share, np.nan)
        figure.add_heatmap(
            z=shown,
            zmin=0.0,
            zmax=top or 1.0,
            colorscale=colours,
            showscale=False,
            text=np.where(cells & (counts > 0), counts.astype(str), "") if named else None,
            texttemplate="%{text}" if named else None,
            hoverinfo="skip",
            xgap=1 if named else 0,
            ygap=1 if named else 0,
        )
    truth, said = np.nonzero(counts)
    names = [plain(name) for name in classes]
    words = [
        f"{names[t]}, it says {names[s]}: {count(int(counts[t, s]))} of {count(int(total[t, 0]))} "
        f"({percent(float(share[t, s]))})"
        for t, s in zip(truth, said, strict=True)
    ]
    figure.add_scatter(  # a heat map's cells cannot be picked, these invisible points can
        x=said.tolist(),
        y=truth.tolist(),
        mode="markers",
        marker={"size": 24 if named else 8, "symbol": "square", "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        text=words,
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    _lay_out(figure, names, named)
    return figure


def difference_figure(differences: npt.NDArray[np.int64], classes: Sequence[str]) -> go.Figure:
    """Draw by how many pictures each cell of one confusion matrix exceeds that of another, [classes, classes].

    Colour: orange above zero and blue below, full at the same number on both sides; a cell without difference has none.
    """
    most = int(np.abs(differences).max(initial=0)) or 1
    named = len(classes) <= MOST_NAMED
    signed = [[f"{value:+d}".replace("-", MINUS) for value in row] for row in differences.tolist()]
    names = [plain(name) for name in classes]
    figure = go.Figure()
    for colours, cells in ((MORE, differences > 0), (FEWER, differences < 0)):
        figure.add_heatmap(
            z=np.where(cells, np.abs(differences), np.nan),
            zmin=0.0,
            zmax=most,
            colorscale=colours,
            showscale=False,
            text=np.where(cells, np.array(signed), "") if named else None,
            texttemplate="%{text}" if named else None,
            customdata=[
                [f"{it}, it says {says}: {value}" for says, value in zip(names, row, strict=True)]
                for it, row in zip(names, signed, strict=True)
            ],
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            xgap=1 if named else 0,
            ygap=1 if named else 0,
        )
    _lay_out(figure, names, named)
    return figure


def _lay_out(figure: go.Figure, names: Sequence[str], named: bool) -> None:
    ticks = {"tickvals": list(range(len(names))), "ticktext": names} if named else {"showticklabels": False}
    edge = len(names) - 0.5
    figure.update_xaxes(title="it says", side="top", range=[-0.5, edge], showgrid=False, automargin=True, **ticks)
    figure.update_yaxes(title="it is", range=[edge, -0.5], showgrid=False, automargin=True, **ticks)
    if named:
        figure.update_xaxes(tickangle=-90)
    figure.update_layout(
        template=TEMPLATE,
        height=min(620, 110 + 34 * len(names)),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font_color=INK,
        dragmode=False,
    )
