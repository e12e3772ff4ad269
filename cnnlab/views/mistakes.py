"""This module is the view of single mistakes: those a network is surest of, and pictures whose label may be wrong."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from cnnlab.analysis.predictions.label_errors import EPOCHS, Suspects, suspects
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.dashboard.inspect.view import Screen, register
from cnnlab.dashboard.inspect.whole_set import (
    MOST_PICTURES,
    draw_pictures,
    headline,
    is_new,
    measured_at,
    set_view,
    shown,
)
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import tenths


def draw(screen: Screen, said: Predictions) -> None:
    """Draw the wrong answers that the network is surest of, and the pictures whose label several epochs contradict."""
    st.markdown(headline(screen, said))
    _draw_confident(screen, said)
    _draw_suspects(screen, said)


def _draw_confident(screen: Screen, said: Predictions) -> None:
    st.header("Most confident mistakes", anchor=False)
    wrong = np.flatnonzero(~said.right)
    if not len(wrong):
        st.markdown("None: every picture is right.")
        return
    members = wrong[np.argsort(-said.probability[wrong], kind="stable")][:MOST_PICTURES]
    says, sure = said.predicted[members], said.probability[members]
    names = [screen.subject.info.classes[answer] for answer in says]
    draw_pictures(screen, said, members, names, "mistakes_confident", "Wrong answers that the network is surest of.")
    st.caption(
        f"{_few(len(members), len(wrong), 'wrong answer')}, the surest first. Below each: what the network says. Click "
        "one to see its feature maps."
    )
    _table(screen, said, members, {"It says": says, "Sure, %": sure})


def _draw_suspects(screen: Screen, said: Predictions) -> None:
    """Draw the pictures that the newest epochs up to the one on the screen confidently take for another class."""
    st.header("Look at these: is the label right?", anchor=False)
    trained = [weights for weights in screen.selection.saved if 0 < weights.epoch <= screen.selection.epoch]
    asked = measured_at(screen, trained[-EPOCHS:])
    if len(asked) < 2:
        st.markdown(
            "Several epochs must say the same before a label is doubted. "
            f"Up to here {'one has' if asked else 'none has'} been measured on these pictures: choose a later epoch, or "
            "measure some earlier ones."
        )
        return
    found = suspects(list(asked.values()))
    epochs = ", ".join(map(str, asked))
    if not len(found):
        st.markdown(
            f"None: epochs {epochs} agree on no other class with confidence for any of the {len(said)} pictures."
        )
        return
    st.markdown(
        f"**{shown(len(found))}** of {shown(len(said))[: -len(' pictures')]}: epochs {epochs} all take them with "
        "confidence for one other class. **This is a list to look at, not a verdict**: most are the network's mistakes, "
        f"a few may be wrong labels.{_caution(screen)}"
    )
    members = found.picture[:MOST_PICTURES]
    names = [screen.subject.info.classes[label] for label in said.labels[members]]
    draw_pictures(screen, said, members, names, "mistakes_suspects", "Pictures whose label may be wrong.")
    st.caption(
        f"{_few(len(members), len(found), 'picture')}, the strongest disagreement first. Below each: its label. Is that "
        "what you see? Click one to see its feature maps."
    )
    _suspects_table(screen, said, found, members)


def _suspects_table(screen: Screen, said: Predictions, found: Suspects, members: npt.NDArray[np.int64]) -> None:
    n = len(members)
    columns = {"They say": found.instead[:n], "Sure, %": found.belief[:n], "Of the label, %": found.label_belief[:n]}
    _table(screen, said, members, columns)


def _caution(screen: Screen) -> str:
    """Return a sentence on what the network has seen before; empty for pictures that it has not."""
    if is_new(screen):
        return ""
    return " The network was trained on these labels: what it has learnt by heart it does not contradict any more."


def _few(shown_number: int, number: int, what: str) -> str:
    return f"{shown(number, what)}" if shown_number == number else f"{shown_number} of {shown(number, what)}"


def _table(
    screen: Screen, said: Predictions, members: npt.NDArray[np.int64], columns: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Draw the same pictures as a table: their place in the dataset's file, their class, and `columns`."""
    pictures, classes = screen.subject.pictures(), screen.subject.info.classes
    cells: dict[str, list[object]] = {
        "Picture": [f"{pictures.file} {place}" for place in pictures.places[members]],
        "It is": [escape(classes[label]) for label in said.labels[members]],
    }
    for name, values in columns.items():
        if np.issubdtype(values.dtype, np.floating):
            cells[name] = [tenths(float(value)) for value in values]
        else:
            cells[name] = [classes[int(value)] for value in values]
    with st.expander("The same as a table", icon=":material/table:"):
        numbers = {name: st.column_config.NumberColumn(format="%.1f") for name in cells if name.endswith("%")}
        st.dataframe(
            pd.DataFrame(cells), hide_index=True, column_config=numbers, alt=side.alt("The pictures above, as numbers")
        )


MISTAKES = register(
    set_view(
        name="mistakes",
        title="Mistakes",
        place=3,
        draw=draw,
        source="How sure: the softmax probability of the class that is said. Labels to look at: confident learning, "
        "C. Northcutt, L. Jiang, I. Chuang, *Confident Learning: Estimating Uncertainty in Dataset Labels* (JAIR 70, 2021), "
        "[arXiv:1911.00068](https://arxiv.org/abs/1911.00068). A network is confident of a class when its probability reaches "
        "the mean probability that the pictures with this label get. Listed is what the confident joint counts off its "
        f"diagonal at each of the last {EPOCHS} kept epochs, in the same cell, by the mean of (probability of the label − "
        "probability of the other class). People who checked CIFAR-10's 10,000 test labels found 54 that are wrong: "
        "C. Northcutt, A. Athalye, J. Mueller, *Pervasive Label Errors in Test Sets Destabilize Machine Learning Benchmarks* "
        "(2021), [arXiv:2103.14749](https://arxiv.org/abs/2103.14749).",
    )
)
