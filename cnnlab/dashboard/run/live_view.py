"""This module draws a run, from the queue to its last word, in one fragment that asks the store again while something
may change.

Everything has its place from the first moment on: nothing jumps when a number arrives.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.run import curve_feed, first_kernels, header, pace, plan, scores
from cnnlab.dashboard.state import run_snapshot, services
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.state.run_snapshot import Reading
from cnnlab.dashboard.widgets import live_chart, run_labels, times
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import duration
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, StoreError, patience

Look = tuple[Run, Reading | None, StoreError | None]
"""A run, what was last read of it, and why nothing newer was."""

EAGER_S = 0.15
"""Between two looks at a run from which the first step is awaited."""

STEADY_S = 1.0

EAGER_FOR_S = 10.0
"""A run that takes longer to begin waits for others, or for its pictures; a steady look is enough."""

OLD = "What is shown here is older than that. This page goes on by itself."
BUSY = (
    "The run store has been busy for {time}: what is shown here is older than that. The run goes on, and what it reports "
    "waits in memory until it can be written."
)
SETS_ALIKE = (
    "After each epoch both sets are measured in the same way, without dropout or augmentation. Where train still rises "
    "and validation does not, the network overfits."
)
SMOOTHED = "Label smoothing is left out of every loss here, so that the lines can be compared. "
SMOOTHED_STEPS = (
    "Label smoothing is in the loss of each step that an older cnnlab recorded here, and in no other loss. "
)
NO_VALIDATION = (
    "This run has no validation pictures: whether it overfits shows only at its end, on the test set. To watch it "
    "earlier, train again with validation pictures."
)


def pace_s(run: Run) -> float | None:
    """Return the seconds between two looks at the run; None where nothing changes by itself."""
    if not run.status.active:
        return None
    age_s = (datetime.now(UTC) - run.created_at).total_seconds()
    young = 0 <= age_s < EAGER_FOR_S  # a run from the future, where a clock was put back, would be young for a day
    return EAGER_S if run.step == 0 and young else STEADY_S


def show(store: Store, run: Run, parent: Run | None) -> None:
    """Draw the run, alive."""
    run_snapshot.renew(store, run.id)  # who opens the page, or has just done something on it, sees what is
    services.notice(store, run)  # the sidebar counts what trains
    live = _Live(store, run, parent)
    poll(live.read, live.draw, live.first, every_s=live.every_s, outside=_outside, key="run")


def _outside(look: Look) -> tuple[object, ...]:
    return look[0].name, look[0].status, st.query_params.get("run")


class _Live:
    """A `_Live` reads and draws one run again and again; where the store cannot be read, what it drew last stays."""

    def __init__(self, store: Store, run: Run, parent: Run | None) -> None:
        self._store, self._run, self._parent = store, run, parent
        self._rhythm_s = pace_s(run)
        self._drawn: Reading | None = None
        self.first: Look = (run, None, None)

    def read(self) -> Look:
        """Return the run as it stands, or as it was last drawn with the reason why nothing newer was read."""
        fresh_s = self._rhythm_s / 2 if self._rhythm_s else run_snapshot.FRESH_S
        try:
            reading = run_snapshot.of(self._store, self._run.id, fresh_s)
        except StoreError as error:  # it may pass, as a busy disk does
            return self._drawn.run if self._drawn else self._run, self._drawn, error
        if reading.run.status is not self._run.status:
            services.notice(self._store, reading.run)
        return reading.run, reading, None

    def every_s(self, look: Look) -> float | None:
        """Return the seconds until the next look."""
        now, _, fault = look
        first_point = now.step > 0 and not curve_feed.has_points(now, key="run_chart")  # it does not wait for a rerun
        return self._rhythm_s if first_point or fault else pace_s(now)

    def draw(self, look: Look) -> None:
        """Draw what was read."""
        run, reading, fault = look
        if fault:
            st.warning(f"{escape(str(fault))} {OLD}", icon=":material/link_off:")
        if reading is None:
            return
        try:
            _show(self._store, self._parent, run, reading, old=fault is not None)
        except StoreError as error:  # it became busy meanwhile; the next look draws what was drawn before
            st.warning(escape(str(error)), icon=":material/link_off:")
        else:
            self._drawn = reading


def _show(store: Store, parent: Run | None, run: Run, reading: Reading, *, old: bool = False) -> None:
    """Draw a reading of the run; an `old` one, which was drawn before, without asking the store for anything."""
    _head(store, run, parent, old=old)
    if run.imported:
        first_kernels.show(reading, run)
        st.caption(times.moments(run))
        return
    scores.tiles(run)
    chart = curve_feed.again("run_chart") if old else curve_feed.chart_data(reading, run, key="run_chart")
    with st.container(key="room_curves"):
        live_chart.live_chart(key="run_chart", **chart, on_resync=partial(curve_feed.forget, "run_chart"))
    st.caption(
        f"{live_chart.caption(chart['steps_per_point'], chart['steps_total'])} "
        + (_smoothing(reading, run) if run.config.label_smoothing else "")
        + (SETS_ALIKE if run.config.validation_size else NO_VALIDATION)
    )
    first_kernels.show(reading, run)
    scores.show(store, run, reading.epochs(run.id))
    plan.show(run)
    st.caption(times.moments(run))


def _smoothing(reading: Reading, run: Run) -> str:
    """Say which losses label smoothing is in. Only an older cnnlab, whose losses held it, recorded no objective beside."""
    first = reading.steps(run.id, until=1)
    return SMOOTHED_STEPS if first and first[0].objective is None else SMOOTHED


def _head(store: Store, run: Run, parent: Run | None, *, old: bool) -> None:
    with st.container(gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.header(escape(run.name), anchor=False, width="content")
            run_labels.status_badge(run)
            header.owner(run)
            header.describe(store, run)
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            origin = f" · from {escape(parent.name)}" if parent else ""
            st.caption(f"{escape(run_labels.difference_line(run, parent))}{origin}", width="content")
            st.space("stretch")
            _buttons(store, run)
        done = run.step / run.steps_total if run.steps_total else 0.0
        if not run.imported:
            with st.container(key="frame_progress"):
                st.progress(1.0 if run.status is RunStatus.FINISHED else min(1.0, done))
        if not old:  # else the line would count on by a clock that nobody knows to be right
            st.markdown(pace.line(store, run) if run.status.active else _ending(run))
        if run.status is RunStatus.RUNNING and (seconds := patience.busy_for_s(store.folder(run.id))) is not None:
            st.caption(f":material/hourglass: {BUSY.format(time=duration(seconds))}")


def _ending(run: Run) -> str:
    """Write why the run ended, in its own words; for a run that went well, what that took. Markdown."""
    said = escape(run.message or "")
    took = f" :gray[· {duration(run.elapsed_s)} of training]" if run.step else ""
    return f"**{said}**{took}" if run.status is RunStatus.FINISHED else f"{said}{took}"


def _buttons(store: Store, run: Run) -> None:
    """Draw what can be asked of a run that has not ended for good, by whom it belongs to.

    All three stand there all the time, in grey where they do not apply: Streamlit shows the buttons of a moment ago
    beside new ones until the page is drawn to its end, and a button that moves slips away from under the pointer.
    """
    if not current_user.may_change(run) or not (run.status.active or run.status.resumable):
        return
    asked = run.status is RunStatus.RUNNING and run.command is not None and not run.only_measured
    may_end = run.status.active and not asked
    ways: list[tuple[str, str, str, bool, Callable[[str], object]]] = [
        ("continue", "Continue", ":material/play_arrow:", run.status.resumable, store.resume),
        ("pause", "Pause", ":material/pause:", may_end, lambda id: store.request(id, "pause")),
        ("stop", "Stop", ":material/stop:", may_end, lambda id: store.request(id, "stop")),
    ]
    for name, label, icon, applies, do in ways:
        st.button(
            label,
            key=f"run_{name}",
            icon=icon,
            type="primary" if name == "continue" and applies else "secondary",
            disabled=not applies,
            on_click=_ask,
            args=(store, run.id, do),
        )


def _ask(store: Store, run_id: str, do: Callable[[str], object]) -> None:
    """Do with the run what its button says, or say why that is not possible (a callback)."""
    try:
        do(run_id)
    except StoreError as error:
        st.toast(escape(str(error)), icon=":material/error:")
    run_snapshot.renew(store, run_id)
