"""This module draws the frame of every page that looks inside a network: the bar, the choosers, then the view."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnlab.analysis.layers import LayerRow
from cnnlab.dashboard.inspect import choosers
from cnnlab.dashboard.inspect.bar import bar, epochs
from cnnlab.dashboard.inspect.beside import pair
from cnnlab.dashboard.inspect.computing import ahead
from cnnlab.dashboard.inspect.computing.progress import StoppedError
from cnnlab.dashboard.inspect.computing.screens import attempt, fetched, known, screen_of
from cnnlab.dashboard.inspect.picture import choose_picture
from cnnlab.dashboard.inspect.selection import Selection, in_order
from cnnlab.dashboard.inspect.view import Screen, View, views_of
from cnnlab.dashboard.state import services, visitor
from cnnlab.data import DATASETS
from cnnlab.records import RunStatus


def show(page: str, title: str, sentence: str) -> None:
    """Draw a page: its title, one sentence, and the page's view that the address names, else the page's first view."""
    views = views_of(page)
    with st.container(gap="xsmall", key="frame_head"):
        beside_title = header(title, sentence)
        view = choosers.choose_view(page, views)
        selection = bar.looking(beside_title)
    if selection is None:
        return
    _draw(view, views, selection)
    epochs.seen(selection)


def header(title: str, sentence: str) -> DeltaGenerator:
    """Draw the question that a page answers with one sentence beside it, as one line; return the container at its end."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="frame_title"):
        st.title(title, anchor=False, width="content")
        st.caption(sentence)
        return st.container(width="content")


def _draw(view: View[Any], views: Sequence[View[Any]], selection: Selection) -> None:
    """Draw the choosers and the view, one of the page's `views`, or why that is not possible."""
    screen = _screen(view, views, selection)
    if screen is not None and draw_answer(view, screen):
        selection.keep(view=None if view is views[0] else view.name, **screen.address)
        _fetch_ahead(view, screen)


def draw_answer(view: View[Any], screen: Screen) -> bool:
    """Draw the view for what was chosen, and return True; return False where that is not possible and the page says why."""
    other = screen.looked_at and screen.looked_at.beside
    if "beside" in view.needs and not pair.comparable(view, screen):
        pass  # the page has said which network to choose
    elif other and pair.stands_twice(view, screen.selection, other):
        pair.draw(view, screen, other)
    elif not attempt(screen.looked_at, lambda: _show(view, screen)):
        return False
    with st.popover("Where this comes from", icon=":material/menu_book:", type="tertiary"):
        st.markdown(view.source)
    return True


def _fetch_ahead(view: View[Any], screen: Screen) -> None:
    """Have the arrays of the moments beside this one computed, where a scrub to them would compute them in the page.

    While a run trains, the processor is the run's.
    """
    moments_matter, selection = view.cost == "instant" and "epoch" in view.needs, screen.selection
    idle = not any(run.status is RunStatus.RUNNING for run in services.runs(services.store()))
    row = known(in_order(selection.saved, selection.early))
    subjects = ahead.neighbours(screen.subject, row, epochs.stride(selection)) if moments_matter and idle else []
    ahead.AHEAD.wish(visitor.name(), view, subjects)


def _show(view: View[Any], screen: Screen) -> bool:
    """Draw the view, and return True; what cannot be read raises."""
    try:
        arrays = fetched(view, screen)
        if arrays is not None:
            view.draw(screen, arrays)
    except StoppedError:
        pass  # the page has said so
    return True


def _screen(view: View[Any], views: Sequence[View[Any]], selection: Selection) -> Screen | None:
    """Draw the choosers of the view and return what was chosen; None where the page has said why nothing was."""
    run = selection.run
    info = DATASETS.get(run.config.dataset).info
    chosen: dict[str, Any] = {}  # values for the fields of the Subject
    address: dict[str, str | int | None] = {}
    picture = row = None
    if "picture" in view.chooses:
        picture = choose_picture(info.name)
        if picture is None:
            return None
        chosen["picture"], address["picture"] = picture.sized, picture.key
    above = st.container(gap="xsmall")
    controls = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="frame_choosers")
    with controls:
        choosers.choose_way(view, views)
        _choose_set_and_class(view, selection, chosen, address)
        if "layer" in view.chooses:
            row = choosers.choose_layer(selection, view.layers)
            if row is None:
                return None
            chosen["layer"], address["layer"] = row.name, row.label
    if "channel" in view.chooses and row:
        chosen["channel"] = address["channel"] = _channel(view, row, controls)

    screen = screen_of(view, selection, chosen, address, picture, row, above, controls)
    if view.choose is None:
        return screen
    chosen["options"] = view.choose(screen)
    return replace(screen, subject=replace(screen.subject, options=chosen["options"]))


def _channel(view: View[Any], row: LayerRow, controls: DeltaGenerator) -> int:
    """Return the channel of the address; with a box for its number where the arrays are those of one channel."""
    if "channel" not in view.needs:
        return choosers.choose_channel(row.output_shape[0])
    with controls:
        return choosers.pick_channel(row.output_shape[0], "Channel" if len(row.output_shape) > 1 else "Unit")


def _choose_set_and_class(
    view: View[Any], selection: Selection, chosen: dict[str, Any], address: dict[str, str | int | None]
) -> None:
    """Draw the choosers of the set of pictures and of the class, where the view has them, and note what was chosen."""
    info = DATASETS.get(selection.run.config.dataset).info
    if "set" in view.chooses:
        chosen["set"] = address["set"] = choosers.choose_set(selection.run, info)
    if "class" in view.chooses:
        number = choosers.choose_class(info)
        chosen["class_index"], address["class"] = number, None if number is None else info.classes[number]
