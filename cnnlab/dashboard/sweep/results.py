"""This module draws one sweep: how far it is, which of its runs is best, and which of its settings matters."""

from collections.abc import Collection, Sequence
from functools import partial
from statistics import mean

import streamlit as st

from cnnlab.analysis.intervals import interval95
from cnnlab.analysis.outcomes import Judge, Outcome, accuracy, effects, judge, means, outcome
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.compare.charts import QUIET, pace_s
from cnnlab.dashboard.state import query_params
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.sweep import actions, table
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures.sweeps import heat_map, over_setting
from cnnlab.formatting import NARROW, count, percent, points
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import Setting
from cnnlab.sweeps import is_grid, value_words, varied

Rated = list[tuple[Run, Outcome | None]]

BEST = 3
"""Runs that the link to their curves takes where none is marked in the table."""

_CHOICE = "compare_sweep"


def choose(runs: Sequence[Run]) -> str | None:
    """Return the sweep that `?sweep=` names, and draw a way to another; None for all runs."""
    known: dict[str, int] = {}
    for run in runs:
        if run.sweep:
            known[run.sweep] = known.get(run.sweep, 0) + 1
    wanted = st.query_params.get("sweep")
    if wanted and wanted not in known:
        st.warning(f"There is no sweep “{escape(wanted)}” any more.", icon=":material/link_off:")
        query_params.set_url(sweep=None)
        wanted = None
    if not known:
        return None
    st.session_state[_CHOICE] = wanted
    st.selectbox(
        "Sweep",
        list(known),
        index=None,
        format_func=lambda name: f"{name} · {known.get(name, 0)} runs",
        key=_CHOICE,
        placeholder="All runs; or choose a sweep",
        label_visibility="collapsed",
        on_change=_take_choice,
        args=(frozenset(known),),
    )
    return wanted


def _take_choice(known: Collection[str]) -> None:
    """Open the sweep that was chosen. Where a quick click cut the drawing of a page short, Streamlit calls this with a
    label that is no sweep.
    """
    if (chosen := st.session_state[_CHOICE]) is None or chosen in known:
        query_params.set_url(sweep=chosen, runs=None)


def show(store: Store, sweep: str, runs: Sequence[Run]) -> None:
    """Draw the sweep, again and again while one of its runs waits or trains."""

    def its(runs: Sequence[Run]) -> list[Run]:
        return [run for run in runs if run.sweep == sweep]

    draw = partial(_show, store, sweep)
    poll(lambda: its(store.list()[::-1]), draw, its(runs), every_s=pace_s, outside=len, key="sweep")


def _show(store: Store, sweep: str, runs: Sequence[Run]) -> None:
    judged_by = judge([run.config for run in runs])
    rated = [(run, outcome(run.config, run.best_epoch, store.epochs(run.id), run.results, judged_by)) for run in runs]
    rated.sort(key=lambda pair: -pair[1].judged.accuracy if pair[1] else 1.0)
    axes = varied([run.config for run in runs])
    _standing(store, sweep, runs)
    _best(rated, axes, judged_by)
    marked = table.show(rated, axes, judged_by)
    _links(rated, marked)
    _figures(runs, [each for _, each in rated if each], axes, judged_by)


def _standing(store: Store, sweep: str, runs: Sequence[Run]) -> None:
    """Draw how many runs of the sweep are where, and what can be done to all of them."""
    ended = sum(not run.status.active for run in runs)
    words = [
        f":{run_labels.STATUS[status].colour}[●] {n} {run_labels.STATUS[status].word}"
        for status in RunStatus
        if (n := sum(run.status is status for run in runs))
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escape(sweep)}** · {len(runs)} runs: {' · '.join(words)}", width="stretch")
        actions.show(store, sweep, runs)
    if ended < len(runs):
        st.progress(ended / len(runs))


def _best(rated: Rated, axes: Sequence[Setting], judged_by: Judge) -> None:
    """Draw the best settings; where seeds repeat them, by their mean, since the luckiest seed is no setting to choose."""
    outcomes = [each for _, each in rated if each]
    if not outcomes:
        st.caption("The first accuracies come after the first epoch.")
        return
    chosen = to_choose(axes)
    best = max(means(outcomes, chosen).values(), key=accuracy)
    values = " · ".join(f"{axis.label.lower()} {value_words(best[0].value(axis))}" for axis in chosen)
    so_far = " so far" if any(run.status.active for run, _ in rated) else ""
    st.markdown(
        f"Best{so_far}: **{escape(values or rated[0][0].name)}**, {judged_by} "
        f"**{percent(accuracy(best))}** {_sureness(best)}."
    )
    tests = [each.test.accuracy for each in best if each.test]
    if judged_by == "test":
        st.caption(
            "These runs have no validation pictures. The best of many on the test set looks better than it is: part "
            "of it is luck with just these pictures."
        )
    elif len(tests) == len(best):
        st.markdown(
            f"On the test set, which had no say in the choice: **{percent(mean(tests))}**. The best of many on "
            "the validation set is partly lucky there; this number is not."
        )


def _sureness(best: Sequence[Outcome]) -> str:
    """Write between what the best accuracy lies: by other seeds where there are some, else by what so many pictures
    allow.
    """
    if len(best) > 1:
        levels = [each.judged.accuracy for each in best]
        return f"(mean of {len(best)} seeds, {_between(min(levels), max(levels))})"
    judged = best[0].judged
    interval = f"95{NARROW}% interval {_between(*interval95(judged.accuracy, judged.n))}"
    return f"after epoch {best[0].epoch} ({interval} of {count(judged.n)} pictures)"


def _between(low: float, high: float) -> str:
    """Write two accuracies on one line, without a break at the dash."""
    return f"{100 * low:.1f}\N{NO-BREAK SPACE}–\N{NO-BREAK SPACE}{percent(high)}"


def _links(rated: Rated, marked: Sequence[Run]) -> None:
    shown = list(marked) or [run for run, each in rated if each][:BEST]
    if not shown:
        return
    which = f"{len(shown)} marked" if marked else f"{len(shown)} best" if len(shown) > 1 else "best"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        query_params.link(navigation.train(), "Open the first" if marked else "Open the best", run=shown[0].id)
        query_params.link(navigation.train(), "Train with one change", icon=":material/alt_route:", parent=shown[0].id)
        curves = f"Curves of the {which}"
        if st.button(curves, key="sweep_curves", icon=":material/stacked_line_chart:", type="tertiary"):
            query_params.go(navigation.compare(), runs=",".join(run.id for run in shown))


def to_choose(axes: Sequence[Setting]) -> list[Setting]:
    """Return the settings that vary but the seed, which repeats the same settings; the seed itself where nothing else
    varies.
    """
    return [axis for axis in axes if axis.name != "seed"] or list(axes)


def _figures(runs: Sequence[Run], outcomes: Sequence[Outcome], axes: Sequence[Setting], judged_by: Judge) -> None:
    """Draw which setting of the sweep matters."""
    chosen = to_choose(axes)
    if not outcomes or not chosen:
        return
    complete = is_grid([run.config for run in runs], axes)
    st.header("Which setting matters?", anchor=False)
    if complete and len(outcomes) == len(runs) and len(axes) > 1:
        st.markdown(_effects(outcomes, axes, judged_by))
    if complete and len(chosen) == 2:
        up, across = sorted(chosen, key=lambda axis: len({getattr(run.config, axis.name) for run in runs}))
        st.plotly_chart(
            heat_map(outcomes, across, up, judged_by),
            key="sweep_map",
            config=QUIET,
            alt=f"Mean {judged_by} accuracy for each pair of {up.label.lower()} and {across.label.lower()}",
        )
        averaged = ", the mean over the seeds" if len(axes) > 2 else ""
        st.caption(f"Each cell is the {judged_by} accuracy {_when(judged_by)}{averaged}. ★ the best.")
        return
    with st.grid(2 if len(chosen) > 1 else 1, min_column_width=340):
        for axis in chosen:
            st.plotly_chart(
                over_setting(outcomes, axis, judged_by, joined=complete),
                key=f"sweep_over_{axis.name}",
                config=QUIET,
                alt=f"Train and {judged_by} accuracy of each run over {axis.label.lower()}",
            )
    line = (
        "The line joins the means." if complete else "Each draw changes the other settings as well: look for a trend."
    )
    st.caption(f"One mark a run, {_when(judged_by)}. {line} Where train and {judged_by} part, the run overfits.")


def _when(judged_by: Judge) -> str:
    return "after its best epoch" if judged_by == "validation" else "after its last epoch"


def _effects(outcomes: Sequence[Outcome], axes: Sequence[Setting], judged_by: Judge) -> str:
    (most, moved), *others = effects(outcomes, axes)
    rest = ", ".join(f"{axis.label.lower()} by {points(by)}" for axis, by in others)
    return (
        f"**{most.label}** matters most here: from its worst to its best value the mean {judged_by} accuracy moves by "
        f"**{points(moved)}**; {rest}."
    )
