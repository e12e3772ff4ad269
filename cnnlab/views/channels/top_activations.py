"""This module is the view "What excites it": the pictures and places where each channel of a layer answers most and least."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from cnnlab.analysis.layers import LayerRow, Sees, box_of, heard_at, relu_behind
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.data.picture_sets import PictureSet
from cnnlab.dashboard.inspect.choosers import window
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.formatting import count, decimals
from cnnlab.inspection.channels import top_activations
from cnnlab.inspection.channels.duplicates import NEARLY_THE_SAME, near_duplicates, nearest
from cnnlab.inspection.channels.top_activations import LEAST, MOST, TopActivations
from cnnlab.inspection.layer_choice import WITH_CHANNELS
from cnnlab.inspection.summary import summarise

MOST_TILES = 64
"""Most channels of which the first crop is drawn at once."""
MOST_NAMED = 12
"""Most dead channels, and most pairs of near-duplicates, that are named in a sentence."""
_TABLE = "top_channels"
_GREY, _DIM = 127.5, 0.35
"""Grey stands beyond the edge of the picture; what a value does not depend on is drawn at that share of its brightness."""

Pixels = npt.NDArray[np.float32]
Box = tuple[tuple[int, int], tuple[int, int]]


def compute(subject: Subject) -> TopActivations:
    """Compute where each channel of the chosen layer answers most and least, over the chosen set."""
    rows, pictures = summarise(subject.config, subject.info), subject.pictures()
    layer = next(row for row in rows if row.name == subject.layer)
    where = pictures.images, pictures.places
    with subject.network() as network:
        return top_activations.compute(
            network, layer, heard_at(rows, layer.name), *where, *subject.normalisation, subject.progress
        )


def draw(screen: Screen, found: TopActivations) -> None:
    """Draw the best crop of each channel; beside them the chosen channel's nine at either end; below all as a table."""
    rows, layer, chosen = screen.selection.layers, screen.layer, screen.channel
    heard, pictures = heard_at(rows, layer.name), screen.subject.pictures()
    crops = Crops(rows, heard, pictures, screen.subject.info.size_px)
    first = chosen // MOST_TILES * MOST_TILES
    shown = range(first, min(first + MOST_TILES, len(found.positive)))
    grid, beside = side.columns([3, 2])
    with grid:
        some = "" if len(shown) == len(found.positive) else f", channels {shown[0]} to {shown[-1]}"
        st.header(f"{layer.label}: the crop that excites each channel most{some}", anchor=False)
        with window(len(shown)):
            tiles(
                key="top_crops",
                values=np.stack([crops.crop(found, MOST, channel, 0) for channel in shown]),
                limits=(0.0, 255.0),
                palette="viridis",
                labels=[f"channel {channel}" for channel in shown],
                selected=chosen - first,
                hint="",
                description=f"The crop that excites each channel of {layer.label} most, {screen.selection.when}.",
                on_pick=lambda tile: url.keep(channel=first + tile),
            )
        st.caption(how_to_read(screen, rows, len(pictures)))
        draw_table(screen, found)
    with beside:
        draw_channel(screen, found, crops)


def how_to_read(screen: Screen, rows: Sequence[LayerRow], pictures: int) -> str:
    """Return the sentences under the crops: where the answers are read, and what was looked through."""
    heard, relu = heard_at(rows, screen.layer.name), relu_behind(rows, screen.layer.name)
    where = "its output" if heard.name == screen.layer.name else f"the output of {heard.label}"
    before = f", before {relu.label}" if relu else ""
    return (
        f"Of all {count(pictures)} {screen.subject.set} pictures. A channel's answer is read at {where}{before}; each picture "
        "counts once, at its best place. A crop is what that one value depends on; grey is beyond the picture's edge."
    )


def draw_channel(screen: Screen, found: TopActivations, crops: "Crops") -> None:
    """Draw the chosen channel: whether it is alive, what is like it, its nine crops at either end in their pictures."""
    channel = screen.channel
    st.header(f"Channel {channel}", anchor=False)
    for sentence in facts(screen, found):
        st.markdown(sentence)
    for end, word in ((MOST, "most"), (LEAST, "least")):
        ranks = range(found.value.shape[2])
        st.subheader(f"What excites it {word}", anchor=False)
        shown = {
            "crops": np.stack([crops.crop(found, end, channel, rank) for rank in ranks]),
            "pictures": np.stack([crops.in_picture(found, end, channel, rank) for rank in ranks]),
        }
        clicked = [
            tiles(
                key=f"top_{word}_{kind}",
                values=values,
                limits=(0.0, 255.0),
                palette="viridis",
                labels=[short(float(value)) for value in found.value[end, channel]],
                columns=5,
                tile_px=64,
                hint="",
                description=f"The {len(ranks)} {kind} that excite channel {channel} {word}, in order.",
            )
            for kind, values in shown.items()
        ]
        picked = next((tile for tile in clicked if tile is not None), None)
        if picked is not None:
            place = crops.pictures.places[found.picture[end, channel, picked]]
            # The view stays in it: on the way Streamlit puts this address on the page that is left, where Back leads.
            wanted = url.view() | {"picture": f"{crops.pictures.file}:{place}", "layer": crops.heard.label}
            url.keep(view=TOP_ACTIVATIONS.name)  # known to the session, so that the next page does not complain of it
            url.go(navigation.feature_maps(), **wanted)
    st.caption(
        "The crops first, then the same in their pictures: bright are the pixels that the answer depends on. Below each: the "
        "answer. Click one to see all feature maps of that picture."
    )


def facts(screen: Screen, found: TopActivations) -> list[str]:
    """Return sentences about the chosen channel: alive or dead, its nearest twin by answers and by weights."""
    channel, total = screen.channel, len(screen.subject.pictures())
    relu, positive = relu_behind(screen.selection.layers, screen.layer.name), int(found.positive[channel])
    if relu and not positive:
        alive = f"**Dead**: in none of the {count(total)} pictures does it pass {relu.label}."
    else:
        alive = f"Above zero in {count(positive)} of {count(total)} pictures."
    if len(found.positive) < 2:
        return [alive]
    (twin, likeness), (alike, angle) = nearest(found.correlation), nearest(found.cosine)
    near = " **A near-duplicate.**" if likeness[channel] >= NEARLY_THE_SAME else ""
    return [
        f"{alive} Largest answer {short(float(found.value[MOST, channel, 0]))}, smallest "
        f"{short(float(found.value[LEAST, channel, 0]))}.",
        f"Most like it: channel {twin[channel]}, correlation of the answers {decimals(float(likeness[channel]), 2)} (from "
        f"{NEARLY_THE_SAME} on a near-duplicate).{near} Kernel most like its: {alike[channel]}, cosine "
        f"{decimals(float(angle[channel]), 2)}.",
    ]


def draw_table(screen: Screen, found: TopActivations) -> None:
    """Draw the table of all channels; a click on a row chooses its channel."""
    twin, likeness = nearest(found.correlation)
    table = pd.DataFrame(
        {
            "Channel": np.arange(len(twin)),
            "Largest": found.value[MOST, :, 0],
            "Smallest": found.value[LEAST, :, 0],
            "Above zero in": found.positive,
            "Most like it": twin,
            "Correlation": likeness,
        }
    )
    key = side.key(_TABLE)
    st.session_state[key] = {"selection": {"rows": [screen.channel]}}
    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height="auto" if len(table) <= 8 else 320,
        on_select=partial(_pick_row, key),
        selection_mode="single-row",
        column_config={
            "Largest": st.column_config.NumberColumn(format="%.3g"),
            "Smallest": st.column_config.NumberColumn(format="%.3g"),
            "Above zero in": st.column_config.NumberColumn(
                help="Number of pictures in which it answers above zero somewhere."
            ),
            "Correlation": st.column_config.NumberColumn(format="%.2f", help="Of their answers, over all places."),
        },
        alt=side.alt(
            f"All channels of {screen.layer.label}: their largest and smallest answer, and the channel most like each"
        ),
    )
    st.caption(in_all(found, relu_behind(screen.selection.layers, screen.layer.name) is not None))


def in_all(found: TopActivations, has_relu: bool) -> str:
    """Return which channels of the layer are dead, and which are near-duplicates, in words."""
    dead = np.flatnonzero(found.positive == 0).tolist()
    pairs = [f"{one} and {other}" for one, other in near_duplicates(found.correlation)]
    word = "Dead (never past the ReLU on these pictures)" if has_relu else "Never above zero on these pictures"
    return f"{word}: {_some(dead)}. Near-duplicates (correlation of the answers {NEARLY_THE_SAME} or more): {_some(pairs)}."


def _some(things: Sequence[object]) -> str:
    shown = ", ".join(map(str, things[:MOST_NAMED]))
    more = len(things) - MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown or "none"


def _pick_row(key: str) -> None:
    rows = st.session_state[key].selection.rows
    if rows:
        url.keep(channel=rows[0])


class Crops:
    """A `Crops` cuts out of the pictures what a value of a layer depends on."""

    def __init__(self, rows: Sequence[LayerRow], heard: LayerRow, pictures: PictureSet, size_px: int) -> None:
        self.rows, self.heard, self.pictures, self.size_px = rows, heard, pictures, size_px
        self._boxes: dict[tuple[int, int], Box] = {}
        extent = heard.receptive_field_px
        self._sides = (size_px, size_px) if isinstance(extent, Sees) else tuple(min(side, size_px) for side in extent)

    def box(self, found: TopActivations, end: int, channel: int, rank: int) -> Box:
        """Return the first and last row and column that the value depends on: the whole picture where nobody can tell."""
        place = int(found.row[end, channel, rank]), int(found.column[end, channel, rank])
        if place not in self._boxes:
            box = None
            if len(self.heard.output_shape) == 3:
                box = box_of(self.rows, self.heard.name, place, (self.size_px, self.size_px))
            whole = (0, self.size_px - 1)
            self._boxes[place] = (whole, whole) if box is None or isinstance(box, Sees) else box
        return self._boxes[place]

    def picture(self, found: TopActivations, end: int, channel: int, rank: int) -> Pixels:
        """Return the whole picture as [height, width, 3]."""
        image = self.pictures.images[self.pictures.places[found.picture[end, channel, rank]]]
        return np.broadcast_to(image.astype(np.float32), (*image.shape[:2], 3))

    def crop(self, found: TopActivations, end: int, channel: int, rank: int) -> Pixels:
        """Return the part that counts, all parts of a layer alike large; grey where it lies beyond the picture's edge."""
        (top, bottom), (left, right) = self.box(found, end, channel, rank)
        part = self.picture(found, end, channel, rank)[top : bottom + 1, left : right + 1]
        tile = np.full((*self._sides, 3), _GREY, np.float32)
        down, across = (
            side - length if first == 0 else 0
            for side, length, first in zip(self._sides, part.shape, (top, left), strict=False)
        )
        tile[down : down + part.shape[0], across : across + part.shape[1]] = part
        return tile

    def in_picture(self, found: TopActivations, end: int, channel: int, rank: int) -> Pixels:
        """Return the whole picture, dark where nothing counts."""
        (top, bottom), (left, right) = self.box(found, end, channel, rank)
        picture = self.picture(found, end, channel, rank)
        seen = picture * np.float32(_DIM)
        seen[top : bottom + 1, left : right + 1] = picture[top : bottom + 1, left : right + 1]
        return seen


TOP_ACTIVATIONS = register(
    View(
        name="top_activations",
        title="What excites it",
        page="kernels",
        place=1,
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "layer", "set"}),
        shows=frozenset({"channel"}),
        cost="dataset",
        source="For each channel the places of its feature map with the largest and the smallest values, at most one a "
        "picture: Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks* (2014), figure 2. The part of "
        "the picture that a value depends on follows from kernels, strides and padding: Araujo, Norris and Sim, *Computing "
        "Receptive Fields of Convolutional Neural Networks* (2019). Correlation: Pearson's, over all places of all pictures.",
        layers=WITH_CHANNELS,
    )
)
