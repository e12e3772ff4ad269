"""This module makes the `Screen` of a view out of what was chosen, and has its arrays computed or says why it cannot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnlab.analysis.layers import LayerRow
from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.bar import bar
from cnnlab.dashboard.inspect.cache import arrays_of
from cnnlab.dashboard.inspect.computing.progress import StoppedError
from cnnlab.dashboard.inspect.picture import Picture
from cnnlab.dashboard.inspect.selection import KeptWeights, Other, Selection
from cnnlab.dashboard.inspect.view import Screen, Subject, View
from cnnlab.dashboard.state import services
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.data import DATASETS, DataUnavailableError
from cnnlab.inspection.networks import BusyError
from cnnlab.runs import Checkpoint

T = TypeVar("T")


def screen_of(
    view: View[Any],
    selection: Selection,
    chosen: Mapping[str, Any],
    address: dict[str, str | int | None],
    picture: Picture | None,
    row: LayerRow | None,
    above: DeltaGenerator,
    controls: DeltaGenerator,
) -> Screen:
    """Return the screen of `view` for a run and epoch. `chosen`: values for further fields of its subject, by name.

    What is put into `chosen` afterwards counts for the screen's arrays of other checkpoints.
    """
    run, here = selection.run, services.app_config()
    history = known(selection.saved)
    others: dict[str, Any] = {
        "history": history,
        "start": history[0] if history[0].epoch == 0 and not run.imported else None,
        "beside": other_of(selection.beside) if selection.beside else None,
    }
    info = DATASETS.get(run.config.dataset).info

    def subject(weights: Checkpoint) -> Subject:
        path = here.runs / weights.run_id / weights.name
        return Subject(run.config, info, here.data, path, weights, weights.epoch, **chosen, **others)

    return Screen(
        looked_at=selection,
        subject=subject(selection.weights),
        picture=picture,
        row=row,
        above=above,
        controls=controls,
        address=address,
        arrays_at=lambda weights: _arrays_at(view, subject(weights)),
        arrays_with=lambda **other: arrays_of(view, replace(subject(selection.weights), **other)),
    )


def known(kept: Sequence[Checkpoint]) -> tuple[KeptWeights, ...]:
    """Return where the files of these checkpoints are, and what the store knows of them."""
    runs = services.app_config().runs
    return tuple(KeptWeights(one.epoch, runs / one.run_id / one.name, one) for one in kept)


def other_of(selection: Selection) -> Other:
    """Return what a view's arrays depend on of a network that stands beside."""
    weights = selection.weights
    return Other(selection.run.config, services.app_config().runs / weights.run_id / weights.name, weights)


def fetched(view: View[Any], screen: Screen) -> Any:
    """Return the view's arrays; None where a process beside the page has to compute them, and the page offers to."""
    here = view.in_a_page(screen.subject)
    return arrays_of(view, screen.subject) if here else measured.arrays_of(view, screen)


def attempt(selection: Selection | None, do: Callable[[], T]) -> T | None:
    """Return what `do` returns; None where the page has said which weights or pictures it cannot read."""
    try:
        return do()
    except CheckpointError as error:
        if selection is None:
            raise
        bar.unreadable(selection, error)
    except DataUnavailableError as error:
        st.warning(escape(str(error)), icon=":material/image_not_supported:")
    except StoppedError:
        pass  # the page has said so
    except BusyError as error:
        st.warning(str(error), icon=":material/hourglass:")
    return None


def _arrays_at(view: View[Any], subject: Subject) -> Any:
    """Return the view's arrays for a checkpoint that is not the one on the screen; no whole dataset is measured for it."""
    return arrays_of(view, subject) if view.in_a_page(subject) else measured.find(services.app_config(), view, subject)
