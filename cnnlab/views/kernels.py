"""This module is the Kernels view: each convolution's weights as pictures, and how far each kernel has moved."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect.beside import layers
from cnnlab.dashboard.inspect.choosers import window
from cnnlab.dashboard.inspect.selection import Selection, complain, set_widget
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.color_scales import KERNEL_SCOPES, kernel_scale, short
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.formatting import MINUS
from cnnlab.inspection.kernels import moved, symmetric_limit
from cnnlab.inspection.layer_choice import LayerChoice
from cnnlab.inspection.summary import LayerRow

Floats = npt.NDArray[np.float32]

_INPUT = "kernel_input"
_COLOURS = {"all": "all, as colours", "0": "red", "1": "green", "2": "blue"}


def compute(subject: Subject) -> Floats:
    """Read the kernels of one convolution: float32 [out, in, height, width]."""
    return subject.kernels()


def draw(screen: Screen, kernels: Floats) -> None:
    """Draw the grid of kernels; beside it the chosen kernel, and how far each kernel has moved."""
    layer, selection, chosen = screen.layer, screen.selection, screen.channel
    number, inputs = kernels.shape[:2]
    first = layer is next(row for row in selection.layers if convolution(row))
    with screen.controls:
        channel, scope = side.once("kernel_choice", lambda: (choose_input(inputs, first), choose_scope()))
    if (channel is not None and channel >= inputs) or (channel is None and inputs != 3):
        channel = 0  # the network beside has other inputs there; the heading says which one is shown
    screen.address["input"] = channel
    scale = kernel_scale(kernels, scope, layer.label, screen.other)
    start = at_the_start(screen)
    grid, one = side.columns([3, 2])
    with grid:
        st.header(title(layer.label, kernels.shape, channel), anchor=False)
        with window(number):
            tiles(
                key="kernels",
                values=slices(kernels, channel),
                limits=scale.limits,
                palette=scale.palette,
                labels=[f"kernel {index}" for index in range(number)],
                selected=chosen,
                colour_bar="weight",
                description=f"The {number} kernels of {layer.label} {selection.when}.",
                on_pick=lambda tile: url.keep(channel=tile),
            )
        st.caption(f"{how_to_read(channel, first)} {scale.sentence}")
    with one:
        st.header(f"Kernel {chosen}", anchor=False)
        draw_one(selection, layer, kernels, start, chosen, channel)
        url.link(
            navigation.feature_maps(),
            "See its answer to a picture",
            icon=":material/layers:",
            **(url.view() | {"layer": layer.label, "channel": str(chosen)}),
        )
        draw_movement(selection, layer, kernels, start, chosen)


def convolution(row: LayerRow) -> bool:
    """Return whether the layer has kernels."""
    return row.has_kernels


def choose_scope() -> str:
    """Draw the choice of what one colour scale is for, and return it."""
    scope = st.segmented_control(
        "Colour scale",
        list(KERNEL_SCOPES),
        default="layer",
        format_func=KERNEL_SCOPES.__getitem__,
        required=True,
        key="kernel_scope",
        wrap=True,
        persist_state="session",
    )
    return scope or "layer"


def choose_input(inputs: int, first: bool) -> int | None:
    """Draw the chooser of the input channel and return the channel; None means red, green and blue as one picture."""
    in_colour = first and inputs == 3
    asked = url.number("input")
    if asked is None or asked >= inputs:
        if url.from_outside("input"):
            complain(f"This layer has the input channels 0 to {inputs - 1}, not {url.asked('input')}.")
        asked = None
    if in_colour:
        set_widget(f"{_INPUT}_colour", "all" if asked is None else str(asked))
        st.segmented_control(
            "Input channel",
            list(_COLOURS),
            key=f"{_INPUT}_colour",
            format_func=lambda name: _COLOURS[name],
            required=True,
            on_change=_take,
            args=(f"{_INPUT}_colour",),
        )
        return asked
    if inputs == 1:
        return 0
    set_widget(_INPUT, asked or 0)
    st.slider(
        f"Input channel, 0 to {inputs - 1}",
        0,
        inputs - 1,
        key=_INPUT,
        on_change=_take,
        args=(_INPUT,),
        width=230,
        help="A kernel has one table of weights for each channel of its input. One channel's tables are shown at a time.",
    )
    return asked or 0


def at_the_start(screen: Screen) -> Floats | None:
    """Return the layer's kernels before the first optimizer step; None where the page has said why there are none."""
    selection = screen.selection
    if selection.run.imported:
        st.caption("The file holds the network at one moment only, so nobody can tell how its kernels have moved.")
        return None
    if selection.epochs[0] != 0:
        st.caption("The weights of epoch 0 are not kept for this run.")
        return None
    try:
        kernels: Floats = screen.arrays_at(selection.saved[0])
    except CheckpointError as error:
        st.caption(f"Epoch 0 cannot be read, so nothing can be compared with it. {error}")
        return None
    return kernels


def strip_words(rows: Sequence[LayerRow]) -> list[str]:
    """Return the text of each button of the strip of convolutions."""
    return [f"{row.label} · {row.output_shape[0]} kernels" for row in rows]


def slices(kernels: Floats, channel: int | None) -> Floats:
    """Return the values of the tiles: one input channel [n, h, w], or all three as red, green and blue [n, h, w, 3]."""
    return np.moveaxis(kernels, 1, -1) if channel is None else kernels[:, channel]


def title(label: str, shape: tuple[int, ...], channel: int | None) -> str:
    """Return the heading of the grid: the layer's number of kernels and their size."""
    number, inputs, height, width = shape
    where = "" if inputs == 1 or channel is None else f", input channel {channel} of {inputs}"
    return f"{label}: {number} kernels of {height}×{width}{where}"


def how_to_read(channel: int | None, first: bool) -> str:
    """Return the sentence under the grid that says what its colours mean."""
    if channel is None:
        return (
            "Each tile is one kernel, drawn as a colour picture of the pattern that it looks for. "
            "Mid grey is a weight of zero."
        )
    if first:
        return (
            "Each tile is one kernel: orange weights are above zero, blue ones below. It answers where the picture "
            "looks like that."
        )
    return (
        "So deep in the network a kernel shows no pattern: each tile is its weights for one channel of the layer before. "
        "Orange is above zero, blue below."
    )


def draw_movement(selection: Selection, layer: LayerRow, kernels: Floats, start: Floats | None, chosen: int) -> None:
    """Draw the table of how far each kernel has moved since epoch 0, the farthest first."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header("How far each has moved", anchor=False, width="content")
        with st.popover("Formula", icon=":material/function:", type="tertiary"):
            st.latex(
                r"\text{moved} = \frac{\lVert w_\text{now} - w_\text{epoch 0} \rVert_2}{\lVert w_\text{epoch 0} \rVert_2}"
            )
            st.caption("w: all weights of the kernel, over all its input channels, without the bias.")
    if start is None:
        return
    distance = moved(kernels, start)
    table = pd.DataFrame({"kernel": np.arange(len(distance)), "moved": distance})
    table = table.sort_values("moved", ascending=False, kind="stable")
    most = float(np.nanmax(np.where(np.isfinite(distance), distance, 0.0)))
    st.dataframe(
        table,
        hide_index=True,
        height="auto" if len(table) <= 8 else 320,
        column_config={
            "kernel": st.column_config.NumberColumn("Kernel", width="small"),
            "moved": st.column_config.ProgressColumn(
                "Since epoch 0", format="%.3f", min_value=0.0, max_value=most or 1.0
            ),
        },
        alt=side.alt(f"How far each kernel of {layer.label} has moved since epoch 0"),
    )
    if selection.untrained:
        st.caption("This is epoch 0: nothing has moved yet. Press play above.")
    else:
        st.caption(
            "0: it is still as at its random start. 1: the change is as large as the kernel was at its start. "
            f"Kernel {chosen}: {distance[chosen]:.3f}; median {np.median(distance):.3f}."
        )


def draw_one(
    selection: Selection, layer: LayerRow, kernels: Floats, start: Floats | None, chosen: int, channel: int | None
) -> None:
    """Draw one kernel at epoch 0, at the chosen epoch, and the difference, on one colour scale."""
    now = slices(kernels, channel)[chosen]
    if start is None:
        shown, labels = [now], ["now" if selection.run.imported else selection.name]
    else:
        before = slices(start, channel)[chosen]
        shown, labels = [before, now, now - before], ["epoch 0", selection.name, "change"]
    values = np.stack(shown)
    size = symmetric_limit(values)
    tiles(
        key="kernel_alone",
        values=values,
        limits=(-size, size),
        palette="diverging",
        labels=labels,
        columns=len(labels),
        colour_bar="weight",
        hint="Point at a weight to read it.",
        description=f"Kernel {chosen} of {layer.label}: {', '.join(labels)}.",
    )
    scale = "One scale for these three" if len(shown) > 1 else "Scale"
    alone = ", of this side alone" if side.twice() else ""
    st.caption(f"{scale}{alone}: {MINUS}{short(size)} to {short(size)}.")


def _take(key: str) -> None:
    chosen = st.session_state[key]
    url.keep(input=None if chosen == "all" else chosen)


KERNELS = register(
    View(
        name="kernels",
        title="Kernels",
        page="kernels",
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "layer"}),
        shows=frozenset({"channel"}),
        cost="instant",
        difference=layers.draw_kernels,
        source="The weights are read from the checkpoint as they are: no network is built and nothing is computed. "
        "Pictures of first-layer kernels: Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks* "
        "(2014), figure 6; the colours are ours.",
        layers=LayerChoice(
            "Convolution",
            convolution,
            strip_words,
            none="This network has no convolutions, so it has no kernels to look at.",
        ),
    )
)
