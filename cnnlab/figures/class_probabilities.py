"""This module draws how sure a network is of each class."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from cnnlab.figures.style import INK, figure, plain
from cnnlab.formatting import percent

MOST = 10
"""Classes shown; of more, the most probable, and the true one in any case."""

SAID = "#56B4E9"
OTHER = "rgba(128,132,149,0.45)"


def which_shown(classes: int) -> str:
    """Return which of so many classes the bars are of, as a sentence; "" where they are of all."""
    return "" if classes <= MOST else f"Of {classes} classes the {MOST} likeliest are here, and the true one."


def probability_bars(
    probabilities: Sequence[float] | npt.NDArray[np.floating], classes: Sequence[str], true: int | None = None
) -> go.Figure:
    """Draw one lying bar a class, in the classes' own order so that epochs can be compared; the answer is coloured.

    `probabilities`: one a class, 0 to 1, adding up to 1. `true`: the class of the picture, where it is known.
    """
    values = np.asarray(probabilities, dtype=float)
    likely = np.argsort(-values, kind="stable")[:MOST]
    if true is not None and true not in likely:
        likely = np.append(likely[:-1], true)
    shown = np.sort(likely)
    said = int(values.argmax())
    names = [plain(classes[i]) + (" ✓" if i == true else "") for i in shown]
    ticks = [f"<b>{name}</b>" if i in (said, true) else name for i, name in zip(shown, names, strict=True)]
    bars = dict(
        type="bar",
        x=values[shown].tolist(),
        y=list(range(len(shown))),
        orientation="h",
        marker={"color": [SAID if i == said else OTHER for i in shown], "cornerradius": 3},
        text=[percent(values[i]) for i in shown],
        textposition="outside",
        cliponaxis=False,
        customdata=[[plain(classes[i]), percent(values[i])] for i in shown],
        hovertemplate="%{customdata[0]}: %{customdata[1]}<extra></extra>",
    )
    layout = {
        "height": 26 * len(shown) + 20,
        "bargap": 0.3,
        "margin": {"l": 8, "r": 8, "t": 4, "b": 8},
        "font": {"color": INK},
        "xaxis": {"range": [0, 1.22], "visible": False},
        "yaxis": {
            "autorange": "reversed",
            "tickvals": list(range(len(shown))),
            "ticktext": ticks,
            "showgrid": False,
            "automargin": True,
        },
    }
    return figure([bars], layout)
