"""What has it learnt to look for? The kernels of each convolution, at any epoch, and how far each has moved."""

import streamlit as st

from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect import bar
from cnnlab.dashboard.inspect.cache import kernels_of
from cnnlab.dashboard.state import query_params, services
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.color_scales import KERNEL_SCOPES, kernel_scale
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.views import kernels

run_labels.page_header(
    "What has it learnt to look for?",
    "A kernel is a small table of weights that slides over the picture and answers where it finds its pattern.",
)
view = bar.looking()
if view is None:
    st.stop()

convolutions = [row for row in view.layers if row.has_kernels]
if not convolutions:
    st.info("This network has no convolutions, so it has no kernels to look at.", icon=":material/grid_off:")
    st.stop()
controls = st.container(horizontal=True, gap="small")
with controls:
    layer = bar.choose_layer(view, convolutions, "Convolution", kernels.strip_words(convolutions))
try:
    weights = kernels_of(services.app_config(), view.weights, layer)
except CheckpointError as error:
    bar.unreadable(view, error)
    st.stop()

first = layer is convolutions[0]
number, inputs = weights.shape[:2]
with controls:
    channel = kernels.choose_input(inputs, first)
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
scale = kernel_scale(weights, scope or "layer", layer.label)
chosen = bar.choose_channel(number)
start = kernels.at_the_start(view, layer)

grid, side = st.columns([3, 2], gap="large")
with grid:
    st.subheader(kernels.title(layer.label, weights.shape, channel), anchor=False)
    with bar.window(number):
        tiles(
            key="kernels",
            values=kernels.slices(weights, channel),
            limits=scale.limits,
            palette=scale.palette,
            labels=[f"kernel {index}" for index in range(number)],
            selected=chosen,
            colour_bar="weight",
            description=f"The {number} kernels of {layer.label} {view.when}.",
            on_pick=lambda tile: query_params.keep(channel=tile),
        )
    st.caption(f"{kernels.how_to_read(channel, first)} {scale.sentence}")
with side:
    st.subheader(f"Kernel {chosen}", anchor=False)
    kernels.draw_one(view, layer, weights, start, chosen, channel)
    query_params.link(
        navigation.feature_maps(),
        "See what it answers to a picture",
        icon=":material/layers:",
        **(query_params.view() | {"layer": layer.label, "channel": str(chosen)}),
    )
    kernels.draw_movement(view, layer, weights, start, chosen)
view.keep(layer=layer.label, channel=chosen, input=channel)
