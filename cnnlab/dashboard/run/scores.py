"""This module draws how good a run is: a row of numbers, each with its set, and what they mean in sentences.

While a run trains the row shows what is measured after each epoch. Once the whole sets are measured it shows those and
nothing else: two accuracies of one set, or two gaps, would contradict each other by their size.
"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from cnnlab.analysis.comparison import best_epoch
from cnnlab.analysis.diagnosis import diagnose, evidence_of
from cnnlab.analysis.gap import Gap, gap_after, gap_of
from cnnlab.analysis.intervals import interval95
from cnnlab.analysis.significance import answers
from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.run import next_steps, verdict
from cnnlab.dashboard.state import run_snapshot
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import augmented_test, count, percent, percent_range, points, points_range, when_measured
from cnnlab.records import EpochRecord, FullScores, Score
from cnnlab.runs import Run, Store, StoreError

VIEWS = {
    "none": "as it is",
    "mirror": "as it is and mirrored",
    "mirror_shift": "as it is (this counts twice), shifted by one pixel in two directions, and each of these mirrored",
}
INTERVAL = "In grey: its 95 % interval. On endlessly many such pictures it would most likely lie there."
GAP = "How much better it is on its training pictures than on new ones."


def tiles(run: Run) -> None:
    """Draw the run's newest scores, each with its set and how many pictures were measured."""
    with st.container(key="frame_scores"), st.grid(4, min_column_width=140, gap="small"):
        if run.results:
            _whole_sets(run.results.final)
        else:
            _so_far(run)


def _whole_sets(final: FullScores) -> None:
    _accuracy("Train", final.train, "All the pictures it was trained on.")
    if final.validation:
        _accuracy("Validation", final.validation, "Pictures put aside to choose epochs and settings by.", new=True)
        _gap(gap_of(final), interval=True)
    _accuracy("Test", final.test, "The test set: pictures used neither for training nor for choosing.", new=True)
    if not final.validation:
        _gap(gap_of(final), interval=True)


def _so_far(run: Run) -> None:
    last = run.last_epoch
    yet = "not measured yet" if run.status.active or run.status.resumable else "never measured"
    sample = last.train_sample if last else None
    _accuracy(
        "Train sample",
        sample,
        "A fixed sample of the training pictures, measured in the same way as the other sets.",
        yet,
    )
    if run.config.validation_size:
        validation = last.validation if last else None
        _accuracy("Validation", validation, "Pictures put aside to choose epochs and settings by.", yet)
        _gap(gap_after(last) if last else None)
    at_the_end = "measured at the end" if run.status.active else yet
    _accuracy("Test", None, "Pictures never trained on. The whole set is measured at the end.", at_the_end)
    if not run.config.validation_size:
        _gap(None, missing="train \N{MINUS SIGN} test")


def _accuracy(name: str, score: Score | None, help: str, missing: str = "", *, new: bool = False) -> None:
    """Draw an accuracy; with its interval where it is `new`, measured once and for all on pictures not trained on."""
    interval = percent_range(*interval95(score.accuracy, score.n)) if new and score else None
    st.metric(
        name,
        percent(score.accuracy) if score else "–",
        delta=interval,
        delta_color="off",
        delta_arrow="off",
        delta_description=(f"of {count(score.n)}" if interval else f"accuracy on {count(score.n)}")
        if score
        else missing,
        help=f"{help} {INTERVAL}" if interval else help,
    )


def _gap(gap: Gap | None, *, interval: bool = False, missing: str = "train sample \N{MINUS SIGN} validation") -> None:
    """Draw the gap with its two sets: under it, or beside its name where its interval needs that place."""
    sets = gap.sets if gap else missing
    st.metric(
        f"Gap, {sets}" if interval else "Gap",
        points(gap.value) if gap else "–",
        delta=points_range(*gap.interval) if gap and interval else None,
        delta_color="off",
        delta_arrow="off",
        delta_description=None if interval else sets,
        help=None if interval else GAP,  # its sign would push the name of a set out of a telephone's tile
    )


def show(store: Store, run: Run, epochs: Sequence[EpochRecord]) -> None:
    """Draw what the scores of a run that has ended mean, and a way to have it measured where it stands."""
    if run.status.active:
        return
    st.header("How good is it?", anchor=False)
    if run.results:
        when = when_measured(run.results.final)
        st.caption(f"The numbers above are for all pictures of each set, {when}. The gap: {GAP[0].lower()}{GAP[1:]}")
        _augmented(run, run.results.final)
    st.markdown(verdict.line("This run", run, epochs))
    if run.results:
        st.markdown(escape(best_epoch(run.results, partial(answers.read, store.folder(run.id)))))
    elif run.measurable and current_user.may_change(run):
        st.button(
            "Measure it as it is now",
            key="run_measure",
            icon=":material/straighten:",
            help="Measures its accuracy on the whole of each set. The run can be continued afterwards, as if it had not "
            "been measured.",
            on_click=_measure,
            args=(store, run.id),
        )
    next_steps.offer(run, diagnose(evidence_of(run.status, run.config.dataset, epochs, run.results)).sign)


def _measure(store: Store, run_id: str) -> None:
    """Queue the run to be measured where it stands, or say why that is not possible (a callback)."""
    try:
        store.measure(run_id)
    except StoreError as error:
        st.toast(escape(str(error)), icon=":material/error:")
    run_snapshot.renew(store, run_id)


def _augmented(run: Run, final: FullScores) -> None:
    if augmented := final.test_augmented:
        st.markdown(
            f"**With test-time augmentation: {augmented_test(augmented)}, {percent(augmented.accuracy)}** "
            f":gray[· 95 % interval {percent_range(*interval95(augmented.accuracy, augmented.n))} · the answers to "
            f"{augmented.views} versions of each test picture are averaged: {VIEWS[run.config.test_time_augmentation]}. "
            "All other numbers here use only the picture as it is.]"
        )
