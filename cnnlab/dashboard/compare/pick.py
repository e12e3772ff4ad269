"""This module keeps which runs are compared, and in which colours: a run's place in the address is its colour.

An unpicked or deleted run leaves its place empty ("a,,c"), so that no other run changes its colour; the next run that is
picked takes the first empty place.
"""

from collections.abc import Collection, Mapping, Sequence

import streamlit as st

from cnnlab.dashboard.state import query_params
from cnnlab.figures.style import RUN_COLOURS
from cnnlab.runs import Run

MOST = len(RUN_COLOURS)
"""Most runs that are compared at once: as many as there are colours that eyes tell apart."""

FIRST_PICK = 3

Colours = Mapping[str, str]
"""The colour of each picked run, by the run's id."""

_SHOWN = "compare_shown"
_TAKEN = "compare_taken"


def chosen_runs(runs: Sequence[Run]) -> tuple[list[Run], Colours]:
    """Return the runs that `?runs=` names, in that order, with their colours.

    On a bare address these are the newest runs that have something to show, each in the colour that it had before.
    """
    if _TAKEN in st.session_state:
        query_params.set_url(runs=st.session_state.pop(_TAKEN))
    by_id = {run.id: run for run in runs}
    if "runs" in st.query_params:
        places = _read(st.query_params["runs"])
    else:
        newest = [run.id for run in runs if run.last_epoch][:FIRST_PICK]
        places = place(st.session_state.get(_SHOWN, []), newest)
    st.session_state[_SHOWN] = places
    chosen = {id: colour for id, colour in zip(places, RUN_COLOURS, strict=False) if id in by_id}
    return [by_id[id] for id in chosen], chosen


def take(ids: Collection[str]) -> None:
    """Compare these runs from now on, at most `MOST` of them (in a callback)."""
    st.session_state[_TAKEN] = ",".join(place(st.session_state.get(_SHOWN, []), ids))


def leave_out(id: str) -> None:
    """Take a run out of the pick (in a callback)."""
    take([other for other in st.session_state.get(_SHOWN, []) if other not in ("", id)])


def place(before: Sequence[str], ids: Collection[str]) -> list[str]:
    """Return the places of the runs `ids`: each stays where it was `before`, new ones take the first empty places."""
    places = [id if id in ids else "" for id in before[:MOST]]
    places += [""] * (MOST - len(places))
    for id in ids:
        if id not in places and "" in places:
            places[places.index("")] = id
    while places and not places[-1]:
        places.pop()
    return places


def _read(text: str) -> list[str]:
    """Return the places that an address names; a run that stands there twice counts once."""
    ids = text.split(",")[:MOST]
    return [id if id not in ids[:at] else "" for at, id in enumerate(ids)]
