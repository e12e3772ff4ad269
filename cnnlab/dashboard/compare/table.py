"""This module draws all runs as a table, of which a person picks up to eight."""

from collections.abc import Iterator, Sequence
from functools import cache
from urllib.parse import quote

import streamlit as st

from cnnlab.analysis.gap import gap_of
from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.compare import filters, pick
from cnnlab.dashboard.compare.pick import MOST, Colours
from cnnlab.dashboard.state.listing import Listing
from cnnlab.dashboard.widgets import columns, times
from cnnlab.dashboard.widgets.columns import Column
from cnnlab.dashboard.widgets.markdown import cell
from cnnlab.dashboard.widgets.run_labels import settings_that_differ
from cnnlab.formatting import tenths
from cnnlab.records import Score
from cnnlab.runs import Run

_TABLE = "compare_table"
_ORDER = "compare_order"
_PICKED = "compare_picked"
_FIRST = 3
"""Columns that stand before the one that says whose a run is."""

WHEN = "After the last epoch, or at the step where the run was stopped."


def show(listing: Listing, colours: Colours) -> None:
    """Draw the table of runs; touching a row adds the run to the pick or takes it out."""
    runs = filters.narrowed(listing, colours)
    order = tuple(run.id for run in runs)
    st.session_state[_ORDER], st.session_state[_PICKED] = order, set(colours)
    st.session_state[_TABLE] = {"selection": {"rows": [i for i, id in enumerate(order) if id in colours]}}
    settings = listing.lasting.once(("settings", order), lambda: columns.kept(_settings(runs)))
    shared = listing.once(("table", order, times.zone()), lambda: columns.kept(_shared_columns(runs, settings)))
    shown = [_dots(runs, colours), *shared[:_FIRST], *_whose(runs), *shared[_FIRST:]]
    st.dataframe(
        columns.frame(shown),
        key=_TABLE,
        hide_index=True,
        height=38 + 35 * min(8, len(runs)),
        placeholder=columns.EMPTY,
        on_select=_pick,
        selection_mode="multi-row",
        column_config=columns.configs(shown),
        alt="The runs, with the settings in which they differ and their final accuracies",
    )


def table_of(runs: Sequence[Run], colours: Colours) -> list[Column]:
    """Return the columns of the table of runs, one row for each run. `colours`: of the chosen runs, by id."""
    shared = _shared_columns(runs, _settings(runs))
    return [_dots(runs, colours), *shared[:_FIRST], *_whose(runs), *shared[_FIRST:]]


def _dots(runs: Sequence[Run], colours: Colours) -> Column:
    """Return the column with the colour of each chosen run."""
    help = "The run's colour in the figures below."
    dots = [dot(colours[run.id]) if run.id in colours else NO_DOT for run in runs]
    return Column("●", dots, st.column_config.ImageColumn("", help=help, width=36, pinned=True))


def _settings(runs: Sequence[Run]) -> list[Column]:
    """Return the columns of settings, which a run never changes."""
    return [columns.setting_of_runs(setting, runs) for setting in settings_that_differ(runs)]


def _shared_columns(runs: Sequence[Run], settings: Sequence[Column]) -> list[Column]:
    """Return the columns that are the same for every visitor in one time zone."""
    column = st.column_config
    return [
        Column(
            "No.",
            [run.number for run in runs],
            column.NumberColumn(
                help="The number of the run: it tells long names apart, and the command line calls the run by it.",
                format="%d",
                width=44,
                pinned=True,
            ),
        ),
        Column("Run", [cell(run.name) for run in runs], column.TextColumn(pinned=True, width=200)),
        columns.status(runs),
        *_tagged(runs),
        *_accuracies(runs),
        *settings,
        Column(
            "Best epoch",
            [run.best_epoch if run.config.validation_size else None for run in runs],
            column.NumberColumn(help="The epoch with the highest validation accuracy.", format="%d"),
        ),
        Column(
            "Epoch",
            [run.last_epoch.epoch if run.last_epoch else None for run in runs],
            column.NumberColumn(help="The last epoch that was measured.", format="%d"),
        ),
        columns.training_time(runs),
        times.column("Created", [run.created_at for run in runs], "When somebody asked for it."),
        times.column("Started", [run.started_at for run in runs], "When it left the queue for the first time."),
        times.column("Ended", [run.finished_at for run in runs], "When it finished, was stopped or failed."),
    ]


def _whose(runs: Sequence[Run]) -> Iterator[Column]:
    """Yield a column that says who started each run, where people sign in."""
    if any(run.owner for run in runs):
        me = current_user.who()
        owners = [cell(current_user.whose(run, me)) for run in runs]
        yield Column("Whose", owners, st.column_config.TextColumn(help="Who started it.", width=120))


def _tagged(runs: Sequence[Run]) -> Iterator[Column]:
    """Yield a column with the tags of each run, where there are any."""
    if any(tags := [" ".join(f"#{tag}" for tag in filters.tags(run)) for run in runs]):
        yield Column(
            "Tags", tags, st.column_config.TextColumn(help="Words in the note of a run that begin with #.", width=120)
        )


def _accuracies(runs: Sequence[Run]) -> Iterator[Column]:
    """Yield the columns of accuracies on the whole sets after the last epoch, in percent."""
    finals = [run.results.final if run.results else None for run in runs]
    latest = [_validation(run) for run in runs]

    def accuracies(heading: str, scores: Sequence[Score | None], what: str) -> Column:
        percents = [tenths(score.accuracy) if score else None for score in scores]
        return columns.accuracy(heading, percents, f"Accuracy on the whole {what} {WHEN}", width=76)

    yield accuracies("Train", [final.train if final else None for final in finals], "training set.")
    yield accuracies("Validation", latest, "validation set.")
    yield accuracies("Test", [final.test if final else None for final in finals], "test set.")
    yield from columns.gaps([gap_of(final) if final else None for final in finals], WHEN)
    augmented = [final.test_augmented if final else None for final in finals]
    if any(augmented):
        what = "test set with test-time augmentation: the mean over several views."
        yield accuracies("Test, augmented", augmented, what)


def _validation(run: Run) -> Score | None:
    if run.results:
        return run.results.final.validation
    return run.last_epoch.validation if run.last_epoch else None


@cache
def dot(colour: str) -> str:
    """Return a disc of that colour, as the source of a picture."""
    circle = f'<circle cx="10" cy="10" r="7" fill="{colour}"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">{circle}</svg>'
    return f"data:image/svg+xml,{quote(svg)}"


NO_DOT = dot("none")


def _pick() -> None:
    """Turn the marked rows into chosen runs (the callback of the table)."""
    order = st.session_state[_ORDER]
    marked = [order[row] for row in st.session_state[_TABLE]["selection"]["rows"] if row < len(order)]
    before = st.session_state[_PICKED]
    if set(marked) == before:
        return  # the table's echo of what the page told it
    if len(marked) > MOST:
        st.toast(f"At most {MOST} runs fit side by side: remove one first.", icon=":material/info:")
    pick.take(marked)
