"""What does it see in this picture? Every layer's feature maps, and what the network makes of them."""

import numpy as np
import streamlit as st

from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect import bar
from cnnlab.dashboard.inspect.cache import maps_of
from cnnlab.dashboard.inspect.picture import choose_picture
from cnnlab.dashboard.state import query_params, services
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.color_scales import MAP_SCOPES, map_scale
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data import DATASETS
from cnnlab.views import feature_maps as maps

run_labels.page_header(
    "What does it see in this picture?",
    "Each kernel's answer is a new picture, a feature map: bright where the kernel found what it looks for.",
)
view = bar.looking()
if view is None:
    st.stop()

info = DATASETS.get(view.run.config.dataset).info
picture = choose_picture(info.name)
if picture is None:
    st.stop()
try:
    seen = maps_of(services.app_config(), view.run, view.weights, picture.sized)
except CheckpointError as error:
    bar.unreadable(view, error)
    st.stop()

left, right = st.columns(2, gap="large")
with left.container(horizontal=True, gap="small"):
    maps.draw_given(picture)
    maps.draw_received(view.run, info, seen)
with right:
    maps.draw_verdict(view, info, picture, seen)

by_name = {layer.name: layer for layer in seen.layers}
spatial = [row for row in view.layers if row.name in by_name]
if not spatial:
    st.info("No layer of this network's base makes feature maps.", icon=":material/grid_off:")
    st.stop()
with st.container(horizontal=True, gap="small"):
    row = bar.choose_layer(view, spatial, "Layer", maps.strip_words(spatial))
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
layer = by_name[row.name]
scale = map_scale(layer, seen, scope or "layer")
chosen = bar.choose_channel(len(layer.maps))

grid, side = st.columns([3, 2], gap="large")
with grid:
    st.subheader(maps.title(layer), anchor=False)
    with bar.window(len(layer.maps)):
        tiles(
            key="maps",
            values=layer.maps,
            limits=scale.limits,
            palette=scale.palette,
            labels=[f"channel {index}" for index in range(len(layer.maps))],
            selected=chosen,
            colour_bar="value",
            description=f"The {len(layer.maps)} feature maps of {layer.label} for {picture.words}.",
            on_pick=lambda tile: query_params.keep(channel=tile),
        )
    st.caption(f"{maps.how_to_read(layer, scale)} {scale.sentence}")
with side:
    st.subheader(f"Channel {chosen}", anchor=False)
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
    maps.draw_statistics(layer.maps[chosen])
    query_params.link(
        navigation.kernels(),
        "The kernel behind it",
        icon=":material/grid_view:",
        **(query_params.view() | {"layer": layer.label, "channel": str(chosen)}),
    )
view.keep(layer=layer.label, channel=chosen, picture=picture.key)
