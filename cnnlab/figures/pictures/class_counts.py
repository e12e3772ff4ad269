"""This module draws how many pictures of each class each set holds, as lying bars."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from cnnlab.figures.predictions.set_style import bars_of
from cnnlab.figures.style import TEMPLATE, plain
from cnnlab.formatting import count

ROW_PX = 34


def class_counts(counts: Mapping[str, npt.NDArray[np.int64]], classes: Sequence[str]) -> go.Figure:
    """Draw the number of pictures of each class, `counts` [classes] for each set's name, in the colours of the sets."""
    places = list(range(len(classes)))
    names = [plain(name) for name in classes]
    bars = [
        go.Bar(
            name=set_name,
            x=numbers.tolist(),
            y=places,
            orientation="h",
            marker=bars_of(set_name),
            customdata=[
                f"{name}, {set_name}: {count(int(number))}" for name, number in zip(names, numbers, strict=True)
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
        for set_name, numbers in counts.items()
    ]
    figure = go.Figure(bars)
    figure.update_layout(
        template=TEMPLATE,
        barmode="group",
        height=ROW_PX * len(classes) + 100,
        bargap=0.25,
        dragmode=False,
        margin={"l": 8, "r": 12, "t": 36, "b": 44},
        xaxis={"title": {"text": "pictures"}},
        yaxis={
            "range": [len(classes) - 0.5, -0.5],
            "tickvals": places,
            "ticktext": names,
            "showgrid": False,
            "automargin": True,
        },
    )
    return figure
