"""This module draws the bar of the Data page: the dataset, and the run whose settings say what is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from cnnlab.dashboard.inspect.selection import complain, set_widget
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import services
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.formatting import count
from cnnlab.runs import Run, Store, UnknownRunError
from cnnlab.schema import SETTINGS, TrainingConfig

_DATASET, _RUN = "data_dataset", "data_run"
FORM = ""
"""Stands in the list of runs for the settings that the form begins with."""


@dataclass(frozen=True)
class Shown:
    """A `Shown` is what the bar has chosen: settings, of a run or of the form, and their dataset."""

    config: TrainingConfig
    info: DatasetInfo
    run: Run | None


def choose() -> Shown:
    """Draw the bar and return what was chosen: the run that the address names, else its dataset, else one that is here."""
    store = services.store()
    runs = [run for run in services.runs(store) if _known(run)]
    run = _run(store, runs)
    name = run.config.dataset if run else _dataset()
    config = run.config if run and run.knows("validation_size") else _without_sets(run, name)
    by_id = {one.id: one for one in (*runs, *([run] if run else []))}
    names = run_labels.names(by_id.values()) | {FORM: "Train's first settings"}
    with st.container(border=True, key="frame_data_bar"):
        left, middle, right = st.columns([4, 6, 13], gap="small", vertical_alignment="center")
        set_widget(_DATASET, name)
        left.selectbox("Dataset", DATASETS.names(), key=_DATASET, on_change=_to_dataset, label_visibility="collapsed")
        set_widget(_RUN, run.id if run else FORM)
        middle.selectbox(
            "Settings of",
            [FORM, *by_id],
            key=_RUN,
            format_func=names.__getitem__,
            on_change=_to_run,
            args=(frozenset(by_id), name),
            label_visibility="collapsed",
        )
        info = DATASETS.get(name).info
        right.caption(
            _words(config, run),
            help=f"{escape(info.name)}: {escape(info.summary)} The settings of the chosen run say which of its pictures are "
            "for training, how their values are scaled, and how they are changed at random.",
        )
    return Shown(config, DATASETS.get(name).info, run)


def _known(run: Run) -> bool:
    """Return whether the run's settings can be read, and its dataset is there."""
    return run.fault is None and run.config.dataset in DATASETS.names()


def _run(store: Store, runs: Sequence[Run]) -> Run | None:
    asked = url.asked("run")
    if not asked:
        return None
    run = next((run for run in runs if run.id == asked), None)
    if run:
        return run
    try:
        found = store.get(asked)
    except UnknownRunError:
        complain("There is no run with this address. It may have been deleted. Here are the form's settings.")
        return None
    if _known(found):
        return found
    complain(f"The settings or the dataset of {found.name} cannot be read. Here are the form's settings.")
    return None


def _dataset() -> str:
    """Return the dataset of the address, else the form's where its pictures are here, else one that is drawn here."""
    asked = url.asked("dataset")
    folders = services.app_config().data
    here = [one.info.name for one in DATASETS if not one.info.download_bytes or one.is_ready(folders)]
    form = TrainingConfig().dataset
    usual = form if form in here or not here else here[-1]
    if asked is None or asked in DATASETS.names():
        return asked or usual
    if url.from_outside("dataset"):
        complain(f"There is no dataset “{asked}”. Here is {usual}.")
    return usual


def _without_sets(run: Run | None, name: str) -> TrainingConfig:
    """Return the form's settings for a dataset, with the normalisation of imported weights."""
    if run is None:
        return TrainingConfig(dataset=name)
    return TrainingConfig(dataset=name, normalisation=run.config.normalisation)


def _words(config: TrainingConfig, run: Run | None) -> str:
    """Return the settings that matter here, in a line of Markdown."""
    if run and not run.knows("validation_size"):
        begin = "Weights from a file: nobody knows on which pictures they were trained. Here are the form's sets"
    else:
        begin = f"Seed {config.seed}"
    augmentation = run_labels.setting_value(SETTINGS["augmentation"], config.augmentation)
    scaled = f"normalisation {config.normalisation}"
    return f"{begin} · {scaled} · augmentation {augmentation} · batch size {count(config.batch_size)}"


def _to_dataset() -> None:
    """Put the dataset into the address in place of a run. A callback: Streamlit may call it with no name of a dataset."""
    if st.session_state[_DATASET] in DATASETS.names():
        url.keep(dataset=st.session_state[_DATASET], run=None, sheet=None, members=None, pair=None, picture=None)


def _to_run(known: frozenset[str], dataset: str) -> None:
    """Put the run into the address, or the dataset where the form's settings are chosen."""
    chosen = st.session_state[_RUN]
    if chosen in known:
        url.keep(run=chosen, dataset=None, sheet=None, members=None, pair=None)
    elif chosen == FORM:
        url.keep(run=None, dataset=dataset)
