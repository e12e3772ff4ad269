"""This module draws the chosen runs side by side: which is better, how far apart train and test are, and how each came
there.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

import pandas as pd
import streamlit as st

from cnnlab.analysis.comparison import Contender, by_picture, comparison
from cnnlab.analysis.outcomes import complete
from cnnlab.analysis.significance import answers
from cnnlab.dashboard.compare.pick import Colours
from cnnlab.dashboard.compare.table import dot, settings_that_differ
from cnnlab.dashboard.run import verdict
from cnnlab.dashboard.state import services
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures.accuracy_bars import RunScores, accuracy_bars
from cnnlab.figures.learning_curves import Measure, RunCurve, curves
from cnnlab.formatting import when_measured
from cnnlab.records import EpochRecord, FullScores, RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import Setting, TrainingConfig

When = Literal["last", "best"]
WHEN: dict[When, str] = {"last": "last epoch", "best": "best epoch"}
"""The epochs that a run can be judged by, and what they are called."""

MEASURES: tuple[Measure, ...] = ("accuracy", "loss")

SIDE_BY_SIDE = 3
"""Runs up to which half the page's width is enough for a figure."""

QUIET = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}

REFRESH_S = 3.0
"""Between two looks at runs that still train; the figures change after an epoch only."""


def show(store: Store, chosen: Sequence[Run], colours: Colours) -> None:
    """Draw the sentence, the bars and the curves of the chosen runs, again and again while one of them trains."""

    def read() -> Sequence[Run]:
        by_id = {run.id: run for run in store.list(list(colours))}
        return [by_id[id] for id in colours if id in by_id]

    poll(read, partial(_show, store, colours), chosen, every_s=pace_s, outside=len, key="compare")


def pace_s(runs: Sequence[Run]) -> float | None:
    """Return the seconds between two looks at these runs; None where nothing changes by itself."""
    return REFRESH_S if any(run.status.active for run in runs) else None


def _show(store: Store, colours: Colours, chosen: Sequence[Run]) -> None:
    when = _when() if any(run.results for run in chosen) else "last"
    scored = [(run, scores) for run in chosen if (scores := scores_of(run, when))]
    names = run_labels.names(chosen)
    epochs = {run.id: store.epochs(run.id) for run in chosen}
    contenders = [
        Contender(names[run.id], run.config, scores, _ended(run), answers.read(store.folder(run.id), scores))
        for run, scores in scored
    ]
    if sentence := comparison(contenders, _known(store, when)):
        st.markdown(f"**{escape(sentence)}**")
    if sentence := by_picture(contenders):
        st.caption(escape(sentence))
    for run in chosen:
        _verdict(run, names[run.id], epochs[run.id], colours[run.id], scores_of(run, when))
    if scored:
        st.plotly_chart(
            accuracy_bars([RunScores(names[run.id], scores, colours[run.id]) for run, scores in scored]),
            key="compare_bars",
            config=QUIET,
            alt="Train, validation and test accuracy of each run, with the gap and the 95 % intervals",
        )
        stopped = any(scores.step is not None for _, scores in scored)
        network = f"{WHEN[when]}{', or of the step where a run was stopped,' if stopped else ''}"
        st.caption(
            f"Accuracy of the {network} on all pictures of each set. The bracket shows the gap between the two sets "
            "that it names. The thin line on a validation or test bar is its 95 % interval: on endlessly many such "
            "pictures the accuracy would most likely lie there."
        )
    _curves(
        [
            RunCurve(names[run.id], epochs[run.id], run.best_epoch, run.results, colours[run.id], run.steps_per_epoch)
            for run in chosen
            if not run.imported
        ]
    )


def _ended(run: Run) -> tuple[int, int | None] | None:
    """Return where training ended early; None where it did not."""
    if run.results is None or run.status is RunStatus.FINISHED or complete(run.config, run.results.final):
        return None
    return run.results.final.epoch, run.results.final.step


def _known(store: Store, when: When) -> Iterator[tuple[TrainingConfig, float]]:
    """Yield the settings and test accuracy of every finished run: they may show how much another seed does."""
    for run in services.runs(store):  # a second old is young enough for this, and shared by all visitors
        if run.status is RunStatus.FINISHED and (scores := scores_of(run, when)):
            yield run.config, scores.test.accuracy


def _when() -> When:
    when: When = st.segmented_control(
        "Judged after the",
        list(WHEN),
        format_func=lambda when: WHEN[when],
        default="last",
        required=True,
        key="compare_when",
        persist_state="session",
        help="The best epoch is the one with the highest validation accuracy; without validation pictures, the last one.",
    )
    return when


def _verdict(run: Run, name: str, epochs: Sequence[EpochRecord], colour: str, drawn: FullScores | None) -> None:
    """Write whether the run overfits, after its coloured dot, and by which epoch where the bars are `drawn` by another.

    Overfitting shows over a whole run: its verdict is that of the end, whichever epoch the bars are of.
    """
    said = verdict.line(name, run, epochs)
    final = run.results.final if run.results else None
    if final and drawn and (final.epoch, final.step) != (drawn.epoch, drawn.step):
        said += f" This is about the network {when_measured(final)}; the bars show it {when_measured(drawn)}."
    with st.container(horizontal=True, wrap=False, gap="xsmall"):
        st.image(dot(colour), width=16, alt="The colour of this run")
        st.markdown(said, width="stretch")


def _curves(drawn: Sequence[RunCurve]) -> None:
    if not drawn:
        return
    places = st.columns(2) if len(drawn) <= SIDE_BY_SIDE else [st.container(), st.container()]
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
        "Where the solid line still improves and the dashed one does not, the run overfits. ★ marks the best epoch."
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
        st.caption("The chosen runs have the same settings.")
        return
    headings = [escape(name) for name in run_labels.names(chosen).values()]
    values = [[escape(_value(run, setting)) for run in chosen] for setting in differing]
    st.markdown("**Where their settings differ**")
    st.table(
        pd.DataFrame(
            values, index=pd.Index([setting.label for setting in differing], name="Setting"), columns=headings
        ),
        border="horizontal",
        alt="The settings in which the chosen runs differ",
    )


def _value(run: Run, setting: Setting) -> str:
    """Return a setting's value of a run as people read it; a dash where nobody knows it."""
    return run_labels.setting_value(setting, getattr(run.config, setting.name)) if run.knows(setting.name) else "–"
