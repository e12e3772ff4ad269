"""This module is the view of a dropout mask: which units of which picture of a real batch are dropped in train mode."""

from math import sqrt

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.analysis.intervals import Z95
from cnnlab.analysis.layers import LayerKind
from cnnlab.dashboard.inspect.choosers import number_box
from cnnlab.dashboard.inspect.view import Options, Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.formatting import MINUS, count, percent, percent_range
from cnnlab.inspection.training_mode import dropout
from cnnlab.inspection.training_mode.dropout import Mask
from cnnlab.views.training_mode import _choosers
from cnnlab.views.training_mode._choosers import batch_words, choose_batch, choose_draw, choose_member, word_for

MOST_TILES = 64
"""Number of pictures whose masks are on the screen at once."""


def compute(subject: Subject) -> Mask:
    """Compute what the chosen dropout layer does to the chosen batch in train mode."""
    x = _choosers.received(subject)
    with subject.network() as network:
        mask = dropout.mask_of(network, subject.chosen_layer, x, _choosers.option(subject, "draw"))
    subject.progress(len(x), len(x))
    return mask


def choose(screen: Screen) -> Options:
    """Draw the choices of the batch and of the draw, and return both."""
    return *choose_batch(screen), *choose_draw(screen)


def draw(screen: Screen, mask: Mask) -> None:
    """Draw the mask of each picture of the batch, and the chosen picture's units before and after dropout."""
    member, word = choose_member(screen), word_for(screen.layer)
    st.header(f"{screen.layer.label}: which {word}s are dropped, picture by picture", anchor=False)
    st.markdown(share(mask, word))
    st.markdown(
        f"Why: with other {word}s gone at each step, the network cannot rely on any one {word}. Dropout works in train mode "
        "only; in eval mode, in which cnnlab measures accuracy, nothing is dropped or multiplied."
    )
    left, right = side.columns([3, 2])
    with left:
        _draw_masks(screen, mask, member, word)
    with right:
        _draw_member(screen, mask, member, word)


def share(mask: Mask, word: str) -> str:
    """Return how many units were dropped, beside what p and chance say, and by what the kept ones are multiplied."""
    n, p = int(mask.drawn[0]), float(mask.p[0])
    dropped = int(mask.dropped[0])
    half = Z95 * sqrt(p * (1 - p) / n)
    return (
        f"**Train mode.** Dropout sets each {word} to 0 with probability p = {short(p)}, and multiplies those it keeps by "
        f"1 / (1 {MINUS} p) = **{short(float(mask.scale[0]))}**, so that sums stay about as large. Here it dropped "
        f"{count(dropped)} of {count(n)}: **{percent(dropped / n)}**. Of 100 draws, about 95 come to "
        f"{percent_range(max(0.0, p - half), min(1.0, p + half))}."
    )


def _draw_masks(screen: Screen, mask: Mask, member: int, word: str) -> None:
    first = member - member % MOST_TILES
    kept = mask.kept[first : first + MOST_TILES]
    scale = float(mask.scale[0])
    shape = grid(kept.shape[1])
    lost = np.rint(kept.shape[1] - kept.sum(axis=1)).astype(int)
    tiles(
        key="dropout_masks",
        values=(kept * np.float32(scale)).reshape(-1, *shape),
        limits=(0.0, scale),
        palette="viridis",
        labels=[f"picture {first + n}: {dropped} of {kept.shape[1]} {word}s dropped" for n, dropped in enumerate(lost)],
        selected=member - first,
        tile_px=52,
        hint=f"Point at a square to read its {word}; click to choose the picture.",
        colour_bar="number that the value is multiplied by",
        cell=word,
        words={0.0: "dropped", float(np.float32(scale)): f"kept ×{short(scale)}"},
        description=f"Which {word}s of {screen.layer.label} are dropped, one tile a picture of the batch.",
        on_pick=lambda tile: url.keep(member=first + tile),
    )
    few = f" Here are pictures {first} to {first + len(kept) - 1} of the batch." if len(kept) < len(mask.kept) else ""
    st.caption(
        f"One tile a picture, one square a {word}, row by row ({shape[0]} rows of {shape[1]}). Dark: dropped. Bright: kept. "
        f"Each picture has a mask of its own.{few} The batch: {batch_words(screen)}, not augmented. This is draw "
        f"{int(screen.subject.option('draw') or 0)}, made now by the same rule; the masks of the training itself are not kept."
    )


def _draw_member(screen: Screen, mask: Mask, member: int, word: str) -> None:
    unit = screen.channel
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        number_box("member", "Picture", member, len(mask.kept))
        number_box("channel", word.capitalize(), unit, mask.kept.shape[1])
    st.markdown(reading(mask, member, unit, word))
    pictures = screen.subject.pictures()
    number = _choosers.numbers(screen)[member]
    picture, label = pictures.images[pictures.places[number]], pictures.labels[number]
    name = escape(screen.subject.info.classes[label])
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=136):
            st.markdown(f"**{name}**")
            colours = np.broadcast_to(picture, (*picture.shape[:2], 3))[np.newaxis].astype(np.float32)
            tiles(
                key="dropout_picture",
                values=np.ascontiguousarray(colours),
                limits=(0.0, 255.0),
                palette="viridis",
                labels=[f"picture {member}"],
                columns=1,
                tile_px=128,
                hint="",
                description=f"Picture {member} of the batch.",
            )
        with st.container(width=290):
            _draw_values(screen, mask, member, word)


def _draw_values(screen: Screen, mask: Mask, member: int, word: str) -> None:
    both: npt.NDArray[np.float32] = np.stack([mask.before[member], mask.after[member]])
    beside: Mask | None = screen.other
    drawn = [both, *([beside.before[member], beside.after[member]] if beside and member < len(beside.kept) else [])]
    limit = max(float(np.abs(values).max()) for values in drawn) or 1.0
    signed = any(bool((values < 0).any()) for values in drawn)
    tiles(
        key="dropout_values",
        values=both.reshape(2, *grid(both.shape[1])),
        limits=(-limit if signed else 0.0, limit),
        palette="diverging" if signed else "viridis",
        labels=["before", "after"],
        tile_px=136,
        colour_bar="value" if word == "unit" else "mean of the channel's map",
        cell=word,
        hint=f"Point at a square to read its {word}.",
        pick=False,
        description=f"The {word}s of {screen.layer.label} before and after dropout, for picture {member} of the batch.",
    )
    zero = int((mask.before[member] == 0).sum())
    st.caption(
        f"One colour scale{' on both sides' if beside else ''}, from {short(-limit) if signed else 0} to {short(limit)}, the "
        f"largest size. {count(zero)} of {count(both.shape[1])} {word}s are 0 before dropout already: it cannot change them."
    )


def reading(mask: Mask, member: int, unit: int, word: str) -> str:
    """Return what happened to one unit of one picture: "picture 3, unit 17: kept ×2"."""
    kept, before, after = (float(part[member, unit]) + 0.0 for part in (mask.kept, mask.before, mask.after))  # no "−0"
    if 0 < kept < 1:
        happened = f"{percent(kept)} of its values kept"
    else:
        happened = f"kept ×{short(float(mask.scale[0]))}" if kept else "dropped"
    what = "" if word == "unit" else "the mean of its map, "
    return f"Picture {member}, {word} {unit}: **{happened}**; {what}{short(before)} becomes {short(after)}."


def grid(units: int) -> tuple[int, int]:
    """Return the rows and columns in which so many units fill a rectangle, as square as it can be."""
    rows = next(rows for rows in range(int(sqrt(units)), 0, -1) if units % rows == 0)
    return rows, units // rows


DROPOUT_MASK = register(
    View(
        name="training_dropout",
        title="Dropout mask",
        page="feature_maps",
        place=10,
        compute=compute,
        draw=draw,
        lacks=_choosers.lacks_batch,
        needs=frozenset({"epoch", "layer", "set", "options"}),
        shows=frozenset({"channel"}),
        cost="dataset",
        small=_choosers.small(passes=1),
        layers=_choosers.layers_of_kind(LayerKind.DROPOUT, "dropout"),
        family=_choosers.FAMILY,
        choose=choose,
        source="Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, *Dropout: A Simple Way to Prevent Neural Networks "
        "from Overfitting* (2014), [JMLR 15](https://jmlr.org/papers/v15/srivastava14a.html). They divide at test time; as "
        "everybody does today, PyTorch multiplies in training instead. With $m$ drawn anew for each value of each picture:\n\n"
        r"$$y = \frac{m}{1 - p}\,x \qquad m = \begin{cases} 0 & \text{with probability } p \\ 1 & \text{else} \end{cases}$$",
    )
)
