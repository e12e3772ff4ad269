"""This module is the reliability view: how often a network is right, by how sure it is."""

import pandas as pd
import streamlit as st

from cnnlab.analysis.predictions.calibration import BINS, Calibration, calibration
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.dashboard.inspect.view import Screen, register
from cnnlab.dashboard.inspect.whole_set import headline, is_new, set_view
from cnnlab.dashboard.state import side
from cnnlab.figures.predictions.reliability import reliability
from cnnlab.formatting import NARROW, count, percent, percent_range, points, tenths


def draw(screen: Screen, said: Predictions) -> None:
    """Draw the reliability diagram, its error and the numbers of its bins."""
    found, new = calibration(said), is_new(screen)
    st.markdown(headline(screen, said))
    left, right = side.columns([5, 4], gap="medium")
    with left:
        st.plotly_chart(
            reliability(found, str(screen.subject.set), new=new),
            key=side.key("reliability"),
            config={"displayModeBar": False, "scrollZoom": False},
            alt="Reliability diagram; the table beside it holds the same numbers",
        )
    with right:
        _draw_words(screen, found)
        _draw_table(found, new=new)


def _draw_words(screen: Screen, found: Calibration) -> None:
    st.header("Is it as often right as it is sure?", anchor=False)
    surer = "too sure" if found.excess > 0 else "too modest"
    st.markdown(
        f"**Expected calibration error {points(found.error)}**: {BINS} bins of equal width, n = {count(found.n)}, "
        f"{screen.subject.set}. A network whose every probability is true would show about {points(found.by_luck)} "
        f"by luck with so many pictures, and seldom more than {points(found.seldom_more)}."
    )
    if found.error <= found.seldom_more:
        st.markdown("So luck explains it: as far as these pictures tell, it knows how sure it may be.")
    else:
        st.markdown(
            f"On average it is {percent(found.confidence)} sure and {percent(found.accuracy)} right: {surer} by "
            f"{points(abs(found.excess))}."
        )
    st.caption(
        "How to read it: all answers of which the network is about 80 % sure stand in one bar. If 80 % of them are "
        "right, the bar ends at the dotted line. A bar below the line: it is surer than it should be."
    )
    if not is_new(screen):
        st.caption("The network was trained on these pictures: of new ones it is less often right.")


def _draw_table(found: Calibration, *, new: bool) -> None:
    with st.expander("The bins as a table", icon=":material/table:"):
        rows = [
            {
                "Sure": percent_range(one.low, one.high),
                "Pictures": one.n,
                "Mean, %": tenths(one.confidence),
                "Right, %": tenths(one.accuracy),
                **({"Interval": percent_range(*one.interval)} if new else {}),
            }
            for one in found.bins
        ]
        columns = {
            "Mean, %": st.column_config.NumberColumn(format="%.1f", help="Mean probability of what it says"),
            "Right, %": st.column_config.NumberColumn(format="%.1f"),
            "Interval": st.column_config.TextColumn(f"95{NARROW}% interval"),
        }
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config=columns,
            alt=side.alt("For each bin: how sure, and how often right"),
        )


RELIABILITY = register(
    set_view(
        name="reliability",
        title="How sure it is",
        place=4,
        draw=draw,
        source="C. Guo, G. Pleiss, Y. Sun, K. Weinberger, *On Calibration of Modern Neural Networks* (2017), "
        "[arXiv:1706.04599](https://arxiv.org/abs/1706.04599). With $B_m$ the pictures of bin $m$:\n\n"
        r"$$\text{ECE} = \sum_m \frac{|B_m|}{n} \, \big|\text{acc}(B_m) - \text{conf}(B_m)\big|$$"
        "\n\nEven a network whose probabilities are all true has an error above zero, because each bin holds only so many "
        r"pictures: about $\sum_m \frac{1}{n} \sqrt{\tfrac{2}{\pi} \sum_{i \in B_m} p_i (1 - p_i)}$. Intervals: Wilson (1927).",
    )
)
