"""Listing, naming and deleting runs; and what many threads may do at once."""

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, StoreError, locks
from cnnlab.runs.store import tables
from cnnlab.schema import TrainingConfig
from tests.factories import step_record

MakeRun = Callable[[RunStatus], Run]
Spawn = Callable[..., "subprocess.Popen[str]"]


def test_the_list_has_the_newest_run_first(store: Store) -> None:
    """Each as `get` gives it."""
    runs = [store.create(TrainingConfig(seed=seed)) for seed in range(5)]

    assert store.list() == [store.get(run.id) for run in reversed(runs)]


def test_names_and_notes_are_kept(store: Store, running: Run) -> None:
    """Also while the run trains; what comes back is the changed run."""
    assert store.rename(running.id, " Größer ").name == "Größer"
    assert store.annotate(running.id, "a\nb").note == "a\nb"
    assert store.annotate(running.id, "").note == ""
    assert store.get(running.id).name == "Größer"


@pytest.mark.parametrize("status", RunStatus)
def test_deleting_leaves_nothing_behind(store: Store, make_run: MakeRun, status: RunStatus) -> None:
    """Rows and files go, except of a run that trains."""
    run = make_run(status)
    (store.folder(run.id) / "weights-0001.safetensors").write_bytes(b"w")

    if status is RunStatus.RUNNING:
        store.add_steps(run.id, [step_record(1)], 1.0)
        with pytest.raises(StoreError, match=r"is training\. Stop it first"):
            store.delete(run.id)
        assert store.folder(run.id).is_dir()
        store.finish(run.id, RunStatus.STOPPED, "Stopped.")
    store.delete(run.id)

    assert store.list() == []
    assert not store.folder(run.id).exists()
    assert not locks.is_held(store.folder(run.id))
    with store.database.writing() as connection:
        for table in (tables.steps, tables.epochs, tables.checkpoints):
            assert connection.execute(table.select()).all() == []


def test_a_run_whose_folder_is_gone_can_be_deleted(store: Store, make_run: MakeRun) -> None:
    """People clean up by hand."""
    run = make_run(RunStatus.STOPPED)
    (store.folder(run.id) / "lock").unlink()
    store.folder(run.id).rmdir()

    store.delete(run.id)

    assert store.list() == []


def test_a_run_locked_by_another_process_is_not_deleted(store: Store, make_run: MakeRun, spawn: Spawn) -> None:
    """Between taking the lock and changing the row, a worker must not lose its folder."""
    run = make_run(RunStatus.QUEUED)
    other = spawn("store.take_lock(sys.argv[1]); print('held', flush=True); sys.stdin.read()", run.id)
    assert other.stdout is not None
    other.stdout.readline()

    with pytest.raises(StoreError, match="is training"):
        store.delete(run.id)

    other.communicate("")
    store.delete(run.id)


def test_many_threads_use_one_store(store: Store) -> None:
    """A server has a thread a reader: writes and reads at once, nothing lost, nothing locked."""
    runs = [store.create(TrainingConfig(seed=seed), mine=True) for seed in range(4)]
    end = time.monotonic() + 1.0

    def write(run: Run) -> int:
        count = 0
        while not count or time.monotonic() < end:
            count += 1
            store.add_steps(run.id, [step_record(count)], 1.0)
        return count

    def read(_: int) -> int:
        count = 0
        while not count or time.monotonic() < end:
            count += 1
            assert len(store.list()) == 4
            assert all(store.command(run.id) is None for run in runs)
        return count

    with ThreadPoolExecutor(12) as pool:
        written, reads = pool.map(write, runs), pool.map(read, range(8))
        counts = list(written)
        assert min(reads) > 0

    assert [len(store.steps(run.id)) for run in runs] == counts
    for run in runs:
        store.finish(run.id, RunStatus.STOPPED, "Stopped.")


@pytest.mark.parametrize("column", ["results", "environment"])
@pytest.mark.parametrize("text", ["{", "[1]", '{"final": 3}'])
def test_one_unreadable_row_does_not_break_the_list(store: Store, make_run: MakeRun, column: str, text: str) -> None:
    """The other runs are listed as ever; this one says that something of it is lost, unless it still means something."""
    make_run(RunStatus.FINISHED)
    odd = make_run(RunStatus.FINISHED)
    with store.database.writing() as connection:
        connection.execute(update(tables.runs).where(tables.runs.c.id == odd.id).values({column: text}))

    found, other = store.list()
    assert other.message == "It is finished."
    readable = column == "environment" and text == '{"final": 3}'
    assert ("cannot be read any more" in (found.message or "")) is not readable
