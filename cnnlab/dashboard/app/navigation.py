"""This module names the pages: one place for titles, icons and addresses, so that every link is an object and never a
string.
"""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

PAGES = Path(__file__).resolve().parents[3] / "pages"


def home() -> StreamlitPage:
    """Return the first page: what cnnlab is, and where to begin."""
    return st.Page(
        PAGES / "home.py",
        title="Start",
        icon=":material/home:",
        default=True,
        help="What cnnlab is, a 60-second demo, and the latest runs.",
    )


def train() -> StreamlitPage:
    """Return the page "How does a network learn?". Takes `?run=`."""
    return st.Page(
        PAGES / "train.py",
        title="Train",
        icon=":material/model_training:",
        help="How does a network learn? Choose its settings, start it, and watch it learn.",
    )


def compare() -> StreamlitPage:
    """Return the page "Which run is better, and does it overfit?"."""
    return st.Page(
        PAGES / "compare.py",
        title="Compare",
        icon=":material/compare_arrows:",
        help="Which run is better, and does it overfit? Curves and accuracies of several runs side by side.",
    )


def kernels() -> StreamlitPage:
    """Return the page "What has it learnt to look for?". Takes `?run=&epoch=&layer=`."""
    return st.Page(
        PAGES / "kernels.py",
        title="Kernels",
        icon=":material/grid_view:",
        help="What has it learnt to look for? The weights of each convolution, at any epoch.",
    )


def feature_maps() -> StreamlitPage:
    """Return the page "What does it see in this picture?". Takes `?run=&epoch=&layer=&picture=`."""
    return st.Page(
        PAGES / "feature_maps.py",
        title="Feature maps",
        icon=":material/layers:",
        help="What does it see in this picture? What every layer finds in a picture, also in your own.",
    )


def predictions() -> StreamlitPage:
    """Return the page "Where is it wrong, and how sure is it?". Takes `?run=&epoch=&set=&cell=`."""
    return st.Page(
        PAGES / "predictions.py",
        title="Predictions",
        icon=":material/fact_check:",
        help="Where is it wrong, and how sure is it? Which classes it mixes up, counted on a whole set of pictures.",
    )


def data() -> StreamlitPage:
    """Return the page "What is it shown?". Takes `?dataset=` or `?run=`."""
    return st.Page(
        PAGES / "data.py",
        title="Data",
        icon=":material/photo_library:",
        help="What is it shown? The pictures of each set, their numbers, their changes, and pictures that occur twice.",
    )


def all_pages() -> list[StreamlitPage]:
    """Return every page, in the order of the navigation."""
    return [home(), train(), compare(), data(), kernels(), feature_maps(), predictions()]
