"""This module draws a map of pictures: what it is made of, the plane, the chosen picture beside it, the numbers below."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import hexdigits

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from cnnlab.dashboard.inspect.selection import complain, set_widget, take
from cnnlab.dashboard.inspect.view import Screen, Subject
from cnnlab.dashboard.picture_map import card, plane
from cnnlab.dashboard.picture_map.chosen import chosen
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.data import DataUnavailableError
from cnnlab.formatting import count, percent, tenths
from cnnlab.inspection.channels.lesions import spread
from cnnlab.inspection.picture_map.features import PICTURES, Features, features_of, reader_of
from cnnlab.inspection.picture_map.pictures import PictureMap, luck
from cnnlab.inspection.picture_map.turning import AS_IT_IS, Turn, turned

_SHOW = "picture_map_show"
_WRONG = "wrong"
Points = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """A `Look` says what one kind of map shows of itself."""

    axes: tuple[str, ...]
    """Names of the two numbers of a point; none where they mean nothing."""
    sentence: str
    """What the plane is, as Markdown."""
    reading: str
    """What the map can and cannot say."""
    place: Callable[[npt.NDArray[np.float32]], Points]
    """Function that gives the place [2] of a picture that is none of the map's by its features [D]."""
    how: str
    """How such a picture gets its place."""
    turn: Turn
    """[2, 2]: how the plane is turned, so that it lies as that of another epoch."""


def read(
    subject: Subject, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Features]:
    """Return places in the set [N], classes [N] and features of at most PICTURES pictures of the set, evenly spread."""
    pictures = subject.pictures()
    members = spread(len(pictures), PICTURES)
    with subject.network() as network:
        seen = features_of(network, pictures.images, pictures.places[members], *subject.normalisation, progress)
    return members, pictures.labels[members], seen


def draw(screen: Screen, found: PictureMap, look: Look) -> None:
    """Draw the map `found`. Raises DataUnavailableError where the pictures are not those that it was made of."""
    pictures, classes = screen.subject.pictures(), screen.subject.info.classes
    if len(pictures) <= found.members.max() or not np.array_equal(pictures.labels[found.members], found.labels):
        raise DataUnavailableError("The pictures on this machine are not those that were measured.")
    wrong = int((~found.said.right).sum())
    wrong_only = side.once("picture_map_shown", lambda: _choose_shown(screen, len(found), wrong))
    hidden = _hidden(len(classes))
    one = chosen(screen, found, look.place)
    st.markdown(_headline(screen, found, len(pictures)))
    left, right = side.columns([5, 3], gap="medium")
    with left:
        plane.draw(
            found,
            turned(found.points, look.turn),
            pictures.places[found.members],
            classes=classes,
            picture="test picture" if pictures.file == "test" else "picture of the training file",
            axes=look.axes,
            hidden=hidden,
            wrong_only=wrong_only,
            chosen=one.point if one else None,
            placed=None if one is None or one.placed is None else turned(one.placed, look.turn),
            description=f"Map of {count(len(found))} pictures. The table below it holds its classes in numbers.",
            on_pick=lambda point: url.keep(picture=f"{pictures.file}:{pictures.places[found.members[point]]}"),
            on_hide=lambda which: url.keep(hidden=_mask(which)),
        )
        st.markdown(look.sentence)
        st.caption(look.reading)
    with right:
        card.draw(screen, found, pictures, one, look.how)
    _draw_table(found, turned(found.points, look.turn), classes, look.axes)
    screen.address["show"] = _WRONG if wrong_only else None
    screen.address["hidden"] = _mask(hidden)


def _choose_shown(screen: Screen, everything: int, wrong: int) -> bool:
    """Draw the choice between all pictures and the wrong ones; return True where only these are shown."""
    names = {"all": f"all · {count(everything)}", _WRONG: f"wrong only · {count(wrong)}"}
    asked = url.asked("show") or "all"
    if asked not in names:
        if url.from_outside("show"):
            complain(f"This page has nothing to show by “{asked}”. Here are all pictures.")
        asked = "all"
    with screen.controls:
        set_widget(_SHOW, asked)
        st.segmented_control(
            "Shown",
            list(names),
            key=_SHOW,
            format_func=names.__getitem__,
            required=True,
            on_change=take,
            args=("show", _SHOW),
            wrap=True,
        )
    return asked == _WRONG


def _headline(screen: Screen, found: PictureMap, total: int) -> str:
    """Return which pictures are on the map, what each of them is to the network, and how far the classes have parted."""
    reader, number = reader_of(screen.selection.layers), found.features.shape[1]
    what = (
        f"the {count(number)} numbers that go into **{reader.label}**, the last fully connected layer"
        if reader
        else f"its {count(number)} logits, as this network has no fully connected layer"
    )
    few = f"{count(len(found))} of the {count(total)}" if len(found) < total else f"All {count(total)}"
    spread_words = ", evenly spread" if len(found) < total else ""
    return (
        f"{few} **{screen.subject.set}** pictures{spread_words}, {screen.selection.when}, eval mode: each placed by {what}. "
        f"**{percent(float(found.kinship.mean()))}** of a picture's {found.nearest.shape[1]} nearest neighbours are of its own "
        f"class, on average (by luck {percent(luck(found.labels))})."
    )


def _draw_table(found: PictureMap, points: Points, classes: Sequence[str], axes: Sequence[str]) -> None:
    """Draw each class in numbers: its middle on the plane, its kin among the neighbours, the class it is mixed with."""
    rows = []
    for index, name in enumerate(classes):
        mine = found.labels == index
        if not mine.any():
            continue
        around = np.bincount(found.labels[found.nearest[mine]].ravel(), minlength=len(classes))
        around[index] = 0
        middle = points[mine].mean(axis=0, dtype=np.float64)
        rows.append(
            {
                "Class": name,
                "Pictures": int(mine.sum()),
                "Right, %": tenths(float(found.said.right[mine].mean())),
                "Own class near, %": tenths(float(found.kinship[mine].mean())),
                "Other class near": classes[int(around.argmax())] if around.any() else "none",
                **{f"Middle, {axis}": round(float(middle[k]), 3) for k, axis in enumerate(axes)},
            }
        )
    with st.expander("The map in numbers", icon=":material/table:"):
        numbers = {name: st.column_config.NumberColumn(format="%.1f") for name in rows[0] if name.endswith("%")}
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config=numbers,
            alt=side.alt("For each class: its pictures, how many are right, how often its neighbours are of its class"),
        )


def _hidden(classes: int) -> list[int]:
    """Return the classes that the address hides: a number to the base 16, of which bit n stands for class n."""
    text = url.asked("hidden") or "0"
    mask = int(text, 16) if set(text) <= set(hexdigits) else 1 << classes
    if mask >> classes:
        if url.from_outside("hidden"):
            complain(f"There are no classes to hide by “{text}”. Here are all of them.")
        mask = 0
    return [index for index in range(classes) if mask >> index & 1]


def _mask(hidden: Sequence[int]) -> str | None:
    return f"{sum(1 << index for index in set(hidden)):x}" if hidden else None


def turn_to(screen: Screen, found: PictureMap, best: Callable[[Points, Points], Turn]) -> tuple[Turn, int | None]:
    """Return how to turn the map so that it lies as that of the newest epoch with a map, and that epoch.

    The turn that changes nothing, and None, where no other epoch has a map of the same pictures.
    """
    for weights in reversed(screen.selection.saved):
        if weights is screen.selection.weights:
            break
        other: PictureMap | None = screen.arrays_at(weights)
        if other is not None and np.array_equal(other.members, found.members):
            return best(found.points, other.points), weights.epoch
    return AS_IT_IS, None
