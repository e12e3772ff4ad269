"""This module draws one sweep: how far it is, which of its runs is best, and which of its settings matters."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from statistics import mean

import streamlit as st

from cnnlab.analysis.outcomes import Judge, Outcome, judge, means, outcome
from cnnlab.analysis.significance import sentences
from cnnlab.analysis.significance.conclusion import conclude
from cnnlab.analysis.significance.effects import Verdict, to_choose
from cnnlab.analysis.significance.sentences import Sentence
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.compare.charts import QUIET, pace_s
from cnnlab.dashboard.state import listing, query_params, services
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.sweep import actions, groups_table, table
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures.sweeps import heat_map, over_setting
from cnnlab.formatting import NARROW, percent
from cnnlab.records import Results, RunStatus
from cnnlab.runs import Run, Store, expected_time
from cnnlab.runs.naming import sweep_names
from cnnlab.schema import Setting, TrainingConfig
from cnnlab.sweeps import is_grid, varied

Rated = list[tuple[Run, Outcome | None]]

BEST = 3
"""Runs that the link to their curves takes where none is marked in the table."""

_CHOICE = "compare_sweep"


def choose(runs: Sequence[Run]) -> tuple[str, list[Run]] | None:
    """Return name and runs of the sweep whose id is `?sweep=`, and draw a way to another; None for all runs."""
    known = sweeps_of(runs)
    asked = st.query_params.get("sweep")
    wanted = _wanted(asked, known) if asked else None
    if not known:
        return None
    names = sweep_names(runs)
    labels = {id: f"{names[id]} · {len(its)} run{'s' if len(its) > 1 else ''}" for id, its in known.items()}
    st.session_state[_CHOICE] = wanted
    st.selectbox(
        "Sweep",
        list(known),
        index=None,
        format_func=lambda id: labels.get(id, ""),
        key=_CHOICE,
        placeholder="All runs, or choose a sweep",
        label_visibility="collapsed",
        on_change=_take_choice,
        args=(frozenset(known),),
    )
    return (names[wanted], known[wanted]) if wanted else None


def sweeps_of(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs of each sweep by the sweep's id."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.sweep_id:
            found.setdefault(run.sweep_id, []).append(run)
    return found


def _wanted(asked: str, known: Mapping[str, Sequence[Run]]) -> str | None:
    """Return the id of the sweep that an address asks for; where it asks for none, or for one of several, say so.

    The addresses of an older cnnlab have the mere name.
    """
    named = [asked] if asked in known else [id for id, its in known.items() if its[0].sweep == asked]
    if len(named) == 1:
        query_params.set_url(sweep=named[0])
        return named[0]
    if named:
        st.warning(
            f"{len(named)} people have a sweep “{escape(asked)}”: choose whose you want to see.",
            icon=":material/group:",
        )
    else:
        st.warning(f"There is no sweep “{escape(asked)}” any more.", icon=":material/link_off:")
    query_params.set_url(sweep=None)
    return None


def _take_choice(known: Collection[str]) -> None:
    """Open the sweep that was chosen. Where a quick click cut the drawing of a page short, Streamlit calls this with a
    label that is no sweep.
    """
    if (chosen := st.session_state[_CHOICE]) is None or chosen in known:
        query_params.set_url(sweep=chosen, runs=None)


def show(store: Store, name: str, runs: Sequence[Run]) -> None:
    """Draw the sweep of these runs, again and again while one of them waits or trains."""
    wanted = runs[0].sweep_id

    def read() -> list[Run]:
        return [run for run in services.runs(store)[::-1] if run.sweep_id == wanted]

    poll(read, partial(_show, store, name), list(reversed(runs)), every_s=pace_s, outside=len, key="sweep")


def _show(store: Store, sweep: str, runs: Sequence[Run]) -> None:
    configs = [run.config for run in runs]
    judged_by, axes = judge(configs), varied(configs)
    rated = [
        (run, outcome(run.config, run.best_epoch, listing.epochs(store, run), run.results, judged_by)) for run in runs
    ]
    rated.sort(key=lambda pair: -pair[1].judged.accuracy if pair[1] else 1.0)
    over = not any(run.status.active for run in runs)
    _standing(store, sweep, runs)
    if sentence := expected_time.score(*runs):
        st.caption(sentence)
    found = conclude([each for _, each in rated if each], configs, judged_by, partial(_finished, store), over=over)
    if found is None:
        st.caption(_nothing_yet(judged_by, over))
    else:
        _say(found.headline)
        if found.left_out:
            st.caption(found.left_out)
    if found and found.verdict:
        _tested(found.verdict, found.settings, judged_by)
        groups_table.show(found.verdict, found.settings, judged_by)
    marked = table.show(rated, axes, judged_by)
    _links(rated, marked, judged_by)
    if found:
        _figures(runs, found.outcomes, axes, judged_by, found.verdict)


def _finished(store: Store) -> Iterator[tuple[TrainingConfig, Results | None]]:
    """Return the settings and the results of all finished runs of the store: they may show how much luck does."""
    return ((run.config, run.results) for run in services.runs(store) if run.status is RunStatus.FINISHED)


def _nothing_yet(judged_by: Judge, over: bool) -> str:
    """Say when there will be accuracies to compare, or that there are none."""
    if over:
        return f"No run of this sweep has a {judged_by} accuracy that can be compared."
    return (
        f"The first accuracies appear {'after the first epoch' if judged_by == 'validation' else 'when a run is done'}."
    )


def _say(sentence: Sentence) -> None:
    head, rest = sentence
    st.markdown(f"**{escape(head)}**: {escape(rest)}")


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


def _tested(found: Verdict, settings: Sequence[Setting], judged_by: Judge) -> None:
    """Draw what the test set says of the settings that came highest."""
    first = found.ranking[0]
    tests = [each.test.accuracy for each in first if each.test]
    if judged_by == "test":
        st.caption(
            "These runs have no validation pictures. The best of many runs looks better on the test set than it is: "
            "part of its lead is luck with these pictures."
        )
    elif len(tests) == len(first):
        whose = "" if found.best else f" of {escape(sentences.named(first, settings))}"
        st.markdown(
            f"The test accuracy{whose}: **{percent(mean(tests))}**. It was not used to choose. The best of many runs is "
            "partly lucky on the validation set; this number has no such luck."
        )


def _links(rated: Rated, marked: Sequence[Run], judged_by: Judge) -> None:
    shown = list(marked) or [run for run, each in rated if each][:BEST]
    if not shown:
        return
    many = f"{len(shown)} " if len(shown) > 1 else ""
    runs = f"run{'s' if many else ''}"
    which = f"{many}marked {runs}" if marked else f"{many}{runs} with the highest {judged_by} accuracy"
    first = "first marked run" if marked else f"run with the highest {judged_by} accuracy"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        query_params.link(navigation.train(), f"Open the {first}", run=shown[0].id)
        query_params.link(navigation.train(), "Train with one change", icon=":material/alt_route:", parent=shown[0].id)
        curves = f"Curves of the {which}"
        if st.button(curves, key="sweep_curves", icon=":material/stacked_line_chart:", type="tertiary"):
            query_params.go(navigation.compare(), runs=",".join(run.id for run in shown))


def _figures(
    runs: Sequence[Run], outcomes: Sequence[Outcome], axes: Sequence[Setting], judged_by: Judge, found: Verdict | None
) -> None:
    """Draw which setting of the sweep matters, or how much luck does where nothing but the seed varies."""
    chosen = to_choose(axes) or list(axes)
    if not outcomes or not chosen:
        return
    complete = is_grid([run.config for run in runs], axes)
    st.header("Which setting matters?" if to_choose(axes) else "How much is luck?", anchor=False)
    if found:
        for sentence in sentences.effects(found, judged_by):
            _say(sentence)
        st.caption(sentences.yardstick(found.spread))
    if complete and len(chosen) == 2:
        _map(runs, outcomes, chosen, judged_by, found)
        return
    with st.grid(2 if len(chosen) > 1 else 1, min_column_width=340):
        for axis in chosen:
            st.plotly_chart(
                over_setting(
                    outcomes,
                    axis,
                    judged_by,
                    joined=complete and found is not None,
                    spread=found.spread if found else None,
                ),
                key=f"sweep_over_{axis.name}",
                config=QUIET,
                alt=f"Train and {judged_by} accuracy of each run over {axis.label.lower()}",
            )
    st.caption(f"One mark per run, {_when(judged_by)}. {_line(axes, complete, found)}")


def _map(
    runs: Sequence[Run], outcomes: Sequence[Outcome], chosen: Sequence[Setting], judged_by: Judge, found: Verdict | None
) -> None:
    up, across = sorted(chosen, key=lambda axis: len({getattr(run.config, axis.name) for run in runs}))
    best = found.best if found else None
    st.plotly_chart(
        heat_map(outcomes, across, up, judged_by, best),
        key="sweep_map",
        config=QUIET,
        alt=f"Mean {judged_by} accuracy for each pair of {up.label.lower()} and {across.label.lower()}",
    )
    averaged = ", the mean over the seeds" if len(outcomes) > len(means(outcomes, chosen)) else ""
    star = " ★ marks the best." if best else ""
    st.caption(f"Each cell is the {judged_by} accuracy {_when(judged_by)}{averaged}.{star}")


def _line(axes: Sequence[Setting], complete: bool, found: Verdict | None) -> str:
    """Say what the line of a figure joins, and what its bars are."""
    if not to_choose(axes):
        return "All these runs have the same settings: the marks lie apart only by luck."
    if not complete:
        return "The runs differ in other settings as well: look for a trend."
    repeated = found is not None and any(len(group) > 1 for group in found.ranking)
    return f"The line joins the means{f'; the bars are their 95{NARROW}% intervals' if repeated else ''}."


def _when(judged_by: Judge) -> str:
    return "after its best epoch" if judged_by == "validation" else "after its last epoch"
