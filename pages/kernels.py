"""What has it learnt to look for? The kernels of each convolution, at any epoch, and how far each has moved."""

import streamlit as st

from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard import access, look, looking, looking_url, routes
from cnnlab.dashboard import looking_kernels as kernels
from cnnlab.dashboard.looking_arrays import kernels_of
from cnnlab.dashboard.looking_scales import KERNEL_SCOPES, kernel_scale
from cnnlab.dashboard.tiles import tiles

look.page_header(
    "What has it learnt to look for?",
    "A kernel is a small table of weights that slides over the picture and answers where it finds its pattern.",
)
view = looking.looking()
if view is None:
    st.stop()

convolutions = [row for row in view.layers if row.kind == "convolution"]
controls = st.container(horizontal=True, gap="small")
with controls:
    layer = looking.choose_layer(view, convolutions, "Convolution", kernels.strip_words(convolutions))
try:
    weights = kernels_of(access.settings(), view.weights, layer.name)
except CheckpointError as error:
    looking.unreadable(view, error)
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
chosen = looking.choose_channel(number)
start = kernels.at_the_start(view, layer)

grid, side = st.columns([3, 2], gap="large")
with grid:
    st.subheader(kernels.title(layer.label, weights.shape, channel), anchor=False)
    with looking.window(number):
        tiles(
            key="kernels",
            values=kernels.slices(weights, channel),
            limits=scale.limits,
            palette=scale.palette,
            labels=[f"kernel {index}" for index in range(number)],
            selected=chosen,
            colour_bar="weight",
            description=f"The {number} kernels of {layer.label} {view.when}.",
            on_pick=lambda tile: looking_url.keep(channel=tile),
        )
    st.caption(f"{kernels.how_to_read(channel, first)} {scale.sentence}")
with side:
    st.subheader(f"Kernel {chosen}", anchor=False)
    kernels.draw_one(view, layer, weights, start, chosen, channel)
    access.link(
        routes.feature_maps(),
        "See what it answers to a picture",
        icon=":material/layers:",
        **(looking_url.view() | {"layer": layer.label, "channel": str(chosen)}),
    )
    kernels.draw_movement(view, layer, weights, start, chosen)
view.keep(layer=layer.label, channel=chosen, input=channel)
