"""This module draws the chosen runs side by side: which is better, how far apart train and test are, and how each came
there.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import pandas as pd
import streamlit as st

from cnnlab.analysis.diagnosis import Contender, Sign, comparison, diagnose, overfitting
from cnnlab.dashboard.compare.table import dot, settings_that_differ, value_of
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures.accuracy_bars import RunScores, accuracy_bars
from cnnlab.figures.learning_curves import Measure, RunCurve, curves
from cnnlab.figures.style import RUN_COLOURS
from cnnlab.records import FullScores
from cnnlab.runs import Run, Store

When = Literal["last", "best"]
WHEN: dict[When, str] = {"last": "last epoch", "best": "best epoch"}
"""The epochs that a run can be judged by, and what they are called."""

MEASURES: tuple[Measure, ...] = ("accuracy", "loss")

MARKS = {
    Sign.OVERFITS: ":red[:material/trending_up:]",
    Sign.UNSTABLE: ":red[:material/ssid_chart:]",
    Sign.GROWING: ":orange[:material/visibility:]",
    Sign.NONE: ":green[:material/check_circle:]",
}

SIDE_BY_SIDE = 3
"""Runs up to which half the page's width is enough for a figure."""

QUIET = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}

REFRESH_S = 3.0
"""Between two looks at runs that still train; the figures change after an epoch only."""


def show(store: Store, chosen: Sequence[Run]) -> None:
    """Draw the sentence, the bars and the curves of the chosen runs, again and again while one of them trains."""
    ids = [run.id for run in chosen]

    def read() -> Sequence[Run]:
        by_id = {run.id: run for run in store.list()}
        return [by_id[id] for id in ids if id in by_id]

    poll(read, partial(_show, store, ids), chosen, every_s=pace_s, outside=len, key="compare")


def pace_s(runs: Sequence[Run]) -> float | None:
    """Return the seconds between two looks at these runs; None where nothing changes by itself."""
    return REFRESH_S if any(run.status.active for run in runs) else None


def _show(store: Store, ids: Sequence[str], chosen: Sequence[Run]) -> None:
    when = _when() if any(run.results for run in chosen) else "last"
    scored = [(run, scores) for run in chosen if (scores := scores_of(run, when))]
    if sentence := comparison([Contender(run.name, run.config.dataset, scores) for run, scores in scored]):
        st.markdown(f"**{escape(sentence)}**")
    for number, run in enumerate(chosen):
        _verdict(store, run, RUN_COLOURS[number])
    if scored:
        st.plotly_chart(
            accuracy_bars([RunScores(run.name, scores, RUN_COLOURS[ids.index(run.id)]) for run, scores in scored]),
            key="compare_bars",
            config=QUIET,
            alt="Train, validation and test accuracy of each run, with the gap and the 95 % intervals",
        )
        st.caption(
            f"Accuracy of the {WHEN[when]} on the whole of each set. The bracket is the gap between train and test; the "
            "whisker is the 95 % interval that so many pictures allow."
        )
    _curves(store, chosen)


def _when() -> When:
    when: When = st.segmented_control(
        "Judged after the",
        list(WHEN),
        format_func=lambda when: WHEN[when],
        default="last",
        required=True,
        key="compare_when",
        persist_state="session",
        help="The best epoch is the one of the highest validation accuracy; without validation, the last.",
    )
    return when


def _verdict(store: Store, run: Run, colour: str) -> None:
    """Write whether the run overfits, after its coloured dot."""
    epochs = store.epochs(run.id)
    sign = diagnose(epochs).sign
    with st.container(horizontal=True, wrap=False, gap="xsmall"):
        st.image(dot(colour), width=16, alt="The colour of this run")
        mark = f"{MARKS[sign]} " if sign in MARKS else ""
        unmeasured = f"{run.name} comes from a file: nothing of it was measured here."
        said = unmeasured if run.imported else overfitting(run.name, epochs, run.results)
        st.markdown(mark + escape(said), width="stretch")


def _curves(store: Store, chosen: Sequence[Run]) -> None:
    drawn = [
        RunCurve(run.name, store.epochs(run.id), run.best_epoch, run.results) for run in chosen if not run.imported
    ]
    if not drawn:
        return
    places = st.columns(2) if len(chosen) <= SIDE_BY_SIDE else [st.container(), st.container()]
    for place, measure in zip(places, MEASURES, strict=True):
        with place:
            st.markdown(f"**{measure.capitalize()} after each epoch**")
            st.plotly_chart(
                curves(drawn, measure),
                key=f"compare_{measure}",
                config=QUIET,
                alt=f"{measure.capitalize()} of the chosen runs after each epoch, on train sample, validation and test",
            )
    st.caption(
        "Where the solid line goes on and the dashed one does not follow, the run learns by heart. ★ best epoch."
    )


def scores_of(run: Run, when: When) -> FullScores | None:
    """Return the scores on the whole sets, of the last or the best epoch; None while the run has none."""
    if run.results is None:
        return None
    return run.results.best if when == "best" else run.results.final


def differences_table(chosen: Sequence[Run]) -> None:
    """Draw a table of the settings in which the chosen runs differ, one column a run."""
    if len(chosen) < 2:
        return
    differing = settings_that_differ(chosen)
    if not differing:
        st.caption("The chosen runs have the same settings throughout.")
        return
    names = [escape(run.name) for run in chosen]
    values = [[escape(value_of(run, setting)) for run in chosen] for setting in differing]
    st.markdown("**Where their settings differ**")
    st.table(
        pd.DataFrame(values, index=pd.Index([setting.label for setting in differing], name="Setting"), columns=names),
        border="horizontal",
        alt="The settings in which the chosen runs differ",
    )
