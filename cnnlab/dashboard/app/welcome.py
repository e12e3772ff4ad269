"""This module draws the first page: what cnnlab is, and where to begin."""

import numpy as np
import streamlit as st

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.app.examples import Examples, examples
from cnnlab.dashboard.run import latest
from cnnlab.dashboard.state import query_params, services
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.train import demo
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data import DATASETS
from cnnlab.formatting import NARROW, count

PICTURES_PX = 240
LOOK_AGAIN_S = 2.0
"""Seconds between two looks whether the pictures are there."""
CARDS = (
    (navigation.train, "How does it learn?", "Choose settings, press Train, watch the loss fall."),
    (navigation.compare, "Which run is better?", "Put runs side by side: do they learn, or only remember?"),
    (navigation.kernels, "What does it look for?", "The weights of each convolution, at any epoch."),
    (navigation.feature_maps, "What does it see?", "What each layer finds in a picture, also in yours."),
    (navigation.predictions, "Where is it wrong?", "Which classes it mixes up, and how often."),
)


def welcome() -> None:
    """Draw what cnnlab is, and the one button to begin with."""
    st.title("See what a convolutional network learns", anchor=False)
    st.markdown(
        "Train one on real pictures, watch it learn step by step, find out whether it overfits, and look inside: "
        "what its kernels look for, and what they find in a picture of yours."
    )
    config = demo.DEMO.config
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="frame_begin"):
        wanted = demo.button()
        query_params.link(navigation.train(), "Choose my own settings", icon=":material/tune:")
    st.caption(
        f"{config.architecture}, {config.epochs} epochs on {count(config.train_subset or 0)} pictures of "
        f"{config.dataset}. It trains in the background: you may close this page."
    )
    dataset = DATASETS.get(config.dataset)
    if not dataset.is_ready(services.app_config().data):
        size = f"{dataset.info.download_bytes / 1e6:.0f}{NARROW}MB"
        st.caption(f"{config.dataset} is not on this machine yet: the first run downloads it, once ({size}).")
        if st.button(f"No internet? Train on {demo.BUILT_IN}, which is built in", key="demo_built_in", type="tertiary"):
            demo.begin_and_watch(demo.BUILT_IN)
    if wanted:
        demo.begin_and_watch()


def pictures(shown: Examples | None) -> None:
    """Draw one picture of each class, as a network is shown them; leave room for the pictures until they are there."""
    if shown is None:
        st.space(PICTURES_PX)
    else:
        tiles(
            key="examples",
            values=shown.pictures.astype(np.float32),
            limits=(0, 255),
            palette="viridis",
            labels=shown.classes,
            columns=5,
            hint=f"{shown.dataset}: one picture of each class. Point at a pixel: a network sees nothing but these numbers.",
            description=f"{len(shown.classes)} pictures of {shown.dataset}.",
            pick=False,
        )


def cards() -> None:
    """Draw the questions of the pages, each a card with a link to its page."""
    with st.grid(len(CARDS), min_column_width=145, border=True) as grid:
        for page, question, answer in CARDS:
            with grid.cell(), st.container(gap="xsmall"):
                st.markdown(f"**{question}**")
                st.caption(answer)
                query_params.link(page(), page().title, icon=":material/arrow_forward:")


def show() -> None:
    """Draw the first page."""
    store = services.store()
    with st.container(horizontal_alignment="center"), st.container(width=1120, gap="large"):
        left, right = st.columns([6, 5], gap="large", vertical_alignment="center")
        with left:
            welcome()
        with right:
            poll(examples, pictures, examples(), every_s=lambda shown: None if shown else LOOK_AGAIN_S, key="pictures")
        cards()
        if runs := services.runs(store):
            latest.latest(runs)
