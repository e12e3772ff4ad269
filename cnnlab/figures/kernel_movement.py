"""This module draws when a kernel moved: how far from one kept epoch to the next, beside the layer's other kernels."""

from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from cnnlab.figures.style import INK, RUN_COLOURS, TEMPLATE

HEIGHT_PX = 320


def movement_figure(
    epochs: npt.NDArray[np.int64], a_epoch: npt.NDArray[np.float64], kernel: int, now: float | None
) -> go.Figure:
    """Draw `a_epoch` [kept - 1, kernels], how far each kernel moved an epoch between two kept ones, over the epochs.

    The chosen kernel is a line of its own; of all kernels the median and the range are drawn. `now`: the moment on the screen,
    in epochs.
    """
    at = epochs[1:]
    low, middle, high = np.quantile(a_epoch, (0, 0.5, 1), axis=1)
    around: dict[str, Any] = {"x": at, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure = go.Figure(layout={"template": TEMPLATE, "height": HEIGHT_PX})
    figure.add_scatter(y=low, showlegend=False, **around)
    figure.add_scatter(y=high, fill="tonexty", fillcolor="rgba(128,132,149,0.18)", name="all kernels", **around)
    figure.add_scatter(x=at, y=middle, mode="lines", line={"color": INK, "dash": "dot"}, name="median")
    figure.add_scatter(
        x=at,
        y=a_epoch[:, kernel],
        mode="lines+markers",
        line={"color": RUN_COLOURS[0], "width": 2},
        name=f"kernel {kernel}",
        hovertemplate="epoch %{x}: %{y:.4f} an epoch<extra></extra>",
    )
    figure.update_xaxes(title="until epoch", rangemode="tozero")
    figure.update_yaxes(title="moved, an epoch", rangemode="tozero")
    if now is not None:
        figure.add_vline(x=now, line={"color": INK, "width": 1, "dash": "dash"})
    return figure
