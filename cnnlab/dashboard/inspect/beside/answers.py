"""This module draws how the answers of two networks to the same pictures differ: in all, by class, and in the matrix."""

import numpy as np
import pandas as pd
import streamlit as st

from cnnlab.analysis.predictions.by_class import confusion_matrix
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.analysis.significance.lesions import Effect, by_class, effects
from cnnlab.dashboard.inspect.beside import difference
from cnnlab.dashboard.inspect.view import Screen
from cnnlab.dashboard.inspect.whole_set import is_new
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures.confusion_matrix import difference_figure
from cnnlab.figures.difference_bars import difference_bars
from cnnlab.formatting import NARROW, count, percent, points, points_range, tenths

CONFIG = {"displayModeBar": False, "scrollZoom": False}


def draw_confusion(left: Screen, right: Screen, said: Predictions, other: Predictions) -> None:
    """Draw the left confusion matrix minus the right one, where both are of the same pictures."""
    difference.header(left, right)
    if not _same_pictures(left, right, said, other):
        return
    _draw_accuracy(left, right, said, other)
    classes = left.subject.info.classes
    counts, theirs = (confusion_matrix(one.labels, one.predicted, len(classes)) for one in (said, other))
    away = counts - theirs
    st.plotly_chart(
        difference_figure(away, classes),
        key="confusion_difference",
        config=CONFIG,
        alt="The left confusion matrix minus the right one; the table below it holds the same numbers",
    )
    first, second = (escape(difference.in_words(one)) for one in (left, right))
    most = count(int(np.abs(away).max()))
    st.caption(
        f"Each row is a true class, each column what a network says. Orange: more pictures in {first}. Blue: more in {second}. "
        f"No colour: as many. Full colour at {most} pictures, either way. On the diagonal more is better, elsewhere fewer."
    )
    with st.expander("The same as a table", icon=":material/table:"):
        table = pd.DataFrame(away, index=pd.Index(classes, name="it is"), columns=list(classes))
        st.dataframe(
            table, alt="Rows: true class. Columns: what is said. Pictures on the left minus those on the right."
        )


def draw_each_class(left: Screen, right: Screen, said: Predictions, other: Predictions) -> None:
    """Draw by how many points the accuracy of each class is higher on the left, where both saw the same pictures."""
    difference.header(left, right)
    if not _same_pictures(left, right, said, other):
        return
    _draw_accuracy(left, right, said, other)
    classes, new = left.subject.info.classes, is_new(left) and is_new(right)
    found = by_class(said.labels, _predicted(other), _predicted(said), len(classes))
    known = [(name, effect) for name, effect in zip(classes, found, strict=True) if effect.n]
    known.sort(key=lambda pair: pair[1].change)
    st.plotly_chart(
        difference_bars(
            [name for name, _ in known],
            [effect.change for _, effect in known],
            f"difference of the accuracy, {left.subject.set}, points",
            [(effect.low, effect.high) for _, effect in known] if new else None,
        ),
        key="each_class_difference",
        config=CONFIG,
        alt="Difference of the accuracy of each class, in points; the table below it holds the same numbers",
    )
    first, second = (escape(difference.in_words(one)) for one in (left, right))
    whiskers = (
        f" Whiskers: 95{NARROW}% intervals that hold for all classes together. Where one holds 0, it may as well be chance."
        if new
        else ""
    )
    st.caption(f"Orange: {first} is right more often. Blue: {second} is.{whiskers}")
    _draw_table(known, new=new)


def _draw_table(known: list[tuple[str, Effect]], *, new: bool) -> None:
    with st.expander("The same as a table", icon=":material/table:"):
        rows = [
            {
                "Class": name,
                "Left, %": tenths(effect.after),
                "Right, %": tenths(effect.before),
                "Difference": tenths(effect.change),
                **({"Interval": points_range(effect.low, effect.high)} if new else {}),
            }
            for name, effect in known
        ]
        columns = {name: st.column_config.NumberColumn(format="%.1f") for name in ("Left, %", "Right, %", "Difference")}
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config=columns,
            alt="Accuracy of each class on the left and on the right, and the difference in points",
        )


def _draw_accuracy(left: Screen, right: Screen, said: Predictions, other: Predictions) -> None:
    """Draw the sentence on the accuracies over all pictures: by how much they differ, and whether that may be chance."""
    (whole,) = effects(said.labels, _predicted(other), [_predicted(said)])
    new = is_new(left) and is_new(right)
    interval = f" (95{NARROW}% interval {points_range(whole.low, whole.high)})" if new else ""
    chance = (
        "" if whole.shown or not new else " **The pictures do not show which is better**: it may as well be chance."
    )
    only = int((said.right & ~other.right).sum()), int((other.right & ~said.right).sum())
    st.markdown(
        f"On the same {count(len(said))} {left.subject.set} pictures: {percent(whole.after)} against "
        f"{percent(whole.before)}, **{points(whole.change)}**{interval}. Answered right by "
        f"{escape(difference.in_words(left))} alone: {count(only[0])}; by {escape(difference.in_words(right))} alone: "
        f"{count(only[1])}.{chance}"
    )


def _predicted(said: Predictions) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    return said.predicted.astype(np.int16)


def _same_pictures(left: Screen, right: Screen, said: Predictions, other: Predictions) -> bool:
    """Return whether both answered the same pictures; where not, say so: then nothing can be subtracted."""
    places = [one.subject.pictures() for one in (left, right)]
    if np.array_equal(places[0].places, places[1].places) and np.array_equal(said.labels, other.labels):
        return True
    st.info(
        f"The two runs have other {left.subject.set} pictures, so their answers cannot be subtracted. The test set is the "
        "same for all runs of a dataset: choose it above.",
        icon=":material/difference:",
    )
    return False
