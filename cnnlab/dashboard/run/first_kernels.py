"""This module draws the first layer's kernels as they are now, again after each epoch."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard.state.run_snapshot import Reading
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.inspection.kernels import kernels_of, symmetric_limit
from cnnlab.runs import Run, Store

HEIGHT_PX = 200
"""Kept free for the kernels, so that little moves when they come."""


@st.cache_data(show_spinner=False, max_entries=256)
def first_kernels(path: Path, sha256: str) -> tuple[str, npt.NDArray[np.float32]]:
    """Return name and kernels [out, in, height, width] of the first convolution in a weights file. Raises
    CheckpointError.
    """
    name, kernels = next(iter(kernels_of(path, sha256).items()))
    return name, kernels


def show(store: Store | Reading, run: Run) -> None:
    """Draw one tile a kernel, in colour where the pictures are."""
    weights = store.weights(run.id)
    if not weights:
        if run.status.active:
            with st.container(height=HEIGHT_PX, border=False):
                st.caption("The first layer's kernels appear here with the first weights, and are redrawn each epoch.")
        return
    newest = weights[-1]
    try:
        name, kernels = first_kernels(store.path(newest), newest.sha256)
    except CheckpointError as error:
        st.caption(escape(str(error)))
        return
    limit = symmetric_limit(kernels)
    when = f"after epoch {newest.epoch}" if newest.epoch else "before the first step, still random"
    when = "as the file has them" if run.imported else when
    st.markdown(f"**First layer's {len(kernels)} kernels, {when}**")
    colour = kernels.shape[1] == 3
    tiles(
        key="run_kernels",
        values=np.moveaxis(kernels, 1, -1) if colour else kernels[:, 0],
        limits=(-limit, limit),
        palette="diverging",
        labels=[f"kernel {number}" for number in range(len(kernels))],
        colour_bar="weight",
        hint="Point at a tile to read its weights.",
        description=f"The {len(kernels)} kernels of {name.removeprefix('base.')}, {when}",
    )
    st.caption(
        "Each tile is what one kernel looks for. "
        + ("Mid grey is a weight of zero." if colour else "White is a weight of zero.")
    )
