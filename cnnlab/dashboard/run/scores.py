"""This module draws what a finished run is worth on the whole of each set, with what the number of pictures can tell."""

from collections.abc import Sequence

import streamlit as st

from cnnlab.analysis.diagnosis import best_epoch, diagnose, overfitting
from cnnlab.analysis.intervals import interval95
from cnnlab.dashboard.run import next_steps
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import augmented_test, count, percent, points
from cnnlab.records import EpochRecord, Score
from cnnlab.runs import Run

VIEWS = {
    "none": "as it is",
    "mirror": "as it is and mirrored",
    "mirror_shift": "as it is, shifted by a pixel to two sides, and each of them mirrored",
}


def show(run: Run, epochs: Sequence[EpochRecord]) -> None:
    """Draw the scores of the last epoch on the whole sets, and what they mean in sentences."""
    assert run.results is not None
    final = run.results.final
    st.header("How good is it?", anchor=False)
    with st.grid(4, min_column_width=140, gap="small"):
        _score("Train", final.train, "The pictures it was trained on.")
        if final.validation:
            _score("Validation", final.validation, "The pictures held out to choose by.")
        _score("Test", final.test, "The test set, which neither training nor choosing has seen.")
        st.metric(
            "Gap",
            points(final.train.accuracy - final.test.accuracy),
            delta_description="train – test",
            help="What it knows of its training pictures only: 0 where all it learnt carries over to new ones.",
        )
    st.caption(
        f"Accuracy after the last epoch ({final.epoch}) on the whole of each set, and how many pictures that is; in grey "
        "the 95 % interval: where the accuracy would lie on endlessly many such pictures."
    )
    if augmented := final.test_augmented:
        low, high = interval95(augmented.accuracy, augmented.n)
        st.markdown(
            f"**With test-time augmentation: {augmented_test(augmented)}, {percent(augmented.accuracy)}** "
            f":gray[· 95 % interval {100 * low:.1f} – {percent(high)} · each test picture is judged by the mean over "
            f"{augmented.views} views of it: {VIEWS[run.config.test_time_augmentation]}. Every other number here is "
            "measured on the picture alone.]"
        )
    for sentence in (overfitting("This run", epochs, run.results), best_epoch(run.results)):
        st.markdown(escape(sentence))
    next_steps.offer(run, diagnose(epochs).sign)


def _score(name: str, score: Score, help: str) -> None:
    low, high = interval95(score.accuracy, score.n)
    st.metric(
        name,
        percent(score.accuracy),
        delta=f"{100 * low:.1f} – {percent(high)}",
        delta_color="off",
        delta_arrow="off",
        delta_description=f"of {count(score.n)}",
        help=help,
    )
