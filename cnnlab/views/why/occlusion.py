"""This module is the Occlusion view: how far the number for a class falls when a part of the picture is covered."""

import numpy as np
import streamlit as st

from cnnlab.dashboard.inspect.beside import attributions
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.why import panel
from cnnlab.dashboard.why.panel import Way
from cnnlab.dashboard.why.sanity import network_of
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.inspection.attribution import occlusion
from cnnlab.inspection.attribution.occlusion import STRIDE_PX, WINDOW_PX, Occlusion


def compute(subject: Subject) -> Occlusion:
    """Compute the Occlusion of one picture for the chosen class."""
    with network_of(subject) as network:
        return occlusion.compute(
            network, subject.chosen_picture, *subject.normalisation, subject.class_index, subject.progress
        )


WAY = Way(
    name="occlusion",
    title="Occlusion",
    signed=True,
    reading=(
        "Orange: with this pixel covered, the number for {name} falls; it speaks for {name}. Blue: the number"
        " rises; it speaks against {name}. White: nothing changes."
    ),
    can=("what really happens to the number when a part is hidden: it is an experiment, and needs no gradients."),
    cannot=(
        "what two parts do together: where each alone is enough, hiding one changes nothing. And the grey "
        "window is itself something that no training picture has."
    ),
)


def draw(screen: Screen, seen: Occlusion) -> None:
    """Draw the map over the picture, the window that matters most, what the map cannot say, and its sanity check."""
    panel.draw(screen, seen, WAY, lambda: _draw_worst(screen, seen))


def _draw_worst(screen: Screen, seen: Occlusion) -> None:
    """Say how the picture was covered, and what happens where the number falls the most."""
    classes = screen.subject.info.classes
    row, column = (int(place) for place in np.unravel_index(int(seen.drops.argmax()), seen.drops.shape))
    before, drop = float(seen.logits[seen.class_index]), float(seen.drops[row, column])
    bottom, right = (min(STRIDE_PX * place + WINDOW_PX, len(seen.map)) - 1 for place in (row, column))
    name, says = escape(classes[seen.class_index]), escape(classes[int(seen.said[row, column])])
    if drop > 0:
        worst = (
            f"Covering rows {STRIDE_PX * row} to {bottom} and columns {STRIDE_PX * column} to {right} hurts most: the number "
            f"for **{name}** goes from {short(before)} to {short(before - drop)}, and the network says **{says}**."
        )
    else:
        worst = f"No window makes the number for {name} smaller."
    st.markdown(
        f"{seen.drops.size} windows of {WINDOW_PX}×{WINDOW_PX} pixels, {STRIDE_PX} pixels apart, each filled with the colour "
        f"that the network receives as 0. {worst}"
    )


OCCLUSION = register(
    View(
        name="occlusion",
        title="Occlusion",
        page="feature_maps",
        place=4,
        compute=compute,
        draw=draw,
        difference=attributions.draw,
        needs=frozenset({"epoch", "picture", "class", "options"}),
        cost="seconds",
        counts="covered pictures",
        family="Why?",
        source="Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks* (2014), section 4.2, "
        "[arXiv:1311.2901](https://arxiv.org/abs/1311.2901). With $x$ the picture, $x_w$ the picture with the window $w$ "
        "covered and $z_c$ the network's last number for the class, before the softmax:\n\n"
        r"$$\text{map}_{ij} = \operatorname{mean}_{w \ni ij} \big(z_c(x) - z_c(x_w)\big)$$",
    )
)
