"""This module offers what a run holds as files to download: one button for each export that the run has data for."""

from functools import partial

import streamlit as st

from cnnlab.exports import EXPORTS, Export, Source, content
from cnnlab.formatting import NARROW
from cnnlab.runs import Run, Store


def popover(store: Store, run: Run) -> None:
    """Draw a drawer with every download of the run, looked up anew at each opening and not before.

    A run in training has more from epoch to epoch.
    """
    with st.popover(
        "Download", icon=":material/download:", type="tertiary", key=f"download_{run.id}", on_change="rerun"
    ) as drawer:
        if not drawer.open:
            return
        source = Source(store, run)
        offered = [export for export in EXPORTS if export.missing(source) is None]
        for export in offered:
            _button(export, source)
        if not offered:
            st.caption("There is nothing to download yet: nothing has been measured or kept.")


def _button(export: Export, source: Source) -> None:
    """Draw a download button whose file is written only on a click: a long run has tens of thousands of steps."""
    title, help = export.title, export.help
    if export.of_epoch:
        newest = source.weights()
        source = Source(source.store, source.run, newest.epoch)  # what the button says is what comes
        title = title if source.run.imported else f"{title}, epoch {newest.epoch}"
        help = f"{help} {newest.bytes / 1e6:.1f}{NARROW}MB."
    st.download_button(
        title,
        partial(content, export, source),
        file_name=export.file_name(source.run),
        mime=export.mime,
        key=f"{export.name}_{source.run.id}",
        help=help,
        type="tertiary",
        on_click="ignore",
    )
