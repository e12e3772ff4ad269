"""This module draws how the feature maps, the probabilities and the kernels of two networks differ."""

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.dashboard.inspect.beside import difference
from cnnlab.dashboard.inspect.view import Screen
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.inspection.feature_maps import FeatureMaps, LayerMaps
from cnnlab.inspection.kernels import moved

Floats = npt.NDArray[np.float32]


def draw_maps(left: Screen, right: Screen, seen: FeatureMaps, other: FeatureMaps) -> None:
    """Draw the difference of the feature maps of the chosen layer, and of the probabilities of the classes."""
    difference.header(left, right)
    mine, theirs = _layer(seen, left), _layer(other, right)
    maps, bars = st.columns([3, 2], gap="large")
    with maps:
        if not difference.shapes_differ(left, mine.maps.shape, theirs.maps.shape, "maps"):
            st.markdown(f"**The maps of {mine.label}, channel by channel**")
            values = mine.maps - theirs.maps
            difference.draw_tiles(left, right, values, "maps_difference", "channel", "values", left.channel)
            sizes = np.abs(values).mean(axis=(1, 2), dtype=np.float64)
            if values.any():
                most = int(sizes.argmax())
                st.caption(f"Channel {most} differs most: by {short(float(sizes[most]))} on average.")
            difference.other_numbers(left, right)
    with bars:
        difference.draw_probabilities(left, right, seen.probabilities, other.probabilities, "probabilities_difference")


def draw_kernels(left: Screen, right: Screen, kernels: Floats, other: Floats) -> None:
    """Draw the difference of the kernels of the chosen layer, those of the chosen input channel."""
    difference.header(left, right)
    if difference.shapes_differ(left, kernels.shape, other.shape, "kernels"):
        return
    difference.other_numbers(left, right)
    channel = left.address.get("input")
    values = kernels - other
    shown = np.moveaxis(values, 1, -1) if channel is None else values[:, int(channel)]
    of = "" if channel is None or kernels.shape[1] == 1 else f", input channel {channel}"
    st.markdown(f"**The kernels of {left.layer.label}{of}**")
    difference.draw_tiles(
        left, right, np.ascontiguousarray(shown), "kernels_difference", "kernel", "weights", left.channel
    )
    distance = moved(kernels, other)
    if values.any():
        most = int(np.nan_to_num(distance, posinf=np.finfo(np.float64).max).argmax())
        st.caption(
            f"Kernel {most} differs most: the difference of all its weights is {distance[most]:.3f} times as long as the "
            f"kernel is in {escape(difference.in_words(right))} (L2)."
        )


def _layer(seen: FeatureMaps, screen: Screen) -> LayerMaps:
    return next(one for one in seen.layers if one.name == screen.layer.name)
