"""This module draws a view twice: for the run and epoch of the page, and for those beside, with the difference below."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnlab.analysis.layers import LayerRow, heard_at
from cnnlab.dashboard.inspect import choosers
from cnnlab.dashboard.inspect.bar import batch_loss, epochs
from cnnlab.dashboard.inspect.beside import settings
from cnnlab.dashboard.inspect.computing.screens import attempt, fetched, screen_of
from cnnlab.dashboard.inspect.selection import Selection
from cnnlab.dashboard.inspect.view import Screen, View
from cnnlab.dashboard.state import listing, services, side
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets.markdown import escape

MOST_OFFERED = 12
"""Number of layers that are offered as buttons where the network beside has not the chosen one."""


def stands_twice(view: View[Any], selection: Selection, other: Selection) -> bool:
    """Return whether the view is drawn twice; False where one drawing holds both networks, and the page has said why."""
    if "beside" in view.needs:
        return False
    if "epoch" not in view.needs and other.run.id == selection.run.id:
        st.caption("This view shows all epochs of the run at once: beside another epoch it would be the same twice.")
        return False
    return True


def comparable(view: View[Any], screen: Screen) -> bool:
    """Return whether a view that compares two networks in one drawing has them; where not, say what is missing."""
    other = screen.selection.beside
    if other is None:
        st.info(
            "This view compares two networks. Choose the second one with the button Beside, in the bar above.",
            icon=":material/splitscreen_right:",
        )
        return False
    st.markdown(f"**{escape(name_of(screen.selection))}** and **{escape(name_of(other))}**")
    settings.draw(screen.selection, other)
    row = same_layer(other.layers, screen.layer)
    if row is None or not view.layers.among(row):
        _offer_layers(view, screen, other)
        return False
    sizes = [heard_at(rows, row.name).output_shape[1:] for rows in (screen.selection.layers, other.layers)]
    if sizes[0] != sizes[1]:
        words = ["×".join(map(str, size)) or "one place" for size in sizes]
        st.info(
            f"The maps of {escape(row.label)} are {words[0]} in one network and {words[1]} in the other, so their places "
            "cannot be compared. Choose another layer.",
            icon=":material/difference:",
        )
        return False
    return True


def draw(view: View[Any], screen: Screen, other: Selection) -> None:
    """Draw the view for both networks in two columns, one below the other where the page is narrow; then what differs."""
    selection = screen.selection
    settings.draw(selection, other)
    said: dict[str, Any] = {"moment": selection.moment}  # of the page: whoever asks on the right side stays at it too
    places = st.columns(2, gap="medium")
    with places[0]:
        head(selection)
        left = replace(screen, above=st.container())
        with side.drawing("left", said):
            here = attempt(selection, lambda: fetched(view, left))
    with places[1]:
        head(other)
        right = _second(view, left, other, st.container())
        with side.drawing("right", said):
            there = None if right is None else attempt(other, lambda: fetched(view, right))
    with places[0], side.drawing("left", said):
        _draw_one(view, left, here, there)
    with places[1], side.drawing("right", said):
        _draw_one(view, right, there, here)
    if right is not None and here is not None and there is not None and view.difference:
        st.divider()
        view.difference(left, right, here, there)


def _draw_one(view: View[Any], screen: Screen | None, arrays: Any, other: Any) -> None:
    """Draw one side, where its arrays are there. `other`: the arrays of the other side."""
    if screen is not None and arrays is not None:
        shown = replace(screen, other=other)
        attempt(shown.selection, lambda: view.draw(shown, arrays))


def name_of(selection: Selection) -> str:
    """Return the name of a run with the moment, as plain text: "SimpleCNN 3 · epoch 2"."""
    return selection.run.name if selection.run.imported else f"{selection.run.name} · {selection.name}"


def head(selection: Selection) -> None:
    """Draw whose the column is: run and epoch, and the accuracies there, each with its set."""
    store = services.store()
    numbers = epochs.numbers(selection, listing.epochs(store, selection.run), batch_loss.read(store, selection))
    with st.container(border=True, gap="small"):
        st.header(escape(name_of(selection)), anchor=False)
        st.caption(numbers)


def _second(view: View[Any], left: Screen, other: Selection, above: DeltaGenerator) -> Screen | None:
    """Return the screen of the network beside, chosen as on the left; None where the page has said what it has not."""
    mine = left.subject
    chosen: dict[str, Any] = {
        "picture": mine.picture,
        "channel": mine.channel,
        "set": mine.set,
        "class_index": mine.class_index,
        "options": mine.options,
    }
    row = None
    if left.row is not None:
        row = same_layer(other.layers, left.row)
        if row is None or not view.layers.among(row):
            _offer_layers(view, left, other)
            return None
        chosen["layer"] = row.name
        channels = row.output_shape[0]
        if "channel" in view.chooses and left.channel >= channels:
            st.info(f"{row.label} has the channels 0 to {channels - 1} here, not {left.channel}.")
            return None
    if mine.set is not None and mine.set not in (sets := choosers.set_sizes(other.run, mine.info)):
        st.info(f"This run has no {mine.set} set to look at. It has: {', '.join(sets)}.")
        return None
    right = screen_of(view, other, chosen, {}, left.picture, row, above, left.controls)
    lacking = attempt(other, lambda: view.lacks(right.subject))
    if lacking:
        st.info(escape(lacking))
    return right if lacking == "" else None


def same_layer(rows: Sequence[LayerRow], row: LayerRow) -> LayerRow | None:
    """Return the layer of another network that has the same name as `row`; None where there is none."""
    return next((one for one in rows if one.name == row.name), None)


def _offer_layers(view: View[Any], left: Screen, other: Selection) -> None:
    """Say that the network beside has not the chosen layer, and offer the layers that both have."""
    name = escape(left.layer.label)
    theirs = [row for row in other.layers if view.layers.among(row)]
    mine = {row.name for row in left.selection.layers if view.layers.among(row)}
    both = [row.label for row in theirs if row.name in mine][:MOST_OFFERED]
    what = f"This network has no layer {name} to show here."
    if not both:
        names = ", ".join(row.label for row in theirs) or "none of this kind"
        st.info(f"{what} No layer has the same name in both networks. It has: {escape(names)}.")
        return
    st.info(f"{what} Choose one that both networks have:")
    with st.container(horizontal=True, gap="small"):
        for label in both:
            st.button(label, key=f"beside_layer_{label}", on_click=_take_layer, args=(label,))


def _take_layer(label: str) -> None:
    url.keep(layer=label)
