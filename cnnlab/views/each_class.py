"""This module is the view of each class: how well a network recognises it, and with which other one it mixes it up."""

from typing import Any

import pandas as pd
import streamlit as st

from cnnlab.analysis.predictions.by_class import ClassScore, Counts, class_scores, confusion_matrix, mixed_up
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.dashboard.inspect.beside import answers
from cnnlab.dashboard.inspect.view import Screen, register
from cnnlab.dashboard.inspect.whole_set import headline, is_new, set_view
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.data import DatasetInfo
from cnnlab.figures.predictions.class_accuracy import class_accuracy
from cnnlab.formatting import NARROW, count, percent, percent_range, tenths

_PAIRS = "each_class_pairs"
MOST_BARS = 20
"""Number of classes above which only the table shows all: the bars are those of the worst."""


def draw(screen: Screen, said: Predictions) -> None:
    """Draw the accuracy of each class, the worst first, and the pairs of classes that are mixed up most."""
    info, new = screen.subject.info, is_new(screen)
    counts = confusion_matrix(said.labels, said.predicted, len(info.classes))
    scores = sorted(class_scores(counts), key=lambda score: (score.accuracy is None, score.accuracy))
    st.markdown(headline(screen, said))
    left, right = side.columns([5, 4], gap="medium")
    with left:
        _draw_bars(screen, scores, said, new=new)
    with right:
        _draw_pairs(counts, info)
        _draw_table(scores, info, new=new)


def _draw_bars(screen: Screen, scores: list[ClassScore], said: Predictions, *, new: bool) -> None:
    st.header("Accuracy of each class", anchor=False)
    shown = scores[:MOST_BARS]
    st.plotly_chart(
        class_accuracy(shown, screen.subject.info.classes, str(screen.subject.set), new=new),
        key=side.key("each_class_bars"),
        config={"displayModeBar": False, "scrollZoom": False},
        alt="Accuracy of each class, the worst first; the table beside it holds the same numbers",
    )
    whiskers = (
        f" Whiskers: 95{NARROW}% intervals. Where they overlap widely, do not trust the order."
        if new
        else " No intervals: the network was trained on these pictures, so they say nothing of others."
    )
    few = f"The {count(len(shown))} worst of {count(len(scores))} classes. " if len(shown) < len(scores) else ""
    of = "these" if few else "all"
    mean = sum(score.right for score in shown) / max(1, sum(score.n for score in shown)) if few else said.accuracy
    st.caption(
        f"{few}Each bar: the share of the class's pictures that are right. Line: {of}, {percent(mean)}.{whiskers}"
    )


def _draw_pairs(counts: Counts, info: DatasetInfo) -> None:
    """Draw the table of the pairs of classes that are mixed up most, in both directions together."""
    st.header("Most confused pairs", anchor=False)
    pairs = mixed_up(counts)
    if not pairs:
        st.markdown("None: every picture is right.")
        return
    table = pd.DataFrame(
        {
            "Pair": [f"{info.classes[a]} and {info.classes[b]}" for a, b in pairs],
            "Pictures": [int(counts[a, b] + counts[b, a]) for a, b in pairs],
            "First": [int(counts[a, b]) for a, b in pairs],
            "Second": [int(counts[b, a]) for a, b in pairs],
        }
    )
    key = side.key(_PAIRS)
    st.session_state[key] = {"selection": {"rows": []}}
    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height=250,
        on_select=lambda: _open(key, pairs),
        selection_mode="single-row",
        column_config={
            "Pair": st.column_config.TextColumn(width=150),
            "Pictures": st.column_config.NumberColumn("Both", width=50, help="Pictures of either, called the other"),
            "First": st.column_config.NumberColumn("1 as 2", width=60, help="Pictures of the first, called the second"),
            "Second": st.column_config.NumberColumn(
                "2 as 1", width=60, help="Pictures of the second, called the first"
            ),
        },
        alt=side.alt(
            "Pairs of classes that are mixed up, the most frequent first. A row opens the pictures of its larger half."
        ),
    )
    st.caption("A row opens its pictures: those of the more frequent direction.")


def _draw_table(scores: list[ClassScore], info: DatasetInfo, *, new: bool) -> None:
    """Draw the table of each class's numbers, the worst class first."""
    with st.expander("All classes as a table", icon=":material/table:", expanded=len(scores) > MOST_BARS):
        rows: list[dict[str, Any]] = []
        for score in scores:
            interval = {"Interval": percent_range(*score.interval)} if new else {}
            right, precision = score.accuracy, score.precision
            rows.append(
                {
                    "Class": info.classes[score.index],
                    "Right": None if right is None else tenths(right),
                    **interval,
                    "Pictures": score.n,
                    "True": None if precision is None else tenths(precision),
                }
            )
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config={
                "Class": st.column_config.TextColumn(width=90),
                "Right": st.column_config.NumberColumn(
                    "Right, %", width=60, format="%.1f", help="Of the class's pictures (recall)"
                ),
                "Interval": st.column_config.TextColumn(f"95{NARROW}% interval", width=90),
                "Pictures": st.column_config.NumberColumn(width=60),
                "True": st.column_config.NumberColumn(
                    "True, %",
                    width=60,
                    format="%.1f",
                    help="When the network says this class, how often it is right (precision)",
                ),
            },
            alt=side.alt(
                "For each class: share of right answers, number of pictures, and how often its name is said rightly"
            ),
        )


def _open(key: str, pairs: list[tuple[int, int]]) -> None:
    """Show the pictures of the chosen pair in the confusion matrix (a callback)."""
    rows = st.session_state[key].selection.rows
    if rows and rows[0] < len(pairs):
        truth, answer = pairs[rows[0]]
        url.keep(view="confusion", cell=f"{truth}.{answer}")


EACH_CLASS = register(
    set_view(
        name="each_class",
        title="Each class",
        place=2,
        draw=draw,
        difference=answers.draw_each_class,
        source="The accuracy of a class is the share of its pictures that the network names so (recall); the share of the "
        "answers with a name that are right is its precision. Intervals: Wilson, *Probable inference, the law of succession, "
        "and statistical inference* (1927), each for its class alone: of twenty intervals one misses the truth on average.",
    )
)
