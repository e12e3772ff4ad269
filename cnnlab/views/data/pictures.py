"""This module is the view of a dataset's pictures: how many each class and set has, and the pictures themselves."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from cnnlab.dashboard.data.picture_sets import PictureSet, SetName, arrays_here, read_set
from cnnlab.dashboard.data.sheets import choose_sheet, from_the_first
from cnnlab.dashboard.inspect.selection import complain, set_widget
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.inspect.whole_set import LETTERS, open_feature_maps
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets.markdown import cell
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data.tensors import split
from cnnlab.figures.pictures.class_counts import class_counts
from cnnlab.formatting import count

SHEET = 60
"""Number of pictures that are drawn at a time."""
MOST_BARS = 20
"""Number of classes above which only the table shows how many pictures each has."""
SETS: tuple[SetName, ...] = ("train", "validation", "test")
_SET, _MEMBERS = "data_set", "data_members"


@dataclass(frozen=True, eq=False)
class SetCounts:
    """`SetCounts` say how many pictures of each class each set holds: int64 [classes] each."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    unused: npt.NDArray[np.int64]
    """Of the training file, what a training on part of the pictures leaves out."""

    def of(self, name: SetName) -> npt.NDArray[np.int64]:
        """Return the number of pictures of each class of one of `SETS`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


def compute(subject: Subject) -> SetCounts:
    """Count the pictures of each class in the sets that a run with these settings has."""
    arrays = arrays_here(subject.info, subject.folders)
    parts = split(subject.config, len(arrays.train_labels))
    classes = len(subject.info.classes)
    whole, train, validation = (
        np.bincount(labels, minlength=classes)
        for labels in (arrays.train_labels, arrays.train_labels[parts.train], arrays.train_labels[parts.validation])
    )
    return SetCounts(train, validation, np.bincount(arrays.test_labels, minlength=classes), whole - train - validation)


def draw(screen: Screen, counts: SetCounts) -> None:
    """Draw a sheet of pictures of the chosen set and class, and beside it how many pictures each class and set has."""
    left, right = st.columns([7, 5], gap="medium")
    with left:
        _draw_sheet(screen, counts)
    with right:
        _draw_counts(screen, counts)


def _draw_sheet(screen: Screen, counts: SetCounts) -> None:
    info = screen.subject.info
    name, member = _choose_set(screen, counts), _choose_members(screen)
    pictures = read_set(screen.subject.config, info, screen.subject.folders, name)
    found = np.arange(len(pictures)) if member is None else np.flatnonzero(pictures.labels == member)
    sheet = choose_sheet(screen, len(found), SHEET)
    kind = "pictures" if member is None else f"pictures of {info.classes[member]}"
    st.header(f"The {name} set: {count(len(found))} {kind}", anchor=False)
    on_sheet = found[sheet]
    if not len(on_sheet):
        st.markdown("None of them is in this set.")
        return
    _draw_tiles(pictures, on_sheet, info.classes if member is None else None)
    first = sheet.start + 1
    below = "its class" if member is None else f"its place in the {pictures.file} file"
    st.caption(
        f"{count(first)} to {count(first + len(on_sheet) - 1)} of {count(len(found))}, in the order of the {pictures.file} "
        f"file. Below each: {below}. Click one to see what a network makes of it."
    )


def _draw_tiles(pictures: PictureSet, members: npt.NDArray[np.int64], classes: tuple[str, ...] | None) -> None:
    """Draw pictures of a set, each with its class or else its place; a click on one opens its feature maps."""
    places = pictures.places[members]
    names = [classes[label] for label in pictures.labels[members]] if classes else [str(place) for place in places]
    colours = pictures.images[places].astype(np.float32)
    picked = tiles(
        key="data_sheet_tiles",
        values=np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:3], 3))),
        limits=(0.0, 255.0),
        palette="viridis",
        labels=[name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…" for name in names],
        tile_px=64,
        hint="",
        description="Pictures of the chosen set and class.",
    )
    if picked is not None and picked < len(members):
        open_feature_maps(pictures, int(members[picked]))


def _draw_counts(screen: Screen, counts: SetCounts) -> None:
    classes = screen.subject.info.classes
    st.header("How many of each class", anchor=False)
    has = [name for name in SETS if counts.of(name).sum()]
    table = {"Class": [cell(name) for name in classes]} | {name: counts.of(name).tolist() for name in SETS}
    if unused := int(counts.unused.sum()):
        table["not used"] = counts.unused.tolist()
    sums = ", ".join(f"{name} {count(int(counts.of(name).sum()))}" for name in SETS)
    rest = f", not used {count(unused)}" if unused else ""
    st.markdown(f"In all: **{sums}**{rest}. {_evenness(counts)}")
    if len(classes) <= MOST_BARS:
        st.plotly_chart(
            class_counts({name: counts.of(name) for name in has}, classes),
            key="data_class_counts",
            config={"displayModeBar": False},
            alt=f"How many pictures of each class each set holds. In all: {sums}.",
        )
        with st.expander("The same as a table", icon=":material/table:"):
            _draw_table(table)
    else:
        _draw_table(table)
    if screen.subject.config.validation_size:
        st.caption(
            "The **test** pictures are a file of their own. The **validation** pictures are taken out of the training "
            "file at random, not class by class, so some classes get more than others. The network learns from the "
            "**train** pictures alone."
        )


def _evenness(counts: SetCounts) -> str:
    """Return whether the training set holds its classes equally often, in a sentence."""
    least, most = int(counts.train.min()), int(counts.train.max())
    if least == most:
        return f"Every class has {count(most)} training pictures."
    return f"A class has from {count(least)} to {count(most)} training pictures."


def _draw_table(table: dict[str, list[object]]) -> None:
    st.dataframe(pd.DataFrame(table), hide_index=True, alt="How many pictures of each class each set holds")


def _choose_set(screen: Screen, counts: SetCounts) -> SetName:
    sizes = {name: int(counts.of(name).sum()) for name in SETS if counts.of(name).sum()}
    asked = url.asked("set")
    chosen = next((name for name in sizes if name == asked), next(iter(sizes)))
    if asked and asked != chosen and url.from_outside("set") and asked not in get_args(SetName):
        complain(f"There is no set “{asked}”. Here is: {chosen}.")
    set_widget(_SET, chosen)
    screen.controls.segmented_control(
        "Set of pictures",
        list(sizes),
        key=_SET,
        format_func=lambda name: f"{name} · {count(sizes[name])}",
        required=True,
        on_change=from_the_first,
        args=("set", _SET),
        wrap=True,
    )
    screen.address["set"] = chosen
    return chosen


def _choose_members(screen: Screen) -> int | None:
    """Draw the list of classes and return the chosen one's index; None: all classes."""
    classes, asked = screen.subject.info.classes, url.asked("members")
    chosen = asked if asked in classes else None
    if asked and chosen is None and url.from_outside("members"):
        complain(f"{screen.subject.info.name} has no class “{asked}”. Here are all classes.")
    set_widget(_MEMBERS, chosen or "")
    screen.controls.selectbox(
        "Class",
        ["", *classes],
        key=_MEMBERS,
        format_func=lambda name: name or "all classes",
        on_change=from_the_first,
        args=("members", _MEMBERS),
        width=170,
    )
    screen.address["members"] = chosen
    return None if chosen is None else classes.index(chosen)


PICTURES = register(
    View(
        name="data",
        title="Pictures",
        page="data",
        compute=compute,
        draw=draw,
        needs=frozenset({"settings"}),
        cost="instant",
        source="Counted from the labels of the dataset's own files. The validation set is cut from the training file by the "
        "run's seed (`cnnlab/data/tensors.py`): the code that trains cuts it too.",
    )
)
