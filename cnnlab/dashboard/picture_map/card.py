"""This module draws the card beside a map: the chosen picture, what the network says of it, and its neighbours."""

from functools import partial

import numpy as np
import streamlit as st

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.inspect.selection import set_widget
from cnnlab.dashboard.inspect.view import PictureSet, Screen
from cnnlab.dashboard.inspect.whole_set import LETTERS, place_of
from cnnlab.dashboard.own_picture import drawer
from cnnlab.dashboard.picture_map.chosen import Chosen
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.formatting import percent
from cnnlab.inspection.picture_map.pictures import PictureMap

_NUMBER = "picture_map_number"


def draw(screen: Screen, found: PictureMap, pictures: PictureSet, one: Chosen | None, how: str) -> None:
    """Draw the choosers and the chosen picture `one`; `how` says how a picture that is none of the map's got its place."""
    side.once("picture_map_choosers", lambda: _draw_choosers(screen, pictures, one))
    if one is None:
        st.markdown("Pick a point, or a number, to see the picture, what the network says of it, and its neighbours.")
        return
    st.header(one.picture.words.capitalize(), anchor=False)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        with st.container(width=104):
            _tiles("picture_map_chosen", one.picture.sized[None], [""], tile_px=96, description=one.picture.words)
        with st.container(width="stretch", gap="xsmall"):
            st.markdown(_verdict(screen, one))
            address = url.view() | {"view": None, "picture": one.picture.key}
            url.link(navigation.feature_maps(), "Its feature maps", icon=":material/grid_view:", **address)
    _draw_neighbours(screen, found, pictures, one)
    if one.point is None:
        st.caption(f"It is none of the map's pictures; the cross-hair shows where it would stand. {how}")


def _draw_choosers(screen: Screen, pictures: PictureSet, one: Chosen | None) -> None:
    """Draw a box for the number of a picture of the set, and the drawers of a person's own picture."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        last = len(pictures) - 1
        set_widget(_NUMBER, place_of(screen, one.picture.key) if one else None)
        st.number_input(
            "Number",
            0,
            last,
            step=1,
            value=None,
            key=_NUMBER,
            on_change=_to_number,
            args=(pictures,),
            width=130,
            help=f"0 to {last}: place of the picture in the {screen.subject.set} set.",
        )
        drawer.draw_upload()
        if one and one.picture.own:
            drawer.draw_edit(one.picture.own, one.picture.given, screen.subject.info)
    if one and one.picture.own:
        drawer.draw_hint(one.picture.own, one.picture.given, screen.subject.info)


def _verdict(screen: Screen, one: Chosen) -> str:
    """Return the true class, what the network says, and how sure it is, as Markdown."""
    classes = screen.subject.info.classes
    answer, label = int(one.said.predicted[0]), one.picture.label
    sure = f"{percent(float(one.said.probability[0]))} sure"
    says = f"the network says **{escape(classes[answer])}**, {sure}"
    if label is None:
        return f"{says[0].upper()}{says[1:]}."
    return f"It is **{escape(classes[label])}**, {'and' if answer == label else 'but'} {says}."


def _draw_neighbours(screen: Screen, found: PictureMap, pictures: PictureSet, one: Chosen) -> None:
    """Draw the pictures whose features are nearest; a click chooses one."""
    if not len(one.near):
        return
    classes, kin, truth = screen.subject.info.classes, found.labels[one.near], one.picture.label
    places = pictures.places[found.members[one.near]]
    st.markdown("**Its nearest neighbours**")
    names = [classes[index] for index in kin]
    _tiles(
        "picture_map_neighbours",
        pictures.images[places],
        [name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…" for name in names],
        columns=4,
        tile_px=64,
        description=f"The {len(names)} pictures whose features are nearest, the nearest first.",
        on_pick=partial(_to, pictures, places),
    )
    same = ""
    if truth is not None:
        same = f" Of its own class: {int((kin == truth).sum())} of {len(names)}."
    st.caption(
        f"The {len(names)} pictures whose {found.features.shape[1]} numbers are nearest to its own (Euclidean distance "
        f"{short(float(one.distances[0]))} to {short(float(one.distances[-1]))}), the nearest first.{same} Click one to "
        "choose it."
    )


def _tiles(key: str, images: np.ndarray, labels: list[str], *, tile_px: int, description: str, **more: object) -> None:
    """Draw uint8 pictures [n, height, width, channels] in their own colours."""
    colours = images.astype(np.float32)
    tiles(
        key=key,
        values=np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:3], 3))),
        limits=(0.0, 255.0),
        palette="viridis",
        labels=labels,
        tile_px=tile_px,
        hint="",
        description=description,
        **more,  # type: ignore[arg-type]
    )


def _to(pictures: PictureSet, places: np.ndarray, tile: int) -> None:
    """Choose one of the pictures at `places` of the set's file."""
    url.keep(picture=f"{pictures.file}:{places[tile]}")


def _to_number(pictures: PictureSet) -> None:
    """Choose the picture whose number stands in the box (a callback)."""
    number = st.session_state[_NUMBER]
    if number is not None:
        url.keep(picture=f"{pictures.file}:{pictures.places[number]}")
