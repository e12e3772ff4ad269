"""This module is the confusion matrix view: which classes a network takes for which, over a whole set of pictures."""

from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from cnnlab.analysis.predictions.by_class import Counts, confused_pairs, confusion_matrix
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.dashboard.inspect.beside import answers
from cnnlab.dashboard.inspect.view import Screen, register
from cnnlab.dashboard.inspect.whole_set import MOST_PICTURES, draw_pictures, headline, set_view, shown
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.data import DatasetInfo
from cnnlab.figures.confusion_matrix import confusion_figure, largest_wrong
from cnnlab.formatting import NARROW, percent, tenths

_MATRIX, _MISTAKES = "confusion_matrix", "confusion_mistakes"


def draw(screen: Screen, said: Predictions) -> None:
    """Draw the confusion matrix, the most frequent mistakes, and a chosen cell's pictures."""
    info = screen.subject.info
    counts = confusion_matrix(said.labels, said.predicted, len(info.classes))
    st.markdown(headline(screen, said))
    cell = _cell(len(info.classes))
    left, right = side.columns([5, 4], gap="medium")
    with left:
        theirs = screen.other and confusion_matrix(screen.other.labels, screen.other.predicted, len(info.classes))
        _draw_matrix(counts, info, theirs)
    with right:
        _draw_mistakes(counts, info, cell)
    screen.address["cell"] = None if cell is None else f"{cell[0]}.{cell[1]}"
    with right:
        if cell is None:
            st.caption("Pick a cell of the matrix, or a row of the mistakes, to see its pictures.")
        else:
            _draw_pictures(screen, said, counts, cell)


def _draw_matrix(counts: Counts, info: DatasetInfo, beside: Counts | None) -> None:
    """Draw the matrix; `beside`: the one that stands beside it, so that both have the same colours."""
    top = max(largest_wrong(one) for one in (counts, beside) if one is not None)
    st.plotly_chart(
        confusion_figure(counts, info.classes, top),
        key=side.key(_MATRIX),
        on_select=partial(_pick_cell, side.key(_MATRIX)),
        selection_mode="points",
        config={"displayModeBar": False, "scrollZoom": False},
        alt="Confusion matrix; the table below it holds the same numbers",
    )
    st.caption(
        f"Each row is a true class, each column what the network says. Blue: right, full colour at 100{NARROW}% of the row. "
        f"Orange: wrong, full colour at {percent(top)} of the row{'' if beside is None else ', on both sides'}. No colour: no "
        "picture."
    )
    with st.expander("The same as a table", icon=":material/table:"):
        table = pd.DataFrame(counts, index=pd.Index(info.classes, name="it is"), columns=list(info.classes))
        st.dataframe(table, alt=side.alt("Rows: true class. Columns: what the network says. Numbers of pictures."))


def _draw_mistakes(counts: Counts, info: DatasetInfo, cell: tuple[int, int] | None) -> None:
    """Draw the table of the most frequent mistakes: true class, predicted class and number of pictures."""
    st.header("Most frequent mistakes", anchor=False)
    cells = confused_pairs(counts)
    if not len(cells):
        st.markdown("None: every picture is right.")
        return
    total = counts.sum(axis=1)
    table = pd.DataFrame(
        {
            "It is": [info.classes[truth] for truth, _ in cells],
            "It says": [info.classes[answer] for _, answer in cells],
            "Pictures": [int(counts[truth, answer]) for truth, answer in cells],
            "%": [tenths(counts[truth, answer] / total[truth]) for truth, answer in cells],
        }
    )
    marked = [row for row, pair in enumerate(cells.tolist()) if tuple(pair) == cell]
    key = side.key(_MISTAKES)
    st.session_state[key] = {"selection": {"rows": marked}}  # the mark belongs to the pair, not to its row
    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height=250,
        on_select=lambda: _pick_row(key, cells),
        selection_mode="single-row",
        column_config={
            "It is": st.column_config.TextColumn(width=85),
            "It says": st.column_config.TextColumn(width=85),
            "Pictures": st.column_config.NumberColumn("Number", width=60),
            "%": st.column_config.NumberColumn(width=50, format="%.1f", help="Of all pictures of the true class"),
        },
        alt=side.alt("Pairs of classes that are confused, the most frequent first. A row opens its pictures."),
    )


def _draw_pictures(screen: Screen, said: Predictions, counts: Counts, cell: tuple[int, int]) -> None:
    """Draw the pictures of one cell of the confusion matrix, first those of which the network was surest."""
    truth, answer = cell
    info, number = screen.subject.info, int(counts[cell])
    names = escape(info.classes[truth]), escape(info.classes[answer])
    head = f"{names[0]}, and the network says so" if truth == answer else f"{names[0]}, but the network says {names[1]}"
    st.header(f"{head}: {shown(number)}", anchor=False)
    if not number:
        return
    members = np.flatnonzero((said.labels == truth) & (said.predicted == answer))
    members = members[np.argsort(-said.probability[members], kind="stable")][:MOST_PICTURES]
    labels = [percent(float(said.probability[member])) for member in members]
    description = f"Pictures that are {info.classes[truth]} and were called {info.classes[answer]}."
    draw_pictures(screen, said, members, labels, "confusion_pictures", description)
    which = f"The {len(members)} it is surest of. " if number > len(members) else ""
    st.caption(f"{which}Below each: how sure the network is. Click one to see its feature maps.")


def _cell(classes: int) -> tuple[int, int] | None:
    """Return the matrix cell that the address names, "3.5" for row 3, column 5; None where the address names none."""
    parts = [url.whole(part) for part in (url.asked("cell") or "").split(".")]
    match parts:
        case [int(truth), int(answer)] if truth < classes and answer < classes:
            return truth, answer
    return None


def _pick_cell(key: str) -> None:
    points = st.session_state[key].selection.points
    if points:
        url.keep(cell=f"{int(points[0]['y'])}.{int(points[0]['x'])}")


def _pick_row(key: str, cells: npt.NDArray[np.int64]) -> None:
    rows = st.session_state[key].selection.rows
    if rows and rows[0] < len(cells):
        truth, answer = cells[rows[0]]
        url.keep(cell=f"{truth}.{answer}")
    elif not rows:
        url.keep(cell=None)


CONFUSION = register(
    set_view(
        name="confusion",
        title="Confusion matrix",
        place=1,
        draw=draw,
        difference=answers.draw_confusion,
        source="The confusion matrix counts pictures: row = true class, column = the class of the network's largest number. "
        "The name: Townsend, *Theoretical analysis of an alphabetic confusion matrix* (1971). Accuracy is the sum of its "
        "diagonal over the sum of all cells. Intervals: Wilson (1927).",
    )
)
