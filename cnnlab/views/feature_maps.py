"""This module is the Feature maps view: every layer's output for one picture, and the probabilities of the classes."""

from contextlib import nullcontext

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect import glance
from cnnlab.dashboard.inspect.beside import layers
from cnnlab.dashboard.inspect.choosers import window
from cnnlab.dashboard.inspect.picture import COLUMN_PX, SHOWN_PX, Picture, draw_received
from cnnlab.dashboard.inspect.selection import Selection
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.own_picture.drawer import framed
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.color_scales import MAP_SCOPES, Scale, map_scale
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data import DatasetInfo
from cnnlab.figures.class_probabilities import probability_bars, which_shown
from cnnlab.formatting import decimals, percent
from cnnlab.inspection import feature_maps
from cnnlab.inspection.feature_maps import FeatureMaps, LayerMaps
from cnnlab.runs import Run

Floats = npt.NDArray[np.float32]


def compute(subject: Subject) -> FeatureMaps:
    """Compute the feature maps of all layers for one picture, also of those that are not on the screen."""
    with subject.network() as network:
        return feature_maps.compute(network, subject.chosen_picture, *subject.normalisation)


def draw(screen: Screen, seen: FeatureMaps) -> None:
    """Draw what the network says and all of it at a glance, then the layer's feature maps as a grid and the chosen one
    large; last the picture and the probabilities.
    """
    picture, info = screen.chosen_picture, screen.subject.info
    with screen.above:
        draw_verdict(screen.selection, info, picture, seen)
        chosen = screen.layer.name, screen.channel
        glance.draw(picture.sized, seen, screen.selection.layers, info.classes, chosen, _choose, screen.other)
    layer = next(one for one in seen.layers if one.name == screen.layer.name)
    grid, large = side.columns([3, 2])
    with grid:
        maps = st.container()
        scale = map_scale(layer, seen, side.once("map_scope", lambda: choose_scope(screen)), screen.other)
        with maps:
            draw_grid(layer, scale, screen.channel, picture)
    with large:
        draw_one(layer, scale, screen.channel)
    left, right = side.columns(2)
    with left.container(horizontal=True, gap="small"):
        draw_given(picture)
        draw_received(screen.subject.config, info, seen.network_input)
    with right:
        draw_probabilities(info, picture, seen)


def _choose(layer: str, channel: int) -> None:
    """Look at a map of a layer, named by its label (a callback)."""
    url.keep(layer=layer, channel=channel)


def choose_scope(screen: Screen) -> str:
    """Draw the choice of what one colour scale is for, and return it; above both networks where the view stands twice."""
    with screen.controls if side.twice() else nullcontext():
        return _choose_scope()


def _choose_scope() -> str:
    scope = st.segmented_control(
        "Colour scale",
        list(MAP_SCOPES),
        default="layer",
        format_func=MAP_SCOPES.__getitem__,
        required=True,
        key="map_scope",
        wrap=True,
        persist_state="session",
    )
    return scope or "layer"


def draw_grid(layer: LayerMaps, scale: Scale, chosen: int, picture: Picture) -> None:
    """Draw all feature maps of the layer as tiles; a click on a tile chooses its map."""
    st.header(title(layer), anchor=False)
    with window(len(layer.maps)):
        tiles(
            key="maps",
            values=layer.maps,
            limits=scale.limits,
            palette=scale.palette,
            labels=[f"channel {index}" for index in range(len(layer.maps))],
            selected=chosen,
            colour_bar="value",
            description=f"The {len(layer.maps)} feature maps of {layer.label} for {picture.words}.",
            on_pick=lambda tile: url.keep(channel=tile),
        )
    st.caption(f"{how_to_read(layer, scale)} {scale.sentence}")


def draw_one(layer: LayerMaps, scale: Scale, chosen: int) -> None:
    """Draw the chosen feature map large, with its statistics."""
    st.header(f"Channel {chosen}", anchor=False)
    tiles(
        key="map_alone",
        values=layer.maps[chosen][np.newaxis],
        limits=scale.of_tile(chosen),
        palette=scale.palette,
        labels=[f"channel {chosen}"],
        columns=1,
        tile_px=280,
        colour_bar="value",
        description=f"Feature map {chosen} of {layer.label}, large",
    )
    draw_statistics(layer.maps[chosen])
    url.link(
        navigation.feature_maps(),
        "How each value comes about",
        icon=":material/function:",
        **(url.view() | {"view": "formula", "layer": layer.label, "channel": str(chosen)}),
    )
    url.link(
        navigation.kernels(),
        "The kernel behind it",
        icon=":material/grid_view:",
        **(url.view() | {"layer": layer.label, "channel": str(chosen)}),
    )


def draw_given(picture: Picture) -> None:
    """Draw the picture as it was uploaded, or as it is in the dataset."""
    width, height = picture.size
    shown = framed(picture.given, picture.own.square) if picture.own else picture.given
    with st.container(width=COLUMN_PX):
        st.markdown("**As given**")
        st.caption(f"{picture.words[0].upper()}{picture.words[1:]},  \n{width}×{height} pixels.")
        st.image(_enlarged(shown), width=_width(shown), output_format="PNG", alt=picture.words)


def draw_verdict(selection: Selection, info: DatasetInfo, picture: Picture, seen: FeatureMaps) -> None:
    """Draw the class that the network predicts, its probability, and whether the prediction is right."""
    said = int(seen.probabilities.argmax())
    sure = f"**{escape(info.classes[said])}** ({percent(float(seen.probabilities[said]))})"
    when = "It says" if selection.run.imported else f"{selection.when[0].upper()}{selection.when[1:]} it says"
    if selection.untrained:
        when = "Untrained, it guesses"
    if picture.label is None:
        truth = (
            f"It can only answer with one of its {len(info.classes)} classes, whatever the picture shows. "
            "What it is, only you know."
        )
    elif picture.label == said:
        truth = ":green[:material/check_circle: Right.]"
    else:
        truth = f":red[:material/cancel: Wrong: it is {escape(info.classes[picture.label])}.]"
    st.markdown(f"{when} {sure}. {truth}")
    if computed_shorter(selection.run):
        st.caption(
            "Trained and scored in bfloat16, numbers of about three digits; this page computes in float32. Where two classes "
            "are close, the scores may count another answer."
        )


def draw_probabilities(info: DatasetInfo, picture: Picture, seen: FeatureMaps) -> None:
    """Draw the probability of each class as a bar."""
    said = int(seen.probabilities.argmax())
    st.markdown("**How sure it is of each class**")
    words = f"Probability of each class; the highest is {info.classes[said]}"
    st.html(probability_bars(seen.probabilities, info.classes, picture.label, description=words))
    if few := which_shown(len(info.classes)):
        st.caption(few)


def computed_shorter(run: Run) -> bool:
    """Return whether the run's scores were computed with fewer digits than this page's numbers."""
    plan = run.environment.get("plan")
    return isinstance(plan, dict) and plan.get("precision") == "bfloat16"


def title(layer: LayerMaps) -> str:
    """Return the heading of the grid: the layer's number of feature maps, their size and the layer's kind."""
    channels, height, width = layer.maps.shape
    return f"{layer.label}: {channels} maps of {height}×{width}, after {layer.kind.words}"


def how_to_read(layer: LayerMaps, scale: Scale) -> str:
    """Return the sentence under the grid that says what its colours mean."""
    if scale.palette == "diverging":
        return "Orange: the kernel found its pattern here. Blue: it found the opposite. White: neither."
    silent = int((~layer.maps.any(axis=(1, 2))).sum())
    said = f" {silent} of {len(layer.maps)} maps are zero everywhere." if silent else ""
    return f"Bright: the kernel found its pattern here. Darkest: zero, it found nothing.{said}"


def draw_statistics(one: Floats) -> None:
    """Draw the smallest, largest and mean value of a feature map and its share of zeros."""
    zeros = float((one == 0).mean())
    with st.grid(2, min_column_width=110, gap="xsmall"):
        for label, value in (
            ("Smallest", decimals(float(one.min()), 4)),
            ("Largest", decimals(float(one.max()), 4)),
            ("Mean", decimals(float(one.mean(dtype=np.float64)), 4)),
            ("Zeros", percent(zeros)),
        ):
            st.metric(label, value)


def _enlarged(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Enlarge a picture by repeating each pixel, because a browser would blur the pixels."""
    times = max(1, round(2 * SHOWN_PX / max(picture.shape[:2])))
    large = picture.repeat(times, axis=0).repeat(times, axis=1)
    return large.squeeze(axis=-1) if large.shape[-1] == 1 else large


def _width(picture: npt.NDArray[np.uint8]) -> int:
    height, width = picture.shape[:2]
    return max(1, SHOWN_PX * int(min(width, height)) // int(height))


FEATURE_MAPS = register(
    View(
        name="feature_maps",
        title="Feature maps",
        page="feature_maps",
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "picture"}),
        shows=frozenset({"layer", "channel"}),
        cost="instant",
        difference=layers.draw_maps,
        source="The output of each layer for this one picture, in eval mode: the very numbers that the next layer receives. "
        "Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks* (2014). Probabilities: the softmax of "
        "the network's last numbers, $p_c = e^{z_c} / \\sum_k e^{z_k}$.",
    )
)
