"""This module keeps the arrays of the views that the pages compute, for all visitors of the server.

The networks themselves are kept and lent in turn by the Subject. Each key holds the SHA-256 of the weights, so that the
cache cannot show what another file once held, and else only what the view needs.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import streamlit as st
from streamlit.runtime.scriptrunner_utils.script_run_context import get_run_yield_check

from cnnlab.dashboard.inspect.computing.progress import Progress
from cnnlab.dashboard.inspect.view import VIEWS, Subject, View
from cnnlab.data import DATASETS
from cnnlab.inspection import summary
from cnnlab.inspection.summary import LayerRow
from cnnlab.runs import Run
from cnnlab.schema import TrainingConfig

MOST_BYTES = 64 << 20
"""Size of the arrays kept for all visitors together; those not asked for longest are dropped first."""

A = TypeVar("A")


class TooLongForAPageError(TypeError):
    """`TooLongForAPageError` says that a page was about to compute a view of a whole dataset.

    A process of its own has to compute such a view.
    """


def layers_of(run: Run) -> list[LayerRow]:
    """Return the layers of the run's network, in the order of execution, without reading any weights."""
    return _layers_of(run.config.model_dump_json())


def arrays_of(view: View[A], subject: Subject) -> A:
    """Return the view's arrays for `subject`, computed once for all visitors.

    Where that takes seconds, the page shows how far it is, with a way to stop. Raises what `view.compute` raises, and
    StoppedError where the visitor has stopped it.
    """
    if not view.in_a_page(subject):
        raise TooLongForAPageError(f"{view.title} looks at a whole set of pictures: a page may not compute it.")
    seen = subject.only(view.needs)
    leave = get_run_yield_check() or _stay  # raises where the visitor has clicked on: nobody waits for this any more
    if view.cost != "seconds":
        arrays: A = _arrays_of(view.name, seen.key, seen.picture, replace(seen, waiting=leave))
        return arrays
    progress = Progress(_name(view, seen), view.counts)

    def wait() -> None:
        leave()
        progress.wait()

    def tell(done: int, total: int) -> None:
        leave()
        progress.tell(done, total)

    arrays = _arrays_of(view.name, seen.key, seen.picture, replace(seen, waiting=wait, progress=tell))
    progress.over()
    return arrays


def arrays_apart(view: View[Any], subject: Subject) -> None:
    """Compute the view's arrays for `subject` and keep them for all visitors, in a turn of nobody's.

    Raises what `view.compute` and `subject.waiting` raise.
    """
    seen = replace(subject.only(view.needs), apart=True)
    _arrays_of(view.name, seen.key, seen.picture, seen)


def _name(view: View[Any], subject: Subject) -> str:
    """Return a name of these arrays that no others have."""
    pixels = b"" if subject.picture is None else subject.picture.tobytes()
    return f"{view.name} {subject.key} {sha256(pixels).hexdigest()}"


def _stay() -> None:
    """Go on: outside of a page nobody can click."""


@st.cache_data(max_entries=256, show_spinner=False)
def _layers_of(config_json: str) -> list[LayerRow]:
    config = TrainingConfig.model_validate_json(config_json)
    return summary.summarise(config, DATASETS.get(config.dataset).info)


@st.cache_data(max_size=MOST_BYTES, show_spinner=False)
def _arrays_of(name: str, key: str, picture: npt.NDArray[np.uint8] | None, _subject: Subject) -> Any:
    del key, picture  # only parts of the cache's key
    return VIEWS.get(name).compute(_subject)
