"""This module is the Grad-CAM view: the places of a picture that speak for a class, as seen from one layer."""

import numpy as np
import streamlit as st

from cnnlab.dashboard.inspect.picture import draw_received
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register, spatial
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.formatting import percent
from cnnlab.inspection import grad_cam
from cnnlab.inspection.grad_cam import GradCam
from cnnlab.inspection.kernels import symmetric_limit

_SIDE_PX = 280
_DARKEST = 0.2
"""Share of the picture's brightness that is left where the Grad-CAM is zero."""


def compute(subject: Subject) -> GradCam:
    """Compute the Grad-CAM of the chosen layer and class for one picture."""
    if subject.picture is None or subject.layer is None:
        raise TypeError("Grad-CAM is that of one picture at one layer.")
    with subject.network() as network:
        return grad_cam.compute(network, subject.picture, *subject.normalisation, subject.layer, subject.class_index)


def draw(screen: Screen, seen: GradCam) -> None:
    """Draw the picture as the network receives it, the Grad-CAM, and the picture lit by the Grad-CAM."""
    info, layer = screen.subject.info, screen.layer
    name = escape(info.classes[seen.class_index])
    said = int(seen.probabilities.argmax())
    sure = f"says **{escape(info.classes[said])}** ({percent(float(seen.probabilities[said]))})"
    of_it = f", and gives **{name}** {percent(float(seen.probabilities[seen.class_index]))}"
    st.header(f"What in this picture speaks for {name}, seen from {layer.label}?", anchor=False)
    asked = "" if said == seen.class_index else of_it
    when = (
        "It" if screen.selection.run.imported else f"{screen.selection.when[0].upper()}{screen.selection.when[1:]} it"
    )
    st.markdown(f"{when} {sure}{asked}.")
    if not seen.cam.any():
        st.info(
            f"The map is zero everywhere: at {layer.label} no place of this picture speaks for {name}. "
            "Choose the class that the network says, or another layer.",
            icon=":material/visibility_off:",
        )
    with st.container(horizontal=True, gap="medium"):
        draw_received(screen.subject.config, info, seen.network_input)
        _draw_map(screen, seen)
        _draw_overlay(screen, seen)
    last = next(row for row in reversed(screen.selection.layers) if spatial(row))
    deeper = "" if last.name == layer.name else f" Deep layers show it best: choose {last.label}, the last one."
    st.caption(
        f"Bright: where the network found something that makes its number for {name} larger. Dark: it does not matter, or "
        f"it speaks against {name}. The map says where the network looks, not why; a network "
        f"can be right for a wrong reason.{deeper}"
    )


def _draw_map(screen: Screen, seen: GradCam) -> None:
    """Draw the Grad-CAM itself, with the very numbers of the tensor."""
    height, width = seen.cam.shape
    largest = symmetric_limit(seen.cam) if seen.cam.any() else 0.0  # finite, also where the network overflows
    with st.container(width=_SIDE_PX):
        st.markdown("**The map**")
        tiles(
            key="grad_cam",
            values=seen.cam[np.newaxis],
            limits=(0.0, largest or 1.0),
            palette="viridis",
            labels=["Grad-CAM"],
            columns=1,
            tile_px=_SIDE_PX - 40,
            colour_bar="value",
            hint="Point at a place to read its number.",
            description=f"Grad-CAM of {screen.layer.label} for {screen.subject.info.classes[seen.class_index]}.",
        )
        st.caption(f"{height}×{width} places of {screen.layer.label}. Colours from 0 to {short(largest)}.")


def _draw_overlay(screen: Screen, seen: GradCam) -> None:
    """Draw the picture, each pixel as bright as the Grad-CAM is high in its place."""
    pixels = screen.chosen_picture.sized.astype(np.float32)
    size_px = len(pixels)
    share = grad_cam.stretched(np.nan_to_num(seen.cam / symmetric_limit(seen.cam)), size_px)
    lit = pixels * (_DARKEST + (1 - _DARKEST) * share[:, :, np.newaxis])
    with st.container(width=_SIDE_PX):
        st.markdown("**The picture, lit by the map**")
        tiles(
            key="grad_cam_overlay",
            values=np.ascontiguousarray(np.broadcast_to(lit, (*lit.shape[:2], 3))[np.newaxis]),
            limits=(0.0, 255.0),
            palette="viridis",
            labels=["overlay"],
            columns=1,
            tile_px=_SIDE_PX - 40,
            hint="",
            description="The picture, bright where the map is high and dark where it is zero.",
        )
        st.caption(
            f"The map stretched over the picture (bilinear, {size_px}×{size_px}): full brightness at its largest value, "
            f"a fifth of it at zero. A place sees more than the pixels under it."
        )


GRAD_CAM = register(
    View(
        name="grad_cam",
        title="Grad-CAM",
        page="feature_maps",
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "picture", "layer", "class"}),
        cost="instant",
        source="Selvaraju et al., *Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization* (2017), "
        "[arXiv:1610.02391](https://arxiv.org/abs/1610.02391). With $A^k$ the maps of the layer and $z_c$ the network's last "
        "number for the class, before the softmax:\n\n"
        r"$$\alpha_k = \operatorname{mean}_{ij} \frac{\partial z_c}{\partial A^k_{ij}} \qquad "
        r"\text{map} = \operatorname{ReLU}\Big(\sum_k \alpha_k A^k\Big)$$",
    )
)
