"""This module draws the first layer's kernels as they are now, again after each epoch."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard.inspect.cache import layers_of
from cnnlab.dashboard.state.run_snapshot import Reading
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.inspection.kernels import kernels_of, symmetric_limit
from cnnlab.inspection.summary import LayerRow
from cnnlab.models import ConfigError
from cnnlab.registry import UnknownNameError
from cnnlab.runs import Checkpoint, Run, Store

HEIGHT_PX = 200
"""Kept free for the kernels, so that little moves when they come."""


@st.cache_data(show_spinner=False, max_entries=256)
def first_kernels(path: Path, sha256: str, layer: LayerRow, _file: Checkpoint) -> npt.NDArray[np.float32]:
    """Return the kernels [out, in, height, width] of one convolution in a weights file. Raises CheckpointError."""
    del sha256  # only a part of the cache's key
    return kernels_of(path, _file, [layer])[layer.name]


def show(store: Store | Reading, run: Run) -> None:
    """Draw one tile a kernel, in colour where the pictures are."""
    weights = store.weights(run.id)
    if not weights:
        if run.status.active:
            with st.container(height=HEIGHT_PX, border=False):
                st.caption("The kernels of the first layer appear here soon, and are drawn again after each epoch.")
        return
    newest = weights[-1]
    try:
        layer = next((row for row in layers_of(run) if row.has_kernels), None)
    except (UnknownNameError, ConfigError):
        return  # the page has said already what is wrong with its settings
    if layer is None:
        return
    try:
        kernels = first_kernels(store.path(newest), newest.sha256, layer, newest)
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
        description=f"The {len(kernels)} kernels of {layer.label}, {when}",
    )
    st.caption(
        "Each tile shows what one kernel looks for. "
        + ("Mid grey is a weight of zero." if colour else "White is a weight of zero.")
    )
