"""Disks that become full while a run trains: by a limit on the size of files, or a small disk in memory."""

import random
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from tests.reliability.faults import finish
from tests.reliability.kills import Whole
from tests.reliability.runs import EAGER, must_hold
from tests.reliability.workers import Worker, Workers

SIZES = (20_000, 1_200_000)
"""Bytes that no file may exceed: from less than the database to more than a state, drawn evenly in orders of magnitude."""
SENTENCES = {
    "by the file": "The disk is full. Every epoch that was shown is kept; free some space, then continue.",
    "by the store": "is full or failing. Free some space and try again.",
}


@dataclass
class Outcomes:
    """What became of the runs."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: int = 0


def fill_again_and_again(workers: Workers, store: Store, whole: Whole, chance: random.Random, most: int) -> Outcomes:
    """Runs whose worker meets a full disk at a random moment, until so many have; each continued with room, to its end."""
    outcomes = Outcomes()
    while outcomes.faults < most:
        run = store.create(whole.run.config)
        shown, full = [], True
        while full and outcomes.faults < most:
            worker = workers.start(store.app_config, writer=EAGER)
            time.sleep(chance.uniform(0, whole.seconds / 3))
            size = round(SIZES[0] * (SIZES[1] / SIZES[0]) ** chance.random())
            _limit(worker, size)
            code = worker.end().code
            status = store.get(run.id).status
            full = status is not RunStatus.FINISHED
            if status is RunStatus.QUEUED:  # not even the claim could be written: it waits for a disk with room
                assert code != 0, "the process ended in peace and said nothing"
                outcomes.faults += 1
                outcomes.ends["waiting, not claimed"] += 1
            elif full:
                outcomes.faults += 1
                outcomes.ends[after_a_full_disk(store, run, code)] += 1
                must_hold(store, run, shown, whole.facts, disk_was_full=True)
                shown = store.epochs(run.id)
                store.resume(run.id)
        finish(workers, store, run, shown, whole, disk_was_full=True)
    return outcomes


def after_a_full_disk(store: Store, run: Run, code: int) -> str:
    """How the run ended, in a word; recovered where the store could not be told any more."""
    ended, told = store.get(run.id), "told"
    if ended.status is RunStatus.RUNNING:
        assert code != 0, "the process ended in peace and said nothing"
        assert [recovered.id for recovered in store.recover()] == [run.id]
        ended, told = store.get(run.id), "recovered"
    message = str(ended.message)
    by = next((who for who, sentence in SENTENCES.items() if sentence in message), None)
    assert ended.status in (RunStatus.FAILED, RunStatus.INTERRUPTED), message
    assert by or (told, ended.status) == ("recovered", RunStatus.INTERRUPTED), message
    return f"{ended.status}, {told}, {by or 'without a reason'}"


def _limit(worker: Worker, size: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    with suppress(ProcessLookupError):
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (size, hard))


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of that size, in memory, at a new folder. Raises OSError where one may not mount."""
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True
    ).returncode:
        raise PermissionError("only root may mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(folder: Path, size: str) -> None:
    """Make room on a `small_disk`."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)
