"""This module draws the sanity check of an attribution: the same map from a network whose weights were randomised."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from cnnlab.analysis.layers import LayerRow
from cnnlab.dashboard.inspect.selection import complain, set_widget, take
from cnnlab.dashboard.inspect.view import Screen, Subject
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import MINUS, count, decimals
from cnnlab.inspection.attribution.answer import Attribution
from cnnlab.inspection.attribution.randomised import learnt, randomise, rank_correlation
from cnnlab.models import Network

_DEPTH = "sanity_depth"
_LITTLE, _MUCH = 0.2, 0.5
"""Rank correlations below which a map has changed, and from which it has changed little. No test of Adebayo's: a reading."""


@contextmanager
def network_of(subject: Subject) -> Iterator[Network]:
    """Lend the network of `subject`; where its option "random" names a layer, one with fresh weights down to that layer."""
    last = subject.option("random")
    with subject.network() as network:
        yield randomise(network, subject.config, subject.info, str(last)) if last else network


def draw(screen: Screen, seen: Attribution, draw_map: Callable[[Attribution], None]) -> None:
    """Draw a button that randomises the weights; once pressed, the map without them and how alike both maps are."""
    rows = learnt(screen.selection.layers)
    last = _asked(rows)
    screen.address["random"] = last.label if last else None
    with st.container(border=True, gap="small"):
        if last is None:
            st.button(
                "Sanity check: randomise the weights",
                key=side.key("sanity_begin"),
                icon=":material/casino:",
                on_click=_begin,
                args=(rows[-1].label,),
                help="A map that explains the network must change when the network forgets what it learnt. A map that stays "
                "shows the picture alone.",
            )
            return
        options = (*screen.subject.options, ("random", last.name))
        fresh: Attribution = screen.arrays_with(class_index=seen.class_index, options=options)
        _draw_depth(rows, last)
        name = escape(screen.subject.info.classes[seen.class_index])
        left, right = side.columns(2, gap="medium")
        with left:
            st.markdown(f"**With fresh weights, for {name}**")
            draw_map(fresh)
        with right:
            st.markdown(_words(seen, fresh, len(rows), rows.index(last) + 1))


def _asked(rows: list[LayerRow]) -> LayerRow | None:
    """Return the layer down to which the address wants fresh weights; None where it wants none."""
    asked = url.asked("random")
    found = next((row for row in rows if asked in (row.label, row.name)), None)
    if asked and found is None and url.from_outside("random"):
        complain(f"This network has no layer with weights “{asked}”. Its own weights stay.")
    return found


def _begin(label: str) -> None:
    url.keep(random=label)


def _end() -> None:
    url.keep(random=None)


def _take_depth(key: str, labels: frozenset[str]) -> None:
    """Put the chosen layer into the address. Where a click cuts a drawing short, Streamlit calls this with no layer."""
    if st.session_state[key] in labels:
        take("random", key)


def _draw_depth(rows: list[LayerRow], last: LayerRow) -> None:
    labels, key = [row.label for row in rows], side.key(_DEPTH)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if len(labels) > 1:
            set_widget(key, last.label)
            st.select_slider(
                "Fresh weights from the logits down to",
                labels,
                key=key,
                on_change=_take_depth,
                args=(key, frozenset(labels)),
                width=420,
                help="On the left only the last layer forgets what it learnt; on the right all layers do.",
            )
        st.button("The trained weights again", key=side.key("sanity_end"), icon=":material/undo:", on_click=_end)


def _words(seen: Attribution, fresh: Attribution, layers: int, forgotten: int) -> str:
    """Return how alike the two maps are, as a number and in words."""
    alike = rank_correlation(seen.map, fresh.map)
    which = f"all {layers}" if forgotten == layers else f"the last {forgotten} of {layers}"
    begin = f"Fresh weights in {which} layers with weights, as before a training (one draw, always the same)."
    if alike is None:
        return f"{begin}\n\nOne of the two maps is the same everywhere, so there is no rank correlation."
    number = decimals(alike, 2)
    if abs(alike) >= _MUCH:
        verdict = (
            "The map changes little. What it shows comes from the picture and the layers' shapes, not from what these "
            "layers have learnt: do not trust it as an explanation."
        )
    elif abs(alike) < _LITTLE:
        verdict = "The map changes: it does depend on what these layers have learnt."
    else:
        verdict = "The map changes in part: some of it comes from the picture alone."
    return (
        f"{begin}\n\n**Rank correlation of the two maps (Spearman): {number}**, over {count(seen.map.size)} places. "
        f"1: the same order of places, 0: nothing in common, {MINUS}1: the reverse order.\n\n{verdict}"
    )
