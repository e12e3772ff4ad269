"""This module is the view of a whole set under changes: accuracy over the strength of one change."""

import pandas as pd
import streamlit as st

from cnnlab.analysis.intervals import interval95
from cnnlab.dashboard.data.picture_sets import HELD_OUT
from cnnlab.dashboard.inspect.choosers import choose_option
from cnnlab.dashboard.inspect.view import Options, Screen, Subject, View, register
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures.predictions.robustness import robustness_curve
from cnnlab.formatting import NARROW, count, percent, percent_range, points, tenths
from cnnlab.inspection.robustness import curve
from cnnlab.inspection.robustness.changes import CHANGES, Change, change_of
from cnnlab.inspection.robustness.curve import Curve


def compute(subject: Subject) -> Curve:
    """Compute how many pictures of the chosen set are right at each strength of the chosen change."""
    pictures = subject.pictures()
    where = pictures.images, pictures.places, pictures.labels
    with subject.network() as network:
        return curve.measure(network, *where, *subject.normalisation, _change(subject), subject.progress)


def choose(screen: Screen) -> Options:
    """Draw the choice of the change and what it does, and return it."""
    options = choose_option(screen, "change", "Change", {change.name: change.title for change in CHANGES})
    chosen = change_of(str(dict(options).get("change", CHANGES[0].name)))
    st.caption(f"{chosen.how} Measured at {', '.join(chosen.words(strength) for strength in chosen.strengths)}.")
    return options


def draw(screen: Screen, measured: Curve) -> None:
    """Draw accuracy over strength, in words, as a curve and as a table."""
    change, name = _change(screen.subject), screen.subject.set or ""
    n = int(measured.pictures[0])
    shares = [int(right) / n for right in measured.right]
    intervals = [interval95(share, n) for share in shares] if screen.subject.set in HELD_OUT else None
    words = [change.words(int(strength)) for strength in measured.strengths]
    st.markdown(_sentence(name, words, shares, intervals, n, screen.selection.when))
    scale = 10 if change.name == "blur" else 1
    st.plotly_chart(
        robustness_curve(
            [int(strength) / scale for strength in measured.strengths],
            words,
            shares,
            intervals,
            name,
            change.axis,
            1 / len(screen.subject.info.classes),
        ),
        key=side.key("robust_curve"),
        config={"displayModeBar": False},
        alt=f"{name} accuracy over {change.axis}; the table below holds the same numbers",
    )
    whiskers = f" Whiskers: 95{NARROW}% intervals." if intervals else ""
    st.caption(f"{count(n)} pictures at each strength: eval mode, float32 on the CPU.{whiskers}")
    with st.expander("The same as a table", icon=":material/table:"):
        rows = {
            change.title: words,
            "Right, %": [tenths(share) for share in shares],
            "Right": measured.right.tolist(),
        }
        if intervals:
            rows[f"95{NARROW}% interval"] = [percent_range(*ends) for ends in intervals]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=side.alt(f"{name} accuracy at each strength"))


def _sentence(
    name: str, words: list[str], shares: list[float], intervals: list[tuple[float, float]] | None, n: int, when: str
) -> str:
    """Return the accuracy without a change and with the strongest one."""
    interval = f" (95{NARROW}% interval {percent_range(*intervals[0])})" if intervals else ""
    lost = shares[0] - shares[-1]
    return (
        f"**{escape(name.capitalize())} accuracy {percent(shares[0])}** as the pictures are{interval}, {when}, and "
        f"**{percent(shares[-1])}** at {words[-1]}: {points(abs(lost))} {'less' if lost >= 0 else 'more'}. n = {count(n)}."
    )


def _change(subject: Subject) -> Change:
    return change_of(str(subject.option("change") or CHANGES[0].name))


ROBUST_CURVE = register(
    View(
        name="robust_curve",
        title="A whole set",
        page="feature_maps",
        place=9,
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "set", "options"}),
        cost="dataset",
        family="Robust?",
        choose=choose,
        source="Every picture of the set at every strength, changed on whole pixels from 0 to 255 before the normalisation. "
        "After Hendrycks and Dietterich, *Benchmarking Neural Network Robustness to Common Corruptions and Perturbations* "
        "(2019), [arXiv:1903.12261](https://arxiv.org/abs/1903.12261). FGSM, which makes the loss of the true class larger: "
        "Goodfellow, Shlens and Szegedy, *Explaining and Harnessing Adversarial Examples* (2015), "
        "[arXiv:1412.6572](https://arxiv.org/abs/1412.6572). Intervals: Wilson (1927).",
    )
)
