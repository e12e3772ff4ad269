"""This module starts runs: from a preset, from an earlier run with one change, or from the form."""

from dataclasses import dataclass
from time import monotonic

import streamlit as st

from cnnlab.dashboard.auth.current_user import own_seed
from cnnlab.dashboard.state import query_params, services
from cnnlab.dashboard.train import draft, form
from cnnlab.dashboard.train.demo import BUILT_IN
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.data import DATASETS
from cnnlab.models import complete, plain
from cnnlab.presets import PRESETS, named
from cnnlab.runs import Run, Store, StoreError, UnknownRunError, expected_time
from cnnlab.schema import TrainingConfig, differences

DOUBLE_CLICK_S = 2.0
"""Seconds within which the same settings from the same browser count as one click, not as two runs."""

_PRESET = "start_preset"
_PROBLEM = "start_problem"
_STARTED = "start_last"


@dataclass(frozen=True)
class _Started:
    config: TrainingConfig
    at_s: float
    run_id: str


def presets(chosen: TrainingConfig | None) -> None:
    """Draw the presets side by side; the one whose settings are in the form is marked, with what it is for."""
    now = next((preset for preset in PRESETS if complete(own_seed(preset.config)) == chosen), None)
    st.session_state[_PRESET] = now.name if now else None
    with st.container(gap=None):
        st.pills(
            "Presets",
            [preset.name for preset in PRESETS],
            key=_PRESET,
            on_change=_choose,
            label_visibility="collapsed",
            wrap=True,
        )
        st.caption(now.summary if now else "A preset fills in the form. You can then change any setting.")


def parent_from_url(store: Store) -> Run | None:
    """Return the run that `?parent=` names, and fill the form once with its settings, to change one and train again."""
    wanted = st.query_params.get("parent")
    if not wanted:
        draft.leave_run()
        return None
    try:
        parent = store.get(wanted)
    except StoreError as error:
        st.warning(escape(str(error)), icon=":material/link_off:")
        query_params.set_url(parent=None)
        return None
    draft.fill_from(parent)
    return parent


def parent_line(parent: Run, config: TrainingConfig | None) -> None:
    """Draw what has been changed of the parent run so far, and a button to start afresh."""
    changes = [] if config is None else list(differences(parent.config, config))
    said = " · ".join(
        f"{setting.label.lower()} {run_labels.setting_value(setting, before)} → {run_labels.setting_value(setting, after)}"
        for setting, before, after in changes
    )
    advice = " Change one thing at a time to see what it does." if len(changes) != 1 else ""
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f"Based on {run_labels.run_line(parent)}: {escape(said or 'nothing changed yet')}.{advice}")
        st.button("Start afresh", icon=":material/close:", type="tertiary", on_click=_leave_parent)


def about_data(dataset: str | None) -> None:
    """Draw a note where the dataset has to be fetched first, and a button for one that needs no network."""
    if dataset not in DATASETS.names():
        return
    known = DATASETS.get(dataset)
    if known.info.download_bytes and not known.is_ready(services.app_config().data):
        size = f"{known.info.download_bytes / 1e6:.0f} MB"
        st.caption(f"{dataset} is not on this machine yet: the run downloads it first, once ({size}).")
        st.button(f"Train on {BUILT_IN} instead: it needs no internet", type="tertiary", on_click=_use_built_in)


def train(parent_id: str | None = None) -> None:
    """Check the form as it is *now*, queue the run, and show it (the callback of the Train button)."""
    checked = form.check(form.typed())
    run_id = begin(checked.config, parent_id, announced_for(checked.config)) if checked.config else None
    if run_id:
        query_params.set_url(parent=None, run=run_id)


def announced_for(config: TrainingConfig) -> float | None:
    """Return in how many seconds the form has announced the run's result; None where it has not."""
    store = services.store()
    said = expected_time.announced([config], services.runs(store), store.line_with(1), store.app_config.slots)
    return said.seconds[0] if said else None


def begin(config: TrainingConfig, parent_id: str | None = None, announced_s: float | None = None) -> str | None:
    """Queue a run and return its id; a second click within two seconds returns the same run.

    None where the store refuses; `problem` then says why. `announced_s`: when its result was announced to come.
    """
    last: _Started | None = st.session_state.get(_STARTED)
    if last and last.config == config and monotonic() - last.at_s < DOUBLE_CLICK_S:
        return last.run_id
    try:
        run = _create(services.store(), config, parent_id, announced_s)
    except StoreError as error:
        st.session_state[_PROBLEM] = str(error)
        return None
    services.notice(services.store(), run)
    st.session_state[_STARTED] = _Started(config, monotonic(), run.id)
    return run.id


def _create(store: Store, config: TrainingConfig, parent_id: str | None, announced_s: float | None) -> Run:
    """Queue a run whose name says what was changed of its parent, or of the architecture as it is. Raises StoreError."""
    try:
        before = store.get(parent_id).config if parent_id else plain(config)
    except UnknownRunError:  # deleted meanwhile
        before = plain(config)
    return store.create(config, parent_id=parent_id, plain=before, announced_s=announced_s)


def problem() -> None:
    """Draw, once, why the last click started nothing."""
    if sentence := st.session_state.pop(_PROBLEM, None):
        st.error(escape(sentence), icon=":material/error:")


def _use_built_in() -> None:
    st.session_state[form.key("dataset")] = BUILT_IN


def _choose() -> None:
    if preset := named(st.session_state[_PRESET] or ""):
        form.fill(own_seed(preset.config))
        _leave_parent()


def _leave_parent() -> None:
    query_params.set_url(parent=None)
