"""This module draws how what two networks see differs: left minus right, on one scale that is centred at zero."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect.beside.pair import name_of
from cnnlab.dashboard.inspect.choosers import window
from cnnlab.dashboard.inspect.view import Screen
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.figures.class_probabilities import MOST
from cnnlab.figures.difference_bars import difference_bars
from cnnlab.formatting import MINUS, percent
from cnnlab.inspection.kernels import symmetric_limit

Floats = npt.NDArray[np.float32]


def header(left: Screen, right: Screen) -> None:
    """Draw the heading of the difference, and what is subtracted from what."""
    st.header("The difference", anchor=False)
    st.markdown(f"**{escape(name_of(left.selection))}** minus **{escape(name_of(right.selection))}**.")


def draw_tiles(
    left: Screen, right: Screen, values: Floats, key: str, word: str, what: str, selected: int | None = None
) -> None:
    """Draw differences [n, h, w] or [n, h, w, 3] as tiles, and say their scale.

    `word`: what a tile is called. `what`: what the numbers are.
    """
    limit = symmetric_limit(values) if values.any() else 1.0
    with window(len(values)):
        tiles(
            key=key,
            values=values,
            limits=(-limit, limit),
            palette="diverging",
            labels=[f"{word} {index}" for index in range(len(values))],
            selected=selected,
            colour_bar=f"difference of the {what}",
            description=f"The difference of {len(values)} {word}s, {in_words(left)} minus {in_words(right)}.",
            on_pick=lambda tile: url.keep(channel=tile),
        )
    st.caption(scale_words(left, right, limit, bool(values.any()), colours=values.ndim == 4))


def scale_words(left: Screen, right: Screen, limit: float, some: bool, *, colours: bool = False) -> str:
    """Return what the colours of a difference mean, as Markdown."""
    if not some:
        return "Nothing differs: every number is the same in both."
    first, second = (escape(in_words(one)) for one in (left, right))
    read = (
        "Mid grey: the same in both. Each colour channel is brighter where the weight is larger in "
        f"{first}, darker where it is larger in {second}."
        if colours
        else f"Orange: larger in {first}. Blue: larger in {second}. White: the same."
    )
    return f"{read} One scale for all, centred at zero, from {MINUS}{short(limit)} to {short(limit)}, the largest difference."


def in_words(screen: Screen) -> str:
    """Return whose a side is, as plain text."""
    return name_of(screen.selection)


def shapes_differ(left: Screen, first: Sequence[int], second: Sequence[int], what: str) -> bool:
    """Return whether two arrays of a layer have other shapes, and say so: then there is no difference to draw."""
    if tuple(first) == tuple(second):
        return False
    sizes = ["×".join(map(str, shape)) for shape in (first, second)]
    st.info(
        f"The {what} of {escape(left.layer.label)} are {sizes[0]} numbers in one network and {sizes[1]} in the other, so they "
        "cannot be subtracted. Choose a layer of the same size in both.",
        icon=":material/difference:",
    )
    return True


def other_numbers(left: Screen, right: Screen) -> None:
    """Say that two runs number their channels by chance, and link to the view that pairs them."""
    if left.selection.run.id == right.selection.run.id:
        return
    st.caption(
        "Two runs number their channels by chance: channel 3 of one need not look for what channel 3 of the other looks for. "
        "Here the same numbers are subtracted."
    )
    url.link(
        navigation.kernels(),
        "Pair the channels that answer alike",
        icon=":material/join_inner:",
        **(url.view() | {"view": "matched", "layer": left.layer.label}),
    )


def draw_probabilities(
    left: Screen, right: Screen, seen: npt.NDArray[np.float64], other: npt.NDArray[np.float64], key: str
) -> None:
    """Draw by how much each class is likelier on the left: of many classes those that differ most."""
    info = left.subject.info
    difference = seen - other
    most = np.sort(np.argsort(-np.abs(difference), kind="stable")[:MOST])
    st.markdown("**How much surer it is of each class**")
    st.plotly_chart(
        difference_bars([info.classes[i] for i in most], difference[most].tolist(), "points"),
        key=key,
        config={"displayModeBar": False},
        alt="Difference of the probability of each class, in points",
    )
    one, two = (percent(float(answers.max())) for answers in (seen, other))
    says = [escape(info.classes[int(answers.argmax())]) for answers in (seen, other)]
    same = "Both say" if says[0] == says[1] else "One says"
    second = f" ({one} and {two})" if says[0] == says[1] else f" ({one}), the other {says[1]} ({two})"
    first, last = (escape(in_words(screen)) for screen in (left, right))
    few = f" Of {len(difference)} classes the {MOST} that differ most are here." if len(difference) > MOST else ""
    st.caption(
        f"{same} {says[0]}{second}. The difference of the probabilities: orange, likelier for {first}; blue, for "
        f"{last}.{few}"
    )
