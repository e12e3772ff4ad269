"""This module is the view "Made to excite it": pictures made from noise that excite one channel as much as possible."""

import numpy as np
import streamlit as st

from cnnlab.analysis.layers import heard_at
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.view import VIEWS, Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import services
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.formatting import NARROW, count
from cnnlab.inspection.channels import activation_maximisation as climbing
from cnnlab.inspection.channels.activation_maximisation import REGULARISED, STEPS, Maximised
from cnnlab.inspection.layer_choice import WITH_CHANNELS
from cnnlab.inspection.summary import summarise

_REAL = "top_activations"
"""Name of the view whose kept answer tells what real pictures reach."""


def compute(subject: Subject) -> Maximised:
    """Compute pictures that excite the chosen channel."""
    if subject.layer is None or subject.channel is None:
        raise TypeError("A picture is made for one channel of one layer.")
    info = subject.info
    heard = heard_at(summarise(subject.config, info), subject.layer)
    shape = info.channels, info.size_px, info.size_px
    with subject.network() as network:
        return climbing.compute(network, heard, subject.channel, shape, *subject.normalisation, subject.progress)


def draw(screen: Screen, made: Maximised) -> None:
    """Draw the pictures with what the channel answers to each, beside what it answers to noise and to real pictures."""
    layer, channel = screen.layer, screen.channel
    heard = heard_at(screen.selection.layers, layer.name)
    st.header(f"{layer.label}, channel {channel}: pictures made to excite it", anchor=False)
    colours = made.pictures.astype(np.float32)
    tiles(
        key="made_pictures",
        values=np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:3], 3))),
        limits=(0.0, 255.0),
        palette="viridis",
        labels=[
            *(f"regularised: {short(float(v))}" for v in made.reached[:-1]),
            f"free: {short(float(made.reached[-1]))}",
        ],
        columns=4,
        tile_px=150,
        hint="",
        pick=False,
        description=f"Pictures that excite channel {channel} of {layer.label}; the last one without the regulariser.",
    )
    st.caption(
        f"Below each: the channel's answer to this very picture, read at row {made.place[0]}, column {made.place[1]} of "
        f"{heard.label}. Pixels on which that value does not depend "
        "stay what the noise and the regulariser leave of them."
    )
    st.markdown(reached(screen, made))
    st.caption(
        f"How: {climbing.STEPS} steps along the gradient from noise about mid-grey, the first "
        f"{100 * climbing.STEP:g}{NARROW}% of black-to-white long, then ever shorter; every pixel stays between black and "
        f"white. The regulariser of the first {REGULARISED}: L2 decay ({100 * climbing.DECAY:g}{NARROW}% of the distance from "
        f"mid-grey a step), Gaussian blur ({climbing.BLUR_PX:g} pixels, each {climbing.BLUR_EVERY}th step) and jitter (up "
        f"to {climbing.JITTER_PX} pixel). The last one has none: it may reach more, and look like noise."
    )
    _draw_way_to_real(screen)


def reached(screen: Screen, made: Maximised) -> str:
    """Return the sentence that compares what was reached with noise and with real pictures."""
    best, noise = float(made.reached[:-1].max()), float(made.start[:-1].max())
    if not (made.reached != made.start).any():
        return f"It stays at {short(best)}: no pixel moves this channel's answer, so there is nothing to climb."
    sentence = (
        f"With the regulariser it answers up to **{short(best)}**, to the noise at the start up to {short(noise)}"
    )
    real = _largest_real(screen)
    if real is None:
        return f"{sentence}."
    return f"{sentence}, to the {count(len(screen.subject.pictures()))} {screen.subject.set} pictures up to **{short(real)}**."


def _largest_real(screen: Screen) -> float | None:
    """Return the channel's largest answer to real pictures, where it has been measured; else None."""
    found = measured.find(services.app_config(), VIEWS.get(_REAL), screen.subject)
    return None if found is None else float(found.value[0, screen.channel, 0])


def _draw_way_to_real(screen: Screen) -> None:
    if _largest_real(screen) is None:
        st.caption(f"What real pictures reach has not been measured yet on the {screen.subject.set} pictures.")
    url.link(
        navigation.kernels(),
        "See the real pictures that excite it",
        icon=":material/photo_library:",
        **(url.view() | {"view": _REAL, "layer": screen.layer.label, "channel": str(screen.channel)}),
    )


ACTIVATION_MAXIMISATION = register(
    View(
        name="activation_maximisation",
        title="Made to excite it",
        page="kernels",
        place=2,
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "layer", "channel"}),
        shows=frozenset({"set"}),
        cost="dataset",
        work=lambda subject: (
            f"{REGULARISED + 1} pictures of noise are changed in {STEPS} small "
            "steps, each of which makes this channel's answer larger."
        ),
        counts="steps",
        source="Activation maximisation: Erhan, Bengio, Courville and Vincent, *Visualizing Higher-Layer Features of a Deep "
        "Network* (2009). L2 decay and Gaussian blur: Yosinski et al., *Understanding Neural Networks Through Deep "
        "Visualization* (2015), [arXiv:1506.06579](https://arxiv.org/abs/1506.06579). Jitter: Olah, Mordvintsev and Schubert, "
        "*Feature Visualization* (2017), [doi:10.23915/distill.00007](https://doi.org/10.23915/distill.00007).",
        layers=WITH_CHANNELS,
    )
)
