"""This module is the view "Matched": the channels of a layer paired with those of another network that answer most alike."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from cnnlab.analysis.layers import heard_at
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect.beside.pair import name_of
from cnnlab.dashboard.inspect.choosers import window
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets.color_scales import kernel_scale, short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.formatting import MINUS, count, decimals
from cnnlab.inspection.channels import matching
from cnnlab.inspection.channels.matching import Matching
from cnnlab.inspection.kernels import symmetric_limit
from cnnlab.inspection.layer_choice import WITH_CHANNELS
from cnnlab.inspection.summary import summarise

_TABLE = "matched_table"

Floats = npt.NDArray[np.float32]


def compute(subject: Subject) -> Matching:
    """Show the chosen set to both networks and pair the channels of the chosen layer."""
    other, pictures = _beside(subject), subject.pictures()
    layers = [heard_at(summarise(one.config, one.info), str(one.layer)).name for one in (subject, other)]
    normalisations = subject.normalisation, other.normalisation
    with subject.network() as mine, other.network() as theirs:
        return matching.compute(
            mine, layers[0], theirs, layers[1], pictures.images, pictures.places, *normalisations, subject.progress
        )


def _beside(subject: Subject) -> Subject:
    """Return the subject with the network beside in place of its own, lent to nobody else."""
    if subject.beside is None:
        raise TypeError("A view that compares two networks must need the one beside.")
    config, path, file = subject.beside
    return replace(subject, config=config, weights=path, file=file, beside=None, apart=True)


def draw(screen: Screen, found: Matching) -> None:
    """Draw how alike the pairs are in words, as a table and as a matrix, and the kernels of both in the order of the pairs."""
    first, second = _names(screen)
    st.header(f"{screen.layer.label}: which channels answer alike?", anchor=False)
    st.markdown(sentence(screen, found))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_kernels(screen, found)
        _draw_matrix(screen, found)
    with right:
        _draw_table(screen, found)
        st.caption(
            f"Each row: a channel of {first}, its partner in {second}, and the correlation of their answers. 1: the one "
            "always tells what the other does. 0: it tells nothing. A row chooses its channel."
        )
        url.link(
            navigation.feature_maps(),
            "The feature maps of both",
            icon=":material/layers:",
            **(url.view() | {"view": None, "layer": screen.layer.label, "channel": str(screen.channel)}),
        )


def _names(screen: Screen) -> tuple[str, str]:
    """Return whose the two networks are, as Markdown."""
    other = screen.selection.beside
    if other is None:
        raise TypeError("A view that compares two networks is drawn where there are two.")
    return escape(name_of(screen.selection)), escape(name_of(other))


def sentence(screen: Screen, found: Matching) -> str:
    """Return how alike the pairs are, how alike the channels of the same number are, and what was measured."""
    first, second = _names(screen)
    pairs, layer = len(found.left), screen.layer
    same = found.correlation.diagonal()
    heard = heard_at(screen.selection.layers, layer.name)
    left_out = max(found.correlation.shape) - pairs
    alone = f" {count(left_out)} of the larger layer have no partner." if left_out else ""
    return (
        f"{count(pairs)} pairs of {first} and {second}: mean correlation **r = {number(float(found.alike.mean()))}**; of the "
        f"channels with the same number r = {number(float(same.mean()))}.{alone} Both saw the same "
        f"{count(len(screen.subject.pictures()))} {screen.subject.set} pictures of this run, in eval mode; an answer is read "
        f"at the output of {heard.label}, at every place."
    )


def number(correlation: float) -> str:
    """Write a correlation with two decimals."""
    return decimals(correlation, 2)


def _draw_kernels(screen: Screen, found: Matching) -> None:
    """Draw the kernels of both in the order of the pairs, and their difference, where they look at the picture itself.

    Kernels of deeper layers look at channels that are numbered by chance as well, so they are not laid side by side.
    """
    if screen.layer.inputs != ("",) or not screen.layer.has_kernels:
        return
    mine, theirs = screen.subject.kernels(), replace(_beside(screen.subject), apart=False).kernels()
    if mine.shape[1:] != theirs.shape[1:]:
        return
    first, second = _names(screen)
    pairs = mine[found.left], theirs[found.right]
    limits = kernel_scale(pairs[0], "layer", screen.layer.label, pairs[1]).limits
    names = [f"{a} ↔ {b}" for a, b in zip(found.left, found.right, strict=True)]
    difference = pairs[0] - pairs[1]
    size = symmetric_limit(difference)
    for title, key, kernels, ends, labels in (
        (first, "left", pairs[0], limits, [f"kernel {a}" for a in found.left]),
        (f"{second}, in the order of the pairs", "right", pairs[1], limits, [f"kernel {b}" for b in found.right]),
        (f"{first} minus {second}", "difference", difference, (-size, size), names),
    ):
        st.markdown(f"**{title}**")
        with window(len(kernels)):
            tiles(
                key=f"matched_{key}",
                values=_shown(kernels),
                limits=ends,
                palette="diverging",
                labels=labels,
                selected=_row_of(found, screen.channel),
                tile_px=64,
                colour_bar="weight" if key != "difference" else "difference of the weights",
                description=f"{len(kernels)} kernels of {screen.layer.label} in the order of the pairs: {key}.",
                on_pick=partial(_pick, found.left.tolist()),
            )
    low, high = limits if isinstance(limits, tuple) else (0.0, 0.0)
    st.caption(
        f"Both networks share one colour scale, {short(low)} to {short(high)}; the difference has one of its own, centred at "
        f"zero, {short(-size)} to {short(size)}. Mid grey is zero."
    )


def _shown(kernels: Floats) -> Floats:
    """Return kernels [n, in, h, w] as tiles: three input channels as red, green and blue, one as it is."""
    shown = np.moveaxis(kernels, 1, -1) if kernels.shape[1] == 3 else kernels[:, 0]
    return np.ascontiguousarray(shown)


def _draw_matrix(screen: Screen, found: Matching) -> None:
    """Draw the correlation of every channel with every other, the right ones in the order of the pairs."""
    first, second = _names(screen)
    rest = np.setdiff1d(np.arange(found.correlation.shape[1]), found.right)
    values = found.correlation[:, np.concatenate([found.right, rest])]
    st.markdown("**All correlations**")
    tiles(
        key="matched_matrix",
        values=np.ascontiguousarray(values[np.newaxis]),
        limits=(-1.0, 1.0),
        palette="diverging",
        labels=["correlations"],
        columns=1,
        tile_px=320,
        colour_bar="correlation",
        hint="Point at a place to read its number.",
        description=f"The correlation of each channel of {screen.layer.label} with each of the other network.",
    )
    st.caption(
        f"Each row: a channel of {first}. Each column: one of {second}, in the order of the pairs, so that the pairs stand on "
        f"the diagonal. From {MINUS}1 (blue) over 0 (white) to 1 (orange)."
    )


def _draw_table(screen: Screen, found: Matching) -> None:
    """Draw the pairs with their correlation, the most alike first; a row chooses its channel."""
    order = np.argsort(-found.alike, kind="stable")
    left, right = found.left[order], found.right[order]
    strongest = found.correlation.max(axis=1)[left]
    table = pd.DataFrame({"Channel": left, "Partner": right, "r": found.alike[order], "Best r": strongest})
    row = np.flatnonzero(left == screen.channel)
    st.session_state[_TABLE] = {"selection": {"rows": row.tolist()}}
    st.dataframe(
        table,
        key=_TABLE,
        hide_index=True,
        height="auto" if len(table) <= 16 else 600,
        on_select=partial(_pick_row, left.tolist()),
        selection_mode="single-row",
        column_config={
            "r": st.column_config.NumberColumn(format="%.2f", help="Correlation of the two channels' answers."),
            "Best r": st.column_config.NumberColumn(
                format="%.2f", help="The largest correlation with any channel, which another pair may need more."
            ),
        },
        alt="The pairs of channels with the correlation of their answers, the most alike first. A row chooses its channel.",
    )


def _row_of(found: Matching, channel: int) -> int | None:
    """Return the place of a channel among the pairs; None where it has no partner."""
    places = np.flatnonzero(found.left == channel)
    return int(places[0]) if len(places) else None


def _pick(channels: Sequence[int], place: int) -> None:
    url.keep(channel=channels[place])


def _pick_row(channels: Sequence[int]) -> None:
    rows = st.session_state[_TABLE].selection.rows
    if rows and rows[0] < len(channels):
        url.keep(channel=channels[rows[0]])


MATCHED = register(
    View(
        name="matched",
        title="Matched",
        page="kernels",
        place=5,
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "layer", "set", "beside"}),
        shows=frozenset({"channel"}),
        cost="dataset",
        source="Two trained networks number their channels by chance, so those are paired that answer alike: Li, Yosinski, "
        "Clune, Lipson and Hopcroft, *Convergent Learning: Do different neural networks learn the same representations?* "
        "(2016), [arXiv:1511.07543](https://arxiv.org/abs/1511.07543). With $x_i$ the answers of channel $i$ of one network "
        "and $y_j$ those of channel $j$ of the other, over all places of all pictures:\n\n"
        r"$$r_{ij} = \frac{\operatorname{cov}(x_i, y_j)}{\sigma(x_i)\,\sigma(y_j)} \qquad \max_{\pi} \sum_i r_{i\,\pi(i)}$$"
        "\n\nover all ways $\\pi$ to give each channel one partner, by the Hungarian method (Kuhn, 1955).",
        layers=WITH_CHANNELS,
    )
)
