"""This module previews the network that the form describes: its diagram, its layers' arithmetic, and its cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from cnnlab.analysis.layers import LayerRow, Sees, totals
from cnnlab.dashboard.state import services
from cnnlab.dashboard.train import form, measurements
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.svg import drawing
from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.figures.network_diagram import network_svg
from cnnlab.formatting import count, duration
from cnnlab.inspection.summary import summarise
from cnnlab.runs import Run, expected_time
from cnnlab.schema import TrainingConfig, names_affecting, narrowed

BYTES_A_WEIGHT = 4
MOST_ROWS = 13
"""Number of rows above which the layer table scrolls."""


def show(typed: Mapping[str, Any], runs: Sequence[Run]) -> None:
    """Draw diagram, totals and layer table of the form's network, also where other settings of the form have faults."""
    sound = form.check(typed).config
    config = sound or form.check({name: typed[name] for name in names_affecting("shape")}).config
    if config is None:
        return
    info = DATASETS.get(config.dataset).info
    rows = layers(config)
    svg = network_svg(rows, (info.channels, info.size_px, info.size_px))
    drawing(svg, key="network", description=f"Diagram of {config.architecture}, layer by layer")
    _totals(rows, config, info, runs)
    measurements.show(sound, runs)
    _table(rows)
    if beyond := beyond_the_edge(rows, info.size_px):
        st.caption(beyond)


def beyond_the_edge(rows: Sequence[LayerRow], size_px: int) -> str:
    """Return the sentence for layers whose receptive field is larger than the picture; empty where there are none."""
    wide = [
        row.label
        for row in rows
        if not isinstance(row.receptive_field_px, Sees) and max(row.receptive_field_px) > size_px
    ]
    if not wide:
        return ""
    which = f"The layer {wide[0]} sees" if len(wide) == 1 else f"The layers from {wide[0]} on see"
    return escape(
        f"{which} more than the {size_px}×{size_px} pixels of a picture: around the picture lies padding, zeros that the "
        "convolutions add."
    )


def layers(config: TrainingConfig) -> list[LayerRow]:
    """Return the layers of the network of `config`, kept for its shape: every touch of the form asks for them again."""
    return _layers(narrowed(config, "shape"))


@st.cache_data(show_spinner=False, max_entries=128, hash_funcs={TrainingConfig: TrainingConfig.model_dump_json})
def _layers(config: TrainingConfig) -> list[LayerRow]:
    return summarise(config, DATASETS.get(config.dataset).info)


def _totals(rows: Sequence[LayerRow], config: TrainingConfig, info: DatasetInfo, runs: Sequence[Run]) -> None:
    total = totals(rows)
    megabytes = total.parameters * BYTES_A_WEIGHT / 1e6
    work = f"{count(total.macs)} multiply-adds per picture"
    if total.uncounted:
        work = f"at least {work} (no formula for {', '.join(escape(label) for label in total.uncounted)})"
    said = [
        f"**{count(total.parameters)} parameters**"
        + (f", of which {count(total.frozen)} are set once and never trained" if total.frozen else ""),
        work,
        f"{megabytes:,.1f} MB of weights",
    ]
    seconds = expected_time.seconds_an_epoch(config, info, runs)
    if seconds is not None:
        said.append(f"about {duration(seconds)} per epoch here")
    store = services.store()
    slots = store.app_config.slots
    said.append(expected_time.said([config], runs, store.line_with(1), slots))
    st.markdown(" · ".join(said), help=expected_time.record(runs))


def _table(rows: Sequence[LayerRow]) -> None:
    st.dataframe(
        pd.DataFrame(
            {
                "Layer": [row.label for row in rows],
                "Output": ["×".join(map(str, row.output_shape)) for row in rows],
                "Parameters": [row.arithmetic for row in rows],
                "Sees": [_sees(row) for row in rows],
                "Multiply-adds": [_macs(row) for row in rows],
            }
        ),
        hide_index=True,
        height="content" if len(rows) <= MOST_ROWS else 35 * MOST_ROWS,
        alt="Each layer with its output shape, parameters, receptive field and multiply-adds",
        column_config={
            "Layer": st.column_config.TextColumn(pinned=True, width=16 + 7 * max(len(row.label) for row in rows)),
            "Output": st.column_config.TextColumn(
                help="Channels × height × width of the output for one picture; after flattening, the count of numbers.",
                width=82,
            ),
            "Parameters": st.column_config.TextColumn(
                help="Height × width × input channels × kernels + one bias per kernel; inputs × outputs + biases.",
                width=max(198, 16 + 7 * max(len(row.arithmetic) for row in rows)),
            ),
            "Sees": st.column_config.TextColumn(
                help="Receptive field: the part of the picture that one output value depends on.",
                alignment="right",
                width=84,
            ),
            "Multiply-adds": st.column_config.TextColumn(
                help="Multiplications for one picture, each with its addition.", alignment="right", width=98
            ),
        },
    )


def _sees(row: LayerRow) -> str:
    """Return the layer's receptive field as height × width, or in words where it is no window."""
    seen = row.receptive_field_px
    return seen.value if isinstance(seen, Sees) else f"{seen[0]}×{seen[1]}"


def _macs(row: LayerRow) -> str:
    """Return the layer's number of multiply-adds as text: empty for 0, "no formula" where cnnlab has none."""
    if row.macs is None:
        return "no formula"
    return count(row.macs) if row.macs else ""
