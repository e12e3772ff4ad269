"""A store that does not answer for a while, in the midst of a run: locked by another process, or a server that restarts."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, patience
from tests.postgresql import Server
from tests.reliability.kills import Whole
from tests.reliability.runs import must_be_equal, must_hold, recipe
from tests.reliability.workers import Workers
from tests.waiting import eventually
from tests.worker.helpers import facts, scores

HOLDER = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
other.execute(sys.argv[2])
other.execute("SELECT count(*) FROM runs").fetchone()
print("held", flush=True)
sys.stdin.read()
"""
WAYS = {"nobody reads or writes": "BEGIN EXCLUSIVE", "nobody writes": "BEGIN IMMEDIATE", "a long reader": "BEGIN"}
"""How another process holds the store's file; a backup is such a reader."""


LONG_S = 900.0
"""A machine that is busy with other work may take so long to start a worker."""


@contextmanager
def held(file: Path, begin: str) -> Iterator[None]:
    """Another process holds the store's file within the block."""
    command = [sys.executable, "-c", HOLDER, str(file), begin]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.kill()
        holder.communicate()


def locked(
    workers: Workers, store: Store, whole: Whole, chance: random.Random, seconds: float, counted: Counter[str]
) -> None:
    """Lock the store for so long at a random moment of a run: it ends as the run that was left alone."""
    run, worker = store.create(whole.run.config), workers.start(store.app_config)
    how = chance.choice(list(WAYS))
    eventually(lambda: store.epochs(run.id), LONG_S)
    time.sleep(chance.uniform(0, 0.3 * whole.seconds))
    shown = store.epochs(run.id)
    counted["while it trained"] += store.get(run.id).status is RunStatus.RUNNING
    with held(store.app_config.home / "runs.db", WAYS[how]):
        time.sleep(seconds)
        counted["said in the run's folder"] += patience.busy_for_s(store.folder(run.id)) is not None
    assert worker.end().code == 0
    assert store.get(run.id).status is RunStatus.FINISHED, store.get(run.id).message
    assert patience.busy_for_s(store.folder(run.id)) is None
    must_hold(store, run, shown, whole.facts)
    must_be_equal(store, run, whole.store, whole.run)
    counted[how] += 1
    counted["epochs shown before, none lost"] += len(shown)
    store.delete(run.id)


def restarted(
    workers: Workers, app_config: AppConfig, server: Server, chance: random.Random, times: int, epochs: int
) -> Counter[str]:
    """Restart the server of a store so many times in one run, every second time as by a crash; what came of it.

    The run ends with the records of the same run that was left alone.
    """
    # made anew, because a copy would remember where the database of `app_config` was
    here = AppConfig(home=app_config.home, data_dir=app_config.data.published, database_url=server.url)
    store, counted = Store(here), Counter[str]()
    run = store.create(recipe("adam", epochs))
    worker = workers.start(store.app_config)
    eventually(lambda: store.epochs(run.id), LONG_S)
    for turn in range(times):
        shown = store.epochs(run.id)
        counted["while it trained"] += store.get(run.id).status is RunStatus.RUNNING
        server.stop(("fast", "immediate")[turn % 2])
        time.sleep(chance.uniform(0, 3))
        server.start()
        eventually(partial(_got_on, store, run, len(shown)), LONG_S)
        assert store.epochs(run.id)[: len(shown)] == shown
        counted["epochs shown before a restart, none lost"] = len(shown)
        print(f"{turn + 1} restarts, {len(shown)} epochs", flush=True)
        time.sleep(chance.uniform(0, 1))
    assert worker.end().code == 0
    run = store.get(run.id)
    assert run.status is RunStatus.FINISHED, run.message
    alone = store.create(run.config)
    assert workers.start(store.app_config).end().code == 0
    assert facts(store, run) == facts(store, alone)
    assert scores(run) == scores(store.get(alone.id))
    counted["restarts"] = times
    return counted


def _got_on(store: Store, run: Run, epochs: int) -> bool:
    return len(store.epochs(run.id)) > epochs or not store.get(run.id).status.active
