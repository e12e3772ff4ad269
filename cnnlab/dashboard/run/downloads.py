"""A run's weights as a file to carry away. Loads torch only when somebody asks for them."""

import streamlit as st

from cnnlab.formatting import NARROW
from cnnlab.runs import Checkpoint, Run, Store


def draw(store: Store, run: Run) -> None:
    """The weights of the last epoch that is kept."""
    kept = store.weights(run.id)
    if not kept:
        return
    newest = kept[-1]
    st.download_button(
        "Weights" if run.imported else f"Weights, epoch {newest.epoch}",
        lambda: _content(store, run, newest),
        file_name=f"run-{run.number}-weights.safetensors",
        mime="application/octet-stream",
        key=f"weights_{run.id}",
        help=f"safetensors, {newest.bytes / 1e6:.1f}{NARROW}MB: numbers by layer, for PyTorch or another cnnlab.",
        type="tertiary",
        on_click="ignore",
    )


def _content(store: Store, run: Run, weights: Checkpoint) -> bytes:
    from cnnlab import checkpoints
    from cnnlab.models import weights_file

    content = checkpoints.verified(store.path(weights), weights.sha256)
    return weights_file.export(content, *run.states(weights.epoch))
