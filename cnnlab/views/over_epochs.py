"""This module is the view of all epochs together: since which epoch a network has each picture right."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.analysis.predictions.over_epochs import LOST, NEVER, Course, course_of, spread
from cnnlab.dashboard.inspect.selection import complain, set_widget, take
from cnnlab.dashboard.inspect.view import Screen, register
from cnnlab.dashboard.inspect.whole_set import (
    MOST_PICTURES,
    draw_pictures,
    headline,
    measured_at,
    place_of,
    set_view,
    shown,
)
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.figures.predictions.learnt_since import learnt_since
from cnnlab.formatting import count

MOST_EPOCHS = 60
"""Number of epochs that are compared at most: they are spread evenly over those that are kept."""
_CHART, _SINCE = "over_epochs_chart", "over_epochs_since"
_LOST, _NEVER = "lost", "never"


def draw(screen: Screen, said: Predictions) -> None:
    """Draw how many pictures are right since each epoch, the pictures of one such group, and the way of a chosen one."""
    st.markdown(headline(screen, said))
    until = [weights for weights in screen.selection.saved if weights.epoch <= screen.selection.epoch]
    asked = [until[place] for place in spread(range(len(until)), MOST_EPOCHS)]
    known = measured_at(screen, asked)
    if len(known) < 2:
        st.info("Nothing to compare yet: only one epoch up to here has been measured on these pictures.")
        return
    course = course_of(list(known), list(known.values()))
    _draw_picked(screen, course)
    left, right = side.columns([5, 4], gap="medium")
    with left:
        _draw_chart(screen, course, _left_out(len(until) - len(asked), len(asked) - len(known)))
    with right:
        _draw_group(screen, said, course)


def _draw_picked(screen: Screen, course: Course) -> None:
    """Draw the way of the picture that the address names, where it is one of this set."""
    key = url.asked("picture")
    place = place_of(screen, key) if key else None
    if place is None:
        return
    marks = " · ".join(
        f"{epoch} {'✓' if right else '✗'}" for epoch, right in zip(course.epochs, course.right[:, place], strict=True)
    )
    since = int(course.since[place])
    words = {NEVER: "never right", LOST: "right before, wrong now"}.get(
        since
    ) or f"right since epoch {course.epochs[since]}"
    st.markdown(f"The chosen picture, {str(key).replace(':', ' ')}: **{words}**. By epoch: {marks}.")


def _left_out(between: int, unmeasured: int) -> str:
    """Return a sentence on the kept epochs that are not compared; empty where there is none."""
    parts = [f"{count(between)} in between"] if between else []
    parts += [f"{count(unmeasured)} that nobody has measured on these pictures"] if unmeasured else []
    return f" Kept epochs left out: {', '.join(parts)}." if parts else ""


def _draw_chart(screen: Screen, course: Course, left_out: str) -> None:
    since = course.since
    lost, never = int((since == LOST).sum()), int((since == NEVER).sum())
    st.header("Since which epoch is it right?", anchor=False)
    st.plotly_chart(
        learnt_since(course.epochs, course.learnt(), lost, never, str(screen.subject.set)),
        key=side.key(_CHART),
        on_select=partial(_pick_bar, side.key(_CHART), course.epochs),
        selection_mode="points",
        config={"displayModeBar": False, "scrollZoom": False},
        alt="Number of pictures that are right since each epoch; the list beside it holds the same numbers",
    )
    forgotten = int((course.forgotten > 0).sum())
    st.caption(
        f"Compared: {count(len(course.epochs))} epochs, {course.epochs[0]} to {course.epochs[-1]}.{left_out} A picture counts "
        "once: at the first epoch since which all its answers are right. Lost: right at an earlier epoch, wrong at this one. "
        f"{shown(forgotten)} of {count(len(since))} were right at one epoch and wrong at the next at least once."
    )


def _draw_group(screen: Screen, said: Predictions, course: Course) -> None:
    """Draw a list of the groups and the pictures of the chosen one."""
    since, learnt = course.since, course.learnt()
    groups = {
        _NEVER: ("Never right", int((since == NEVER).sum())),
        _LOST: ("Right before, wrong now", int((since == LOST).sum())),
        **{str(epoch): (f"Right since epoch {epoch}", n) for epoch, n in zip(course.epochs, learnt, strict=True)},
    }
    asked = url.asked("since")
    if asked and asked not in groups and url.from_outside("since"):
        complain(f"No picture is right since “{asked}” here. Here are those that are never right.")
    chosen = asked if asked in groups else _NEVER
    key = side.key(_SINCE)
    set_widget(key, chosen)
    st.selectbox(
        "Pictures",
        list(groups),
        key=key,
        format_func=lambda group: f"{groups[group][0]} · {count(groups[group][1])}",
        on_change=take,
        args=("since", key),
    )
    screen.address["since"] = asked if asked in groups or (asked or "").isdigit() else None  # also of a later epoch
    member_of = {_NEVER: NEVER, _LOST: LOST}.get(
        chosen, list(course.epochs).index(int(chosen)) if chosen.isdigit() else 0
    )
    members = np.flatnonzero(since == member_of)
    if not len(members):
        st.markdown("No picture.")
        return
    _draw_members(screen, said, members, groups[chosen][0])


def _draw_members(screen: Screen, said: Predictions, members: npt.NDArray[np.int64], words: str) -> None:
    classes, number = screen.subject.info.classes, len(members)
    members = members[np.argsort(-said.probability[members], kind="stable")][:MOST_PICTURES]
    labels = [classes[said.predicted[one]] for one in members]
    draw_pictures(screen, said, members, labels, "over_epochs_pictures", f"{words}.")
    few = f"The {len(members)} it is surest of. " if number > len(members) else ""
    st.caption(f"{few}Below each: what the network says now. Click one to see its feature maps.")


def _pick_bar(key: str, epochs: Sequence[int]) -> None:
    """Show the pictures of the bar that was clicked (a callback)."""
    points = st.session_state[key].selection.points
    if points:
        groups = [*map(str, epochs), _LOST, _NEVER]
        place = int(points[0]["x"])
        if place < len(groups):
            url.keep(since=groups[place])


OVER_EPOCHS = register(
    set_view(
        name="over_epochs",
        title="Since which epoch",
        place=5,
        draw=draw,
        source="A picture is right since an epoch if the network names its true class there and at every later epoch that is "
        "compared, up to the one on the screen. Right and then wrong again is a forgetting event: M. Toneva, A. Sordoni, "
        "R. Tachet des Combes, A. Trischler, Y. Bengio, G. Gordon, *An Empirical Study of Example Forgetting during Deep "
        "Neural Network Learning* (2019), [arXiv:1812.05159](https://arxiv.org/abs/1812.05159).",
    )
)
