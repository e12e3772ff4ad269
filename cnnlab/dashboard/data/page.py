"""This module draws the frame of the Data page: its views, the dataset and the settings, then the view."""

from dataclasses import replace
from typing import Any

import streamlit as st

from cnnlab.dashboard.data import settings
from cnnlab.dashboard.data.settings import Shown
from cnnlab.dashboard.inspect import choosers
from cnnlab.dashboard.inspect.cache import arrays_of
from cnnlab.dashboard.inspect.page import draw_answer, header
from cnnlab.dashboard.inspect.picture import choose_picture
from cnnlab.dashboard.inspect.view import Screen, Subject, View, views_of
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import services

PAGE = "data"


def show(title: str, sentence: str) -> None:
    """Draw the page: its title, one sentence, and the view that the address names, else the first one."""
    views = views_of(PAGE)
    with st.container(gap="xsmall", key="frame_head"):
        header(title, sentence)
        view = choosers.choose_view(PAGE, views)
        shown = settings.choose()
    screen = _screen(view, shown)
    if screen is not None and draw_answer(view, screen):
        where = {"run": shown.run.id, "dataset": None} if shown.run else {"run": None, "dataset": shown.info.name}
        url.keep(**where, view=None if view is views[0] else view.name, **screen.address)


def _screen(view: View[Any], shown: Shown) -> Screen | None:
    """Draw the view's choosers and return what was chosen; None where the page has said why there is no picture."""
    picture = None
    address: dict[str, str | int | None] = {}
    if "picture" in view.chooses:
        picture = choose_picture(shown.info.name)
        if picture is None:
            return None
        address["picture"] = picture.key
    subject = Subject(shown.config, shown.info, services.app_config().data, None, None)
    if picture:
        subject = replace(subject, picture=picture.sized)
    screen = Screen(
        looked_at=None,
        subject=subject,
        picture=picture,
        row=None,
        above=st.container(gap="xsmall"),
        controls=st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="frame_choosers"),
        address=address,
        arrays_at=lambda weights: None,
        arrays_with=lambda **other: arrays_of(view, replace(subject, **other)),
    )
    return replace(screen, subject=replace(subject, options=view.choose(screen))) if view.choose else screen
