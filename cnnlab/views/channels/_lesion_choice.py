"""This module draws the chooser of a lesion: what is done, to which channels, by how much; the address holds it as text."""

import streamlit as st

from cnnlab.analysis.layers import LayerRow
from cnnlab.dashboard.inspect.selection import Selection, complain, set_widget
from cnnlab.dashboard.inspect.view import Options, Screen
from cnnlab.dashboard.state import query_params as url
from cnnlab.inspection.channels.lesions import MOST_FACTOR, Lesion, parse

KINDS = {"silence": "Silence", "scale": "Scale the kernel", "start": "Back to epoch 0"}
_WHICH = {"each": "Each in turn", "some": "Chosen ones together"}
_KIND, _ALL, _SOME, _FACTOR = "lesion_kind", "lesion_which", "lesion_channels", "lesion_factor"
HALF = 0.5
"""Factor that a kernel is scaled by where nobody has said another."""


def chosen_lesion(screen: Screen) -> Options:
    """Draw the chooser and return the lesion of the address as text; each channel silenced in turn where it has none."""
    with screen.controls:
        lesion = _chosen(screen.selection, screen.layer)
    screen.address["lesion"] = lesion.text
    return (("lesion", lesion.text),)


def _chosen(selection: Selection, layer: LayerRow) -> Lesion:
    channels = layer.output_shape[0]
    kinds = [kind for kind in KINDS if kind != "start" or (selection.epochs[0] == 0 and not selection.run.imported)]
    asked = url.asked("lesion")
    lesion = parse(asked or "", channels)
    if lesion is None or lesion.kind not in kinds:
        if asked and url.from_outside("lesion"):
            complain(f"Nobody can do “{asked}” to {layer.label} here. Here is each of its channels silenced in turn.")
        lesion = Lesion("silence")
    set_widget(_KIND, lesion.kind)
    st.segmented_control(
        "Lesion", kinds, key=_KIND, format_func=KINDS.__getitem__, required=True, on_change=_take, wrap=True,
        help="Silence: the channel answers 0 everywhere. Scale: its kernel's weights times a factor. Back to epoch 0: its "
        "kernel as it was before the first step.",
    )  # fmt: skip
    if lesion.kind == "scale":
        set_widget(_FACTOR, lesion.factor)
        st.number_input("Factor", -MOST_FACTOR, MOST_FACTOR, step=0.25, key=_FACTOR, on_change=_take, width=120)
    set_widget(_ALL, "each" if lesion.channels is None else "some")
    st.segmented_control(
        "Which", list(_WHICH), key=_ALL, format_func=_WHICH.__getitem__, required=True, on_change=_take, wrap=True
    )
    if lesion.channels is not None:
        set_widget(_SOME, list(lesion.channels))
        st.multiselect(
            "Channels" if layer.has_kernels else "Units", list(range(channels)), key=_SOME, on_change=_take, width=260
        )
    return lesion


def _take() -> None:
    """Put what the widgets say into the address. A callback of the widgets."""
    state = st.session_state
    kind, factor = state[_KIND], state.get(_FACTOR)
    some: tuple[int, ...] | None = None
    if state[_ALL] == "some":
        some = tuple(sorted(state.get(_SOME) or [])) or (url.number("channel") or 0,)
    url.keep(lesion=Lesion(kind, some, HALF if factor is None else float(factor)).text)
