"""This module shows views of a whole dataset, whose arrays a process of its own computes once and keeps on the disk."""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import streamlit as st

from cnnlab.app_config import AppConfig
from cnnlab.checkpoints import WrittenFile
from cnnlab.dashboard.inspect.moments import Moment, address_of
from cnnlab.dashboard.inspect.selection import PLAYING, KeptWeights, Other
from cnnlab.dashboard.inspect.view import Screen, Subject, View
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import services, side, visitor
from cnnlab.dashboard.state.one_a_server import one_a_server
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.files import arrays
from cnnlab.formatting import count, percent
from cnnlab.inspection import kept_arrays
from cnnlab.records import RunStatus
from cnnlab.runs.process.jobs import Job, JobQueue
from cnnlab.schema import TrainingConfig

POLL_S = 0.5
_LEFT = "measured_left"
"""Name in the session's state of the set of jobs that this visitor does not wait for any more."""

A = TypeVar("A")


def kind_of(view: View[A]) -> type[A]:
    """Return the dataclass of arrays that the view's `compute` has as its return type."""
    kind: type[A] = get_type_hints(view.compute)["return"]
    return kind


def path_of(app_config: AppConfig, view: View[Any], subject: Subject) -> Path:
    """Return the file of the view's arrays for `subject`.

    The file's name holds a hash of all that the arrays depend on: weights, settings, set of pictures, and the fields of
    the dataclass.
    """
    kept = [field.name for field in fields(kind_of(view))]
    name = view.shared or view.name
    key = json.dumps([name, view.version, kept, subject.only(view.needs).key])
    return app_config.home / "views" / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}{arrays.SUFFIX}"


def find(app_config: AppConfig, view: View[A], subject: Subject) -> A | None:
    """Return the view's arrays for `subject` if the run or a process beside a page has written them before; else None."""
    found = view.kept(subject.only(view.needs))
    return found if found is not None else kept_arrays.read(path_of(app_config, view, subject), kind_of(view))


def arrays_of(view: View[A], screen: Screen) -> A | None:
    """Return the view's arrays; None where nobody has computed them, and the page offers to or shows the progress."""
    here = services.app_config()
    found = find(here, view, screen.subject)
    if found is not None:
        return found
    if missing := view.missing():
        st.info(missing, icon=":material/extension:")
        return None
    pictures = len(screen.subject.pictures()) if "set" in view.needs else 0  # raises where they are not on this machine
    pictures = min(pictures, view.most_pictures or pictures)
    key = path_of(here, view, screen.subject).name
    job = queue().find(key)
    if job and not job.over and key not in st.session_state.get(_LEFT, ()):
        queue().ask(key, arguments_of(view, screen.subject), visitor.name())  # whoever looks waits with those who asked
        st.fragment(_wait, run_every=POLL_S)(job, view.counts, side.key("measured_cancel"))
        return None
    if job and job.over and job.problem and visitor.name() in job.waiting:
        st.error(escape(job.problem), icon=":material/error:")
    with st.container(border=True, gap="small"):
        name = screen.subject.set
        when = f" {screen.selection.when}" if "epoch" in view.needs and not screen.selection.run.imported else ""
        on = f", on the **{name}** pictures" if pictures else ""
        st.markdown(f"This has not been measured yet{when}{on}.")
        does = "shows the pictures to the network" if pictures else "computes it"
        st.button(
            f"Measure: {count(pictures)} pictures" if pictures else "Measure",
            key=side.key("measured_ask"),
            icon=":material/play_arrow:",
            type="primary",
            help=f"A process beside this page {does}. The result is kept for everybody.",
            on_click=_ask,
            args=(view, screen.subject, side.once("moment", lambda: screen.looked_at and screen.looked_at.moment)),
        )
    return None


def _ask(view: View[Any], subject: Subject, moment: Moment | None) -> None:
    """Start the process that computes the view's arrays, or join the visitors who wait for it.

    A callback of the button, on a page that shows `moment` of a network, or none.
    """
    key = path_of(services.app_config(), view, subject).name
    st.session_state.setdefault(_LEFT, set()).discard(key)
    st.session_state.pop(PLAYING, None)
    if moment is not None:  # whoever asks about a moment stays at it, also where the page followed a training
        url.keep(**address_of(moment))
    gently = any(run.status is RunStatus.RUNNING for run in services.runs(services.store()))
    queue().ask(key, arguments_of(view, subject), visitor.name(), gently)


def arguments_of(view: View[Any], subject: Subject) -> tuple[str, ...]:
    """Return the command-line arguments with which `python -m cnnlab.views` computes `view` for `subject`."""
    subject = subject.only(view.needs)
    options = {
        "config": subject.config.model_dump_json(),
        "weights": subject.weights,
        "sha256": subject.file and subject.file.sha256,
        "bytes": subject.file and subject.file.bytes,
        "layer": subject.layer,
        "channel": subject.channel,
        "set": subject.set,
        "class-index": subject.class_index,
        "options": json.dumps(subject.options) if subject.options else None,
        "start": _as_rows([subject.start]) if subject.start else None,
        "history": _as_rows(subject.history) if subject.history else None,
        "beside": _as_json(subject.beside) if subject.beside else None,
    }
    return view.name, *(f"--{name}={value}" for name, value in options.items() if value is not None)


def _as_rows(kept: Sequence[KeptWeights]) -> str:
    """Return checkpoints as an argument of a command line, which `from_rows` understands once it is read as JSON."""
    return json.dumps([[one.epoch, str(one.path), one.file.sha256, one.file.bytes] for one in kept])


def _as_json(other: Other) -> str:
    """Return the network beside as an argument of a command line, which `from_json` understands."""
    return json.dumps([other.config.model_dump_json(), str(other.path), other.file.sha256, other.file.bytes])


def from_json(text: str) -> Other:
    """Return the network beside of the text that `arguments_of` makes of it."""
    config, path, sha256, size = json.loads(text)
    file = WrittenFile(Path(path).name, sha256, size)
    return Other(TrainingConfig.model_validate_json(config), Path(path), file)


def from_rows(rows: Sequence[tuple[int, str, str, int]]) -> tuple[KeptWeights, ...]:
    """Return checkpoints given as epoch, path of the file, and its SHA-256 and size."""
    return tuple(
        KeptWeights(epoch, Path(path), WrittenFile(Path(path).name, sha256, size)) for epoch, path, sha256, size in rows
    )


def _wait(job: Job, counts: str, cancel: str) -> None:
    """Draw the progress of `job`, which counts pictures or other things, and a Cancel button with the key `cancel`.

    Draw the whole page anew once the job is over.
    """
    if job.over or visitor.name() not in job.waiting:
        st.rerun()
    queue().seen(job.key, visitor.name())
    with st.container(border=True, gap="small"):
        if job.started is None:
            st.progress(0.0, "Waiting for another measurement to end …")
        elif not job.total:
            st.progress(0.0, "It begins …")
        else:
            words = f"{count(job.done)} of {count(job.total)} {counts}, {percent(job.share)}"
            st.progress(job.share, words)
        st.button("Cancel", key=cancel, icon=":material/close:", on_click=_cancel, args=(job.key,))


def _cancel(key: str) -> None:
    st.session_state.setdefault(_LEFT, set()).add(key)
    queue().cancel(key, visitor.name())


def queue() -> JobQueue:
    """Return the queue in which this server's views of whole datasets wait for their process."""
    return _queue(services.app_config())


@one_a_server
def _queue(app_config: AppConfig) -> JobQueue:
    return JobQueue(app_config, (sys.executable, "-m", "cnnlab.views"))
