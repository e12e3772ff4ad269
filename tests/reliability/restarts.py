"""A real dashboard with real workers, whose processes end in every way while a run trains."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from unittest import mock

from cnnlab import worker
from cnnlab.records import Plan, RunStatus
from cnnlab.runs import Run, Store, locks
from cnnlab.worker import job
from tests.reliability.runs import must_be_equal, must_hold, recipe
from tests.streamlit_server import Server
from tests.waiting import eventually

LOOKING_S = 2.0
"""A server that has started says within this time what has become of a run."""


def server_ends(server: Server, store: Store, run: Run, end: Callable[[], None]) -> None:
    """The server ends and another one starts: the run's process is the same, and it has got on."""
    [pid] = store.training_pids()
    shown = store.epochs(run.id)
    end()
    server.start()
    assert store.training_pids() == {pid}
    eventually(lambda: len(store.epochs(run.id)) > len(shown) + 1)
    assert store.epochs(run.id)[: len(shown)] == shown
    assert (store.get(run.id).status, store.training_pids()) == (RunStatus.RUNNING, {pid})


def both_die(server: Server, store: Store, run: Run) -> float:
    """Server and worker are killed together; the seconds after which a new server calls the run interrupted."""
    [pid] = store.training_pids()
    shown = store.epochs(run.id)
    server.kill()
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    assert store.get(run.id).status is RunStatus.RUNNING, "nobody was left to say otherwise"
    server.start()
    began = time.monotonic()
    eventually(lambda: store.get(run.id).status is RunStatus.INTERRUPTED)
    seconds = time.monotonic() - began
    eventually(lambda: not locks.is_held(store.folder(run.id)))  # with it, the server clears the folder
    must_hold(store, run, shown)
    kept = store.epochs(run.id)  # more than `shown`, where epochs were committed before the kill
    store.resume(run.id)
    until_it_trains(store, run, len(kept) + 1)
    return seconds


def long_run(store: Store, epochs: int) -> Run:
    """One that trains for as long as the test likes."""
    run = store.create(recipe("adam", epochs))
    until_it_trains(store, run, 2)
    return run


def until_it_trains(store: Store, run: Run, epochs: int) -> None:
    """Until so many can be seen."""
    eventually(lambda: len(store.epochs(run.id)) >= epochs)


def is_as_left_alone(store: Store, run: Run) -> None:
    """Once it is finished: bit for bit the run of this process with the same plan."""
    eventually(lambda: not store.get(run.id).status.active, seconds=300)
    plan = Plan.model_validate(store.get(run.id).environment["plan"])
    with mock.patch.object(job, "choose", return_value=(plan, None)):
        alone = worker.work(store, store.app_config, store.create(run.config, mine=True))
    must_be_equal(store, run, store, alone)
