"""This module is the view of pictures that occur twice, or nearly: a network has seen such a test picture before."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from cnnlab.analysis.pictures.duplicates import MOST_PAIRS, SIDE, Alike, Pairs, between, find_alike
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.data.picture_sets import SetName, arrays_here
from cnnlab.dashboard.data.sheets import choose_sheet, from_the_first
from cnnlab.dashboard.inspect.selection import complain, set_widget
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.inspect.whole_set import shown
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets.markdown import cell, escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data import Arrays
from cnnlab.data.tensors import split
from cnnlab.formatting import count, percent

MOST_SHOWN = 36
"""Number of pairs that are drawn at a time."""
GAP_PX = 2
"""Pixels between the two pictures of a pair, in pixels of the pictures."""
USUAL = 970
"""Similarity, in thousandths, from which pairs are listed where the address names none."""
_STEPS = (*range(900, 990, 5), *range(990, 1001))
"""Similarities that can be asked for, in thousandths: finer where datasets of like pictures have thousands of pairs."""
_BETWEEN, _ALIKE = "data_between", "data_alike"
_CHOICES: dict[str, tuple[SetName, SetName]] = {
    "train-test": ("train", "test"),
    "train-validation": ("train", "validation"),
    "validation-test": ("validation", "test"),
    "train-train": ("train", "train"),
    "test-test": ("test", "test"),
}


def compute(subject: Subject) -> Alike:
    """Compare all pictures of the dataset's training file and test file with each other."""
    arrays = arrays_here(subject.info, subject.folders)
    return find_alike(arrays.train_images, arrays.test_images, subject.progress)


def work(subject: Subject) -> str:
    """Return what is compared, and how many pairs that makes."""
    n = subject.info.num_train + subject.info.num_test
    return f"Each of the {count(n)} pictures is compared with every other one: {count(n * (n - 1) // 2)} pairs."


def draw(screen: Screen, alike: Alike) -> None:
    """Draw the pairs of two sets side by side, the most alike first, and how many there are."""
    arrays = arrays_here(screen.subject.info, screen.subject.folders)
    numbers = _numbers(screen, arrays)
    if len(alike.copy_of) != len(arrays.train_labels) + len(arrays.test_labels):
        st.warning("The pictures on this machine are not those that were measured.", icon=":material/error:")
        return
    one, other = _choose_between(screen, numbers)
    least = _choose_least(screen, float(alike.complete_from[0]))
    pairs = between(alike, numbers[one], numbers[other], least)
    st.header(f"Alike: {_words(one, other)}", anchor=False)
    st.markdown(_headline(pairs, one, other, numbers, least))
    if len(pairs):
        _draw_pairs(screen, pairs, arrays)
    st.caption(
        f"Similarity: each picture is averaged to {SIDE} × {SIDE} fields a colour, the mean of each colour is taken off, and "
        "the numbers of both pictures are correlated. 1: the same, but perhaps for brightness, tint and contrast. It sees no "
        "difference smaller than a field, so two plain skies may pass for alike: look, before you call it a copy."
    )


def _numbers(screen: Screen, arrays: Arrays) -> dict[SetName, npt.NDArray[np.int64]]:
    """Return the numbers of each set's pictures: the training file's first, then the test file's."""
    n = len(arrays.train_labels)
    parts = split(screen.subject.config, n)
    test = n + np.arange(len(arrays.test_labels))
    return {"train": parts.train, "validation": parts.validation, "test": test}


def _headline(
    pairs: Pairs, one: SetName, other: SetName, numbers: dict[SetName, npt.NDArray[np.int64]], least: float
) -> str:
    """Return how many pictures of the second set have a like one in the first, in sentences."""
    same, near = int(pairs.same.sum()), int((~pairs.same).sum())
    touched = len(np.unique(pairs.other if one != other else np.concatenate([pairs.one, pairs.other])))
    n = len(numbers[other])
    words = (
        f"**{shown(same, 'pair')}** with the very same pixels, **{shown(near, 'pair')}** with a similarity of "
        f"{f'{least:.4f}'.removesuffix('0')} or more. "
    )
    if not len(pairs):
        return words
    where = f"in the {one} set" if one != other else "in the same set"
    tells = " Where it really is the same picture, a right answer says little." if one == "train" else ""
    return (
        f"{words}{count(touched)} of {count(n)} {other} pictures ({percent(touched / n)}) have such a picture "
        f"{where}.{tells if other != 'train' else ''}"
    )


def _draw_pairs(screen: Screen, pairs: Pairs, arrays: Arrays) -> None:
    """Draw a sheet of pairs, above it what the chosen one is, and below it all of them as a table."""
    classes = screen.subject.info.classes
    sheet = choose_sheet(screen, len(pairs), MOST_SHOWN)
    one, other = pairs.one[sheet], pairs.other[sheet]
    asked = url.number("pair")
    chosen = asked if asked is not None and asked < len(one) else 0
    screen.address["pair"] = chosen or None
    _draw_chosen(arrays, classes, (int(one[chosen]), int(other[chosen])))
    similar = zip(pairs.same[sheet], pairs.correlation[sheet], strict=True)
    tiles(
        key="data_pairs",
        values=_side_by_side(
            [_picture(arrays, number) for number in one], [_picture(arrays, number) for number in other]
        ),
        limits=(0.0, 255.0),
        palette="viridis",
        labels=["same" if same else f"{correlation:.3f}" for same, correlation in similar],
        tile_px=136,
        selected=chosen,
        hint="",
        description="Pairs of pictures that are alike, side by side, the most alike first.",
        on_pick=lambda tile: url.keep(pair=tile or None),
    )
    first = sheet.start + 1
    st.caption(
        f"Pairs {count(first)} to {count(first + len(one) - 1)} of {count(len(pairs))}, the most alike first. Below each: the "
        "similarity. Click a pair to see above what it is."
    )
    with st.expander("The same as a table", icon=":material/table:"):
        most = slice(0, 1_000)
        st.dataframe(
            pd.DataFrame(
                {
                    "One": [_name(arrays, number) for number in pairs.one[most]],
                    "It is": [cell(classes[_label(arrays, number)]) for number in pairs.one[most]],
                    "The other": [_name(arrays, number) for number in pairs.other[most]],
                    "It is ": [cell(classes[_label(arrays, number)]) for number in pairs.other[most]],
                    "Similarity": np.round(pairs.correlation[most].astype(np.float64), 4),
                    "Same pixels": pairs.same[most],
                }
            ),
            hide_index=True,
            alt="The pairs, up to a thousand, as numbers",
        )


def _draw_chosen(arrays: Arrays, classes: Sequence[str], pair: tuple[int, int]) -> None:
    """Draw what the two pictures of the chosen pair are, with a link to the feature maps of each."""
    labels = [_label(arrays, number) for number in pair]
    verdict = "the same class" if labels[0] == labels[1] else "**two classes**"
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(
            f"Chosen: {_name(arrays, pair[0])}, **{escape(classes[labels[0]])}**, and {_name(arrays, pair[1])}, "
            f"**{escape(classes[labels[1]])}**: {verdict}.",
            width="content",
        )
        for number in pair:
            url.link(
                navigation.feature_maps(),
                f"Maps of {_name(arrays, number)}",
                icon=":material/layers:",
                run=url.asked("run"),
                picture=_name(arrays, number).replace(" ", ":"),
            )


def _side_by_side(left: list[npt.NDArray[np.uint8]], right: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Return pairs of pictures [height, width, channels] as pictures of their own: [pairs, height, 2 · width + gap, 3]."""
    one, other = np.array(left), np.array(right)
    gap = np.full((*one.shape[:2], GAP_PX, one.shape[3]), 128, np.uint8)
    both = np.concatenate([one, gap, other], axis=2)
    return np.ascontiguousarray(np.broadcast_to(both, (*both.shape[:3], 3)))


def _picture(arrays: Arrays, number: int) -> npt.NDArray[np.uint8]:
    n = len(arrays.train_labels)
    return np.asarray(arrays.train_images[number] if number < n else arrays.test_images[number - n])


def _label(arrays: Arrays, number: int) -> int:
    n = len(arrays.train_labels)
    return int(arrays.train_labels[number] if number < n else arrays.test_labels[number - n])


def _name(arrays: Arrays, number: int) -> str:
    """Return a picture's file and its place in it: "test 77"."""
    n = len(arrays.train_labels)
    return f"train {number}" if number < n else f"test {number - n}"


def _words(one: SetName, other: SetName) -> str:
    return f"{one} and {other}" if one != other else f"within {one}"


def _choose_between(screen: Screen, numbers: dict[SetName, npt.NDArray[np.int64]]) -> tuple[SetName, SetName]:
    """Draw the list of pairs of sets and return the chosen one."""
    open_ones = {name: sets for name, sets in _CHOICES.items() if all(len(numbers[one]) for one in sets)}
    asked = url.asked("between")
    chosen = next((name for name in open_ones if name == asked), next(iter(open_ones)))
    if asked and asked != chosen and url.from_outside("between"):
        complain(f"There is nothing to compare “{asked}”. Here is: {_words(*open_ones[chosen])}.")
    set_widget(_BETWEEN, chosen)
    screen.controls.selectbox(
        "Compare",
        list(open_ones),
        key=_BETWEEN,
        format_func=lambda name: _words(*_CHOICES[name]),
        on_change=from_the_first,
        args=("between", _BETWEEN),
        width=200,
    )
    screen.address["between"] = chosen if chosen != next(iter(_CHOICES)) else None
    return open_ones[chosen]


def _choose_least(screen: Screen, complete_from: float) -> float:
    """Draw the slider of the similarity, which begins where every pair was kept, and return the one to list pairs from."""
    options = [step for step in _STEPS if step >= complete_from * 1000] or [_STEPS[-1]]
    options = options if len(options) > 1 else list(_STEPS[-2:])
    usual, asked = max(options[0], USUAL), url.number("alike")
    chosen = asked if asked is not None and asked in options else usual
    if url.asked("alike") and asked not in options and url.from_outside("alike"):
        complain(
            f"The similarity goes from {options[0]} to 1000 thousandths, not “{url.asked('alike')}”. Here is {chosen}."
        )
    set_widget(_ALIKE, chosen)
    screen.controls.select_slider(
        "Similarity, at least",
        options,
        key=_ALIKE,
        format_func=lambda thousandths: f"{thousandths / 1000:.3f}",
        on_change=_to_least,
        width=260,
        help=f"The {count(MOST_PAIRS)} most alike pairs of the dataset are kept: every pair above {complete_from:.4f}.",
    )
    screen.address["alike"] = chosen if chosen != usual else None
    return max(chosen / 1000, complete_from)


def _to_least() -> None:
    """Put the similarity into the address. A callback: where a click cuts a drawing short, its value may be a text."""
    if isinstance(st.session_state[_ALIKE], int):
        from_the_first("alike", _ALIKE)


DUPLICATES = register(
    View(
        name="duplicates",
        title="Duplicates",
        page="data",
        compute=compute,
        draw=draw,
        needs=frozenset(),
        cost="dataset",
        work=work,
        place=5,
        source="The very same pixels: equal 256-bit hashes. Alike: the correlation of both pictures, averaged to "
        f"{SIDE} × {SIDE} fields a channel and each channel less its mean; all pairs of the dataset are compared. CIFAR-10 and "
        "CIFAR-100 are known for test pictures with near-duplicates in the training set: B. Barz and J. Denzler, *Do We Train "
        "on Test Data? Purging CIFAR of Near-Duplicates* (J. Imaging 6(6), 2020), "
        "[arXiv:1902.00423](https://arxiv.org/abs/1902.00423). They compared features of a network and judged each pair by "
        "eye, so their counts are not those of this page: of the 193 pairs of a training and a test picture with a "
        "similarity of 0.970 or more, 94 are among their 286 pairs.",
    )
)
