"""This module draws the chosen runs side by side: which is better, how far apart train and test are, and how each came
there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import streamlit as st

from cnnlab.analysis.comparison import Contender, by_picture, comparison
from cnnlab.analysis.outcomes import complete
from cnnlab.analysis.significance import answers
from cnnlab.dashboard.compare.pick import Colours
from cnnlab.dashboard.compare.table import dot
from cnnlab.dashboard.run import verdict
from cnnlab.dashboard.state import listing, services
from cnnlab.dashboard.state.listing import Listing
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.widgets import columns, run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.run_labels import settings_that_differ
from cnnlab.figures.accuracy_bars import RunScores, accuracy_bars
from cnnlab.figures.learning_curves import Measure, RunCurve, curves
from cnnlab.formatting import when_measured
from cnnlab.records import EpochRecord, FullScores, RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig

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
        by_id = services.all_runs(store).by_id
        return [by_id[id] for id in colours if id in by_id]

    poll(read, partial(_show, store, colours), chosen, every_s=pace_s, outside=len, key="compare")


def pace_s(runs: Sequence[Run]) -> float | None:
    """Return the seconds between two looks at these runs; None where nothing changes by itself."""
    return REFRESH_S if any(run.status.active for run in runs) else None


def _show(store: Store, colours: Colours, chosen: Sequence[Run]) -> None:
    when = _when() if any(run.results for run in chosen) else "last"
    drawn = [
        Drawn(run, name, colours[run.id]) for run, name in zip(chosen, run_labels.names(chosen).values(), strict=True)
    ]
    known, of_known = _known(services.all_runs(store), when)
    _sentences(f"{of_known} {when} {_answer_files(store, drawn, when)} {state(drawn)}", store, drawn, when, known)
    _verdicts(f"{when} {state(drawn)}", store, drawn, when)
    scored = [each for each in drawn if scores_of(each.run, when)]
    if scored:
        _bars(f"{when} {state(scored)}", scored, when)
    if trained := [each for each in drawn if not each.run.imported]:
        _curves(state(trained), store, trained)


@dataclass(frozen=True)
class Drawn:
    """A `Drawn` is a run as it is drawn beside others: its name, like no other's, and its colour."""

    run: Run
    name: str
    colour: str


def state(drawn: Iterable[Drawn]) -> str:
    """Return what figures and sentences of these runs follow from: where it is equal, they are.

    How far a run is within an epoch is not among it.
    """
    return repr(
        [
            (run.id, each.name, each.colour, run.status, run.best_epoch, run.steps_total, run.last_epoch, run.results)
            for each in drawn
            for run in [each.run]
        ]
    )


def _answer_files(store: Store, drawn: Iterable[Drawn], when: When) -> list[tuple[int, int] | None]:
    """Return when each file with the answers of a network was written, and its size; None where there is none."""
    found: list[tuple[int, int] | None] = []
    for each in drawn:
        if scores := scores_of(each.run, when):
            try:
                file = (store.folder(each.run.id) / answers.file_name(scores)).stat()
            except OSError:
                found.append(None)
            else:
                found.append((file.st_mtime_ns, file.st_size))
    return found


# What follows is the same for everybody who compares the same runs. Streamlit keeps what such a function draws, and sends it
# to the next visitor without computing anything; who comes while it is computed waits.


@st.cache_resource(show_spinner=False, max_entries=64)
def _sentences(
    state: str, _store: Store, _drawn: Sequence[Drawn], _when: When, _known: Sequence[tuple[TrainingConfig, float]]
) -> None:
    """Draw which run is better, and which pictures two of them answered right."""
    contenders = [
        Contender(
            each.name, each.run.config, scores, _ended(each.run), answers.read(_store.folder(each.run.id), scores)
        )
        for each in _drawn
        if (scores := scores_of(each.run, _when))
    ]
    if sentence := comparison(contenders, _known):
        st.markdown(f"**{escape(sentence)}**")
    if sentence := by_picture(contenders):
        st.caption(escape(sentence))


@st.cache_resource(show_spinner=False, max_entries=64)
def _verdicts(state: str, _store: Store, _drawn: Sequence[Drawn], _when: When) -> None:
    for each in _drawn:
        _verdict(each, listing.epochs(_store, each.run), scores_of(each.run, _when))


@st.cache_resource(show_spinner=False, max_entries=64)
def _bars(state: str, _drawn: Sequence[Drawn], _when: When) -> None:
    scored = [(each, scores) for each in _drawn if (scores := scores_of(each.run, _when))]
    st.plotly_chart(
        accuracy_bars([RunScores(each.name, scores, each.colour) for each, scores in scored]),
        key="compare_bars",
        config=QUIET,
        alt="Train, validation and test accuracy of each run, with the gap and the 95 % intervals",
    )
    stopped = any(scores.step is not None for _, scores in scored)
    network = f"{WHEN[_when]}{', or of the step where a run was stopped,' if stopped else ''}"
    st.caption(
        f"Accuracy of the {network} on all pictures of each set. The bracket shows the gap between the two sets "
        "that it names. The thin line on a validation or test bar is its 95 % interval: on endlessly many such "
        "pictures the accuracy would most likely lie there."
    )


def _ended(run: Run) -> tuple[int, int | None] | None:
    """Return where training ended early; None where it did not."""
    if run.results is None or run.status is RunStatus.FINISHED or complete(run.config, run.results.final):
        return None
    return run.results.final.epoch, run.results.final.step


def _known(all_runs: Listing, when: When) -> tuple[Sequence[tuple[TrainingConfig, float]], int]:
    """Return the settings and test accuracy of every finished run, which may show how much another seed does; and a number
    that is another where one of them is.
    """

    def find() -> tuple[Sequence[tuple[TrainingConfig, float]], int]:
        finished = [run for run in all_runs.runs if run.status is RunStatus.FINISHED and scores_of(run, when)]
        known = [(run.config, scores.test.accuracy) for run in finished if (scores := scores_of(run, when))]
        return known, hash(tuple((run.id, accuracy) for run, (_, accuracy) in zip(finished, known, strict=True)))

    return all_runs.once(("known", when), find)


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


def _verdict(each: Drawn, epochs: Sequence[EpochRecord], drawn: FullScores | None) -> None:
    """Write whether the run overfits, after its coloured dot, and by which epoch where the bars are `drawn` by another.

    Overfitting shows over a whole run: its verdict is that of the end, whichever epoch the bars are of.
    """
    said = verdict.line(each.name, each.run, epochs)
    final = each.run.results.final if each.run.results else None
    if final and drawn and (final.epoch, final.step) != (drawn.epoch, drawn.step):
        said += f" This is about the network {when_measured(final)}; the bars show it {when_measured(drawn)}."
    with st.container(horizontal=True, wrap=False, gap="xsmall"):
        st.image(dot(each.colour), width=16, alt="The colour of this run")
        st.markdown(said, width="stretch")


@st.cache_resource(show_spinner=False, max_entries=64)
def _curves(state: str, _store: Store, _drawn: Sequence[Drawn]) -> None:
    drawn = [
        RunCurve(
            each.name,
            listing.epochs(_store, each.run),
            each.run.best_epoch,
            each.run.results,
            each.colour,
            each.run.steps_per_epoch,
        )
        for each in _drawn
    ]
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
    st.markdown("**Where their settings differ**")
    columns.settings_table(chosen, differing)
