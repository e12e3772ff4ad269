"""Who looks at the store, and who waits for that: `python -m benchmarks.runs.reading [--runs 1000] [--busy 30] [--n 20]`.

A store of that many runs, each with scores, an epoch record and surroundings, of which one trains. First on its own: processor
time of `Store.list()`, and how long SQLite keeps the file locked for it (the one statement that copies the answer). Then
with so many threads that want Python's lock, and two of them that list all runs again and again, while another process
commits every tenth of a second: how long its COMMIT took, and how many the store refused.
"""

import argparse
import itertools
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import insert

from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.records import EpochRecord, FullScores, Phase, Results, RunStatus, Score, Usage
from cnnlab.runs import Store
from cnnlab.runs.reading import snapshot
from cnnlab.runs.store import tables
from cnnlab.schema import TrainingConfig

BAR_MS = 20
COMMITS = 60
SCORE = Score(loss=0.51234567, accuracy=0.7654321, n=10_000)
SCORES = FullScores(epoch=10, train=SCORE, validation=SCORE, test=SCORE)
RESULTS = Results(final=SCORES, best=SCORES, usage=Usage(epoch_s=1.5, memory_bytes=10**8))
SURROUNDINGS = {"machine": "2 cores", "versions": {f"package-{number}": "1.2.3" for number in range(20)}}

WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=5.0, isolation_level=None)
for _ in range(int(sys.argv[2])):
    begun = time.perf_counter()
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE runs SET step = step + 1, revision = revision + 1000000 WHERE status = 'running'")
        connection.execute("COMMIT")
        print(time.perf_counter() - begun, flush=True)
    except sqlite3.OperationalError:
        connection.rollback()
        print("refused", flush=True)
    time.sleep(0.1)
"""


def main() -> None:
    """Fill the store, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--busy", type=int, default=30)
    parser.add_argument("--n", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        store = Store(AppConfig(home=Path(home), runs_dir=None, database_url=None))
        fill(store, asked.runs)
        print(f"{machine()}; SQLite {sqlite3.sqlite_version}; {asked.runs} runs; n = {asked.n}")
        with locked_ms() as locked:
            cpu = [spent_ms(store.list)]
            pieces = len(locked)
            for _ in range(asked.n):
                store.tell(f"{asked.runs:032x}", Phase(doing="training", step=1, due_at=time.time()))
                cpu.append(spent_ms(store.list))
        tell("processor time of a list", cpu[1:])
        tell("file locked", locked[pieces:])
        print(
            f"  the first list of a process: {cpu[0]:.1f} ms, file locked {pieces} times, {max(locked[:pieces]):.1f} ms at most"
        )
        print(
            f"bar {BAR_MS} ms: {'reached' if max(map(statistics.median, (cpu[1:], locked[pieces:]))) <= BAR_MS else 'MISSED'}"
        )
        taken = beside_busy_threads(store, asked.busy)
        waits = [1e3 * float(seconds) for seconds in taken if seconds != "refused"]
        print(f"{asked.busy} busy threads, two that list: {len(taken)} commits, {taken.count('refused')} refused")
        tell("a commit", waits)


def fill(store: Store, n: int) -> None:
    """Runs that have ended, and a last one that trains, for which this process stands."""
    now = time.time()
    with store.database.writing() as connection:
        for number in range(1, n + 1):
            record = EpochRecord(
                epoch=10, step=1_000, running_loss=1 / number, train_sample=SCORE, validation=SCORE, elapsed_s=9.5
            )
            row: dict[str, Any] = {"id": f"{number:032x}", "name": f"Run {number}", "status": RunStatus.FINISHED}
            row |= {"config": TrainingConfig(seed=number).model_dump_json(), "environment": json.dumps(SURROUNDINGS)}
            row |= dict.fromkeys(("created_at", "queued_at", "started_at", "finished_at"), now - n + number)
            row |= {"epoch": 10, "step": 1_000, "steps_total": 1_000, "elapsed_s": 9.5, "last_epoch": 10}
            row |= {"results": RESULTS.model_dump_json(), "images_per_s": 1e3 + 1 / number}
            if number == n:
                row |= {"status": RunStatus.RUNNING, "results": None, "pid": os.getpid()}
            given = connection.execute(insert(tables.runs).values(row).returning(tables.runs.c.number)).scalar_one()
            kept = {"number": given, "epoch": 10, "step": 1_000, "record": record.model_dump_json()}
            connection.execute(insert(tables.epochs).values(kept))


@contextmanager
def locked_ms() -> Iterator[list[float]]:
    """Collect how long each statement took that copies an answer: the file is locked within it, and at no other time."""
    taken: list[float] = []
    real = snapshot.copy_answer

    def timed(*given: Any) -> None:
        begun = time.perf_counter()
        real(*given)
        taken.append(1e3 * (time.perf_counter() - begun))

    with mock.patch.object(snapshot, "copy_answer", timed):
        yield taken


def beside_busy_threads(store: Store, busy: int) -> list[str]:
    """Return what a process that commits says of each commit, while threads of this one are busy and two list all runs."""
    ended = threading.Event()

    def spin() -> None:
        while not ended.is_set():
            sum(itertools.islice(itertools.count(), 1_000))

    def look() -> None:
        while not ended.is_set():
            store.list()

    threads = [threading.Thread(target=act) for act in [spin] * busy + [look] * 2]
    command = [sys.executable, "-c", WRITER, str(store.app_config.home / "runs.db"), str(COMMITS)]
    for thread in threads:
        thread.start()
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def spent_ms(act: Callable[[], object]) -> float:
    """Milliseconds of the processor that a call takes of this thread."""
    begun = time.thread_time()
    act()
    return 1e3 * (time.thread_time() - begun)


def tell(what: str, taken: list[float]) -> None:
    """A line of the table."""
    print(f"  {what:26} median {statistics.median(taken):8.1f} ms, worst {max(taken):8.1f} ms")


if __name__ == "__main__":
    main()
