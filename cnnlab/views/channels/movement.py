"""This module is the view "When it moved": how far each kernel of a convolution moved from one kept epoch to the next."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.figures.kernel_movement import movement_figure
from cnnlab.formatting import NARROW, count
from cnnlab.inspection.channels import movement
from cnnlab.inspection.channels.movement import Floats, Movement, moved_most
from cnnlab.inspection.kernels import kernels_of
from cnnlab.inspection.layer_choice import KERNELS_ONLY

MOST_BYTES_IN_A_PAGE = 24_000_000
"""Size of all checkpoints up to which they are read at once, in well under a second."""
_TABLE = "movement_table"


def compute(subject: Subject) -> Movement:
    """Read the kernels of the chosen convolution at every kept epoch, and measure how far each moved."""
    history, row = subject.history or (), subject.row

    def kept() -> Iterator[tuple[int, Floats]]:
        for number, weights in enumerate(history):
            yield weights.epoch, kernels_of(weights.path, weights.file, [row])[row.name]
            subject.progress(number + 1, len(history))

    return movement.compute(kept())


def small(subject: Subject) -> bool:
    """Return whether the run's checkpoints are so few and small that a page reads them at once."""
    return sum(weights.file.bytes for weights in subject.history or ()) <= MOST_BYTES_IN_A_PAGE


def draw(screen: Screen, moved: Movement) -> None:
    """Draw the chosen kernel's way over the epochs, and when each kernel of the layer moved most."""
    label, kernel = screen.layer.label, screen.channel
    st.header(f"{label}: when kernel {kernel} moved", anchor=False)
    if len(moved.epochs) < 2:
        st.info("One epoch of this run is kept, so nobody can tell when its kernels moved.", icon=":material/timeline:")
        return
    st.markdown(sentence(moved, kernel))
    a_epoch = moved.since_last[1:] / np.diff(moved.epochs)[:, None]
    chart, table = side.columns([3, 2])
    with chart:
        st.plotly_chart(
            movement_figure(moved.epochs, a_epoch, kernel, _epochs_trained(screen)),
            key=side.key("movement_figure"),
            config={"displayModeBar": False, "scrollZoom": False},
            alt=f"How far kernel {kernel} of {label} moved an epoch, over the epochs; the table holds when each moved most",
        )
        st.caption(
            f"Each point: how far the kernel moved since the kept epoch before, divided by the epochs between, as a share of "
            f"its length at epoch {moved.epochs[0]}. Grey: from the layer's slowest kernel to its fastest. Dashed: the moment "
            "on the screen."
        )
    with table:
        _draw_table(label, moved, kernel)


def _epochs_trained(screen: Screen) -> float:
    """Return how many epochs the network on the screen has been trained for: a fraction within epoch 1."""
    selection = screen.selection
    if selection.weights.kind == "early" and selection.run.steps_per_epoch:
        return selection.weights.step / selection.run.steps_per_epoch
    return selection.epoch


def sentence(moved: Movement, kernel: int) -> str:
    """Return when a kernel moved most, in words."""
    most, first = moved_most(moved, kernel), moved.epochs[0]
    if most is None:
        return f"Kernel {kernel} has not moved since epoch {first}."
    begin, end, a_epoch = most
    total = float(moved.since_first[-1, kernel])
    return (
        f"Kernel {kernel} moved most between epochs **{begin} and {end}**: {a_epoch:.3f} of its length an epoch. At epoch "
        f"{moved.epochs[-1]} it is {total:.3f} of its length away from where it was at epoch {first}."
    )


def _draw_table(label: str, moved: Movement, kernel: int) -> None:
    """Draw the table of when each kernel moved most; a click on a row chooses its kernel."""
    most = [moved_most(moved, number) for number in range(moved.since_first.shape[1])]
    table = pd.DataFrame(
        {
            "Kernel": np.arange(len(most)),
            "Most in epochs": [f"{one[0]}{NARROW}–{NARROW}{one[1]}" if one else "never" for one in most],
            "An epoch": [one[2] if one else 0.0 for one in most],
            "In all": moved.since_first[-1],
        }
    )
    key = side.key(_TABLE)
    st.session_state[key] = {"selection": {"rows": [kernel]}}
    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height="auto" if len(table) <= 8 else 360,
        on_select=partial(_pick_row, key),
        selection_mode="single-row",
        column_config={
            "An epoch": st.column_config.NumberColumn(
                format="%.3f", help="How far it moved an epoch, in those epochs."
            ),
            "In all": st.column_config.NumberColumn(
                format="%.3f", help="How far it is from its first kept epoch at the last."
            ),
        },
        alt=side.alt(f"When each kernel of {label} moved most. A row chooses its kernel."),
    )


def _pick_row(key: str) -> None:
    rows = st.session_state[key].selection.rows
    if rows:
        url.keep(channel=rows[0])


MOVEMENT = register(
    View(
        name="movement",
        title="When it moved",
        page="kernels",
        place=3,
        compute=compute,
        draw=draw,
        needs=frozenset({"layer", "history"}),
        shows=frozenset({"epoch", "channel"}),
        cost="dataset",
        work=lambda subject: (
            f"The kernels of this layer are read at each of the {count(len(subject.history))} kept epochs."
        ),
        counts="epochs",
        small=small,
        source="Between the kept epochs $a$ and $b$: "
        "$\\lVert w_b - w_a \\rVert_2 \\, / \\, \\lVert w_0 \\rVert_2 \\, / \\, (b - a)$, where $w$ are all "
        "weights of the kernel and $w_0$ those of the first kept epoch.",
        layers=KERNELS_ONLY,
    )
)
