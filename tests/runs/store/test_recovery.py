"""Nothing is shown as running that is not, and no acknowledged commit is lost, whenever a process is killed."""

import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable

import pytest

from cnnlab.records import RunStatus
from cnnlab.runs import Checkpoint, Run, Store
from cnnlab.schema import TrainingConfig

Spawn = Callable[..., "subprocess.Popen[str]"]
MakeRun = Callable[[RunStatus], Run]

CLAIM_AND_WAIT = "run = store.claim(); print(run.id, flush=True); sys.stdin.read()"


def claimed_elsewhere(store: Store, spawn: Spawn) -> "tuple[str, subprocess.Popen[str]]":
    """A run that another process has just claimed, and that process."""
    store.create(TrainingConfig())
    process = spawn(CLAIM_AND_WAIT)
    assert process.stdout is not None
    return process.stdout.readline().strip(), process


def test_a_run_killed_right_after_its_claim_is_interrupted(store: Store, spawn: Spawn) -> None:
    """While the process lives it is left alone; once killed, it is said, and the run can be continued."""
    id, process = claimed_elsewhere(store, spawn)
    assert store.recover() == []
    assert store.get(id).status is RunStatus.RUNNING

    process.kill()
    process.wait()
    recovered = store.recover()

    assert [run.id for run in recovered] == [id]
    assert recovered[0] == store.get(id)
    assert recovered[0].status is RunStatus.INTERRUPTED
    assert recovered[0].message == (
        "The training process ended without saying why, in its first epoch. If it is continued, it starts again."
    )
    assert store.recover() == []
    assert store.resume(id).status is RunStatus.QUEUED


def test_the_sentence_says_how_far_it_came(
    store: Store, running: Run, report_epoch: Callable[..., Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After epoch 3, continuing goes on from there."""
    for epoch in (1, 2, 3):
        report_epoch(running, epoch)
    forget_lock(store, running)

    (run,) = store.recover()

    assert run.message == (
        "The training process ended without saying why, after epoch 3. It can be continued from there."
    )


def forget_lock(store: Store, run: Run) -> None:
    """As if the process that held it had died."""
    from cnnlab.runs import locks

    locks.release(store.folder(run.id))


def test_files_that_were_never_committed_are_removed(
    store: Store, running: Run, report_epoch: Callable[..., Checkpoint]
) -> None:
    """What no row names does not count; what a row names stays."""
    named = report_epoch(running, 1)
    folder = store.folder(running.id)
    for stray in ("weights-0002.safetensors", "state-0002-0000012.safetensors.tmp"):
        (folder / stray).write_bytes(b"half")
    forget_lock(store, running)

    store.recover()

    assert {path.name for path in folder.iterdir()} == {"lock", named.name}


def test_a_living_run_keeps_its_unfinished_files(store: Store, running: Run) -> None:
    """It is about to commit them."""
    path = store.folder(running.id) / "weights-0001.safetensors.tmp"
    path.write_bytes(b"half")

    store.recover()

    assert path.exists()


def test_a_running_run_whose_folder_is_gone_is_interrupted(store: Store, running: Run) -> None:
    """Nobody holds a lock that is not there."""
    (store.folder(running.id) / "lock").unlink()
    forget_lock(store, running)
    store.folder(running.id).rmdir()

    assert [run.id for run in store.recover()] == [running.id]


def test_only_folders_of_deleted_runs_are_swept(store: Store, make_run: MakeRun) -> None:
    """Left by a delete that was killed half-way. A folder that merely has no row stays: perhaps its row was lost."""
    run = make_run(RunStatus.STOPPED)
    deleted, lost, foreign = (store.app_config.runs / name for name in ("a" * 32, "b" * 32, "my notes"))
    for folder in (deleted, lost, foreign):
        folder.mkdir()
        (folder / "weights-0001.safetensors").write_bytes(b"w")
    store.mark_deleted(deleted.name)

    for clock in (0.0, time.time(), time.time() + 1e6):  # whatever the clock says
        for folder in (lost, foreign, store.folder(run.id)):
            os.utime(folder, (clock, clock))
        store.sweep()

    assert {path.name for path in store.app_config.runs.iterdir()} == {run.id, lost.name, foreign.name}


def test_a_delete_that_was_killed_half_way_is_finished(store: Store, make_run: MakeRun, spawn: Spawn) -> None:
    """The row is gone, the files are not: the next server removes them."""
    run = make_run(RunStatus.STOPPED)
    (store.folder(run.id) / "weights-0001.safetensors").write_bytes(b"w")
    code = """
import os, shutil
shutil.rmtree = lambda *arguments, **options: os.kill(os.getpid(), 9)
store.delete(sys.argv[1])
"""
    assert spawn(code, run.id).wait() == -9
    assert store.list() == []
    assert store.folder(run.id).exists()

    store.sweep()

    assert not store.folder(run.id).exists()


@pytest.mark.sqlite
def test_a_store_that_is_moved_away_takes_no_weights_with_it(store: Store, make_run: MakeRun) -> None:
    """What a damaged store's sentence promises: the checkpoints stay where they are, also when a server starts anew."""
    run = make_run(RunStatus.STOPPED)
    weights = store.folder(run.id) / "weights-0001.safetensors"
    weights.write_bytes(b"w")
    os.utime(store.folder(run.id), (0, 0))
    (store.app_config.home / "runs.db").rename(store.app_config.home / "away.db")

    assert store.list() == []
    store.sweep()

    assert weights.exists()


def test_what_else_lies_in_a_runs_folder_is_left_alone(store: Store, running: Run) -> None:
    """Somebody's notes, somebody's folder: recovery removes files of its own only, and stumbles over none."""
    folder = store.folder(running.id)
    (folder / "notes.txt").write_text("mine")
    (folder / "more.tmp").mkdir()
    forget_lock(store, running)

    assert [run.id for run in store.recover()] == [running.id]
    assert {path.name for path in folder.iterdir()} == {"lock", "notes.txt", "more.tmp"}


COMMIT_FOREVER = """
from cnnlab.records import *
from cnnlab.runs import locks
import hashlib
run = store.take(sys.argv[1])
done = max((record.epoch for record in store.epochs(run.id)), default=0)
store.rewind(run.id, done * 5)
score = Score(loss=1.0, accuracy=0.5, n=10)
epoch = done
while True:
    epoch += 1
    steps = [StepRecord(step=s, epoch=epoch, loss=1/s, accuracy=0, lr=1, elapsed_s=s)
             for s in range(epoch * 5 - 4, epoch * 5 + 1)]
    store.add_steps(run.id, steps, 1.0)
    record = EpochRecord(epoch=epoch, step=epoch * 5, running_loss=1.0, train_sample=score, validation=score, elapsed_s=1.0)
    files = []
    for kind in ("weights", "state"):
        path = store.folder(run.id) / f"{kind}-{epoch:04d}.safetensors"
        content = f"{kind} of {epoch}".encode() * 100
        path.with_suffix(".tmp").write_bytes(content)
        path.with_suffix(".tmp").replace(path)
        files.append(Checkpoint(run_id=run.id, kind=kind, epoch=epoch, step=epoch * 5, name=path.name,
                                sha256=hashlib.sha256(content).hexdigest(), bytes=len(content)))
    store.commit(run.id, [record], files)
    print(epoch, flush=True)
"""


@pytest.mark.slow  # tests/reliability kills real runs at each change; this is the store alone
def test_no_acknowledged_commit_is_lost_by_kill_9(store: Store, spawn: Spawn) -> None:
    """25 kills at random moments of a process that does nothing but commit, each time continued by the next."""
    import hashlib

    chance = random.Random(0)
    run = store.create(TrainingConfig())
    acknowledged = 0
    for _ in range(25):
        process = spawn(COMMIT_FOREVER, run.id)
        assert process.stdout is not None
        acknowledged = max(acknowledged, int(process.stdout.readline()))
        time.sleep(chance.uniform(0.0, 0.08))
        process.kill()
        out, error = process.communicate()
        assert error == ""
        acknowledged = max([acknowledged, *map(int, out.split())])

        (interrupted,) = store.recover()  # this first reader also rolls a hot journal back

        epochs = store.epochs(run.id)
        assert [record.epoch for record in epochs] == list(range(1, len(epochs) + 1))
        assert len(epochs) >= acknowledged
        assert interrupted.last_epoch == epochs[-1]
        assert [step.step for step in store.steps(run.id)][: len(epochs) * 5] == list(range(1, len(epochs) * 5 + 1))
        files = store.weights(run.id) + store.checkpoints(run.id, "state")
        assert {file.epoch for file in store.weights(run.id)} == set(range(1, len(epochs) + 1))
        assert {path.name for path in store.folder(run.id).iterdir()} == {"lock", *(file.name for file in files)}
        for file in files[-4:]:
            assert hashlib.sha256(store.path(file).read_bytes()).hexdigest() == file.sha256
    with store.database.writing() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    assert acknowledged >= 25


@pytest.mark.sqlite
def test_a_hot_journal_is_rolled_back_by_the_next_reader(store: Store, spawn: Spawn) -> None:
    """Killed in the middle of writing the file itself: the reader sees the state before."""
    for seed in range(30):
        store.create(TrainingConfig(seed=seed))
    before = store.list()
    code = """
import sqlite3
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=1")  # so that it spills changed pages into the file before the commit
connection.execute("BEGIN IMMEDIATE")
for turn in range(20):
    connection.execute("UPDATE runs SET note=?", ("x" * 2000,))
print("torn", flush=True); sys.stdin.read()
"""
    path = store.app_config.home / "runs.db"
    process = spawn(code, str(path))
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    assert path.with_name("runs.db-journal").stat().st_size > 0
    raw = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)  # ignores the journal: what the file itself has
    with pytest.raises((sqlite3.DatabaseError, AssertionError)):
        assert {note for (note,) in raw.execute("SELECT note FROM runs")} == {""}
    raw.close()

    assert store.list() == before


@pytest.mark.sqlite
def test_a_full_disk_is_said_and_loses_nothing(store: Store, spawn: Spawn) -> None:
    """A limit on the size of files is a full disk without root: a sentence, and what was acknowledged is there."""
    run = store.create(TrainingConfig())
    code = """
import resource
from cnnlab.records import StepRecord
run = store.take(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
step = 0
try:
    while True:
        batch = [StepRecord(step=step + i, epoch=1, loss=1, accuracy=0, lr=1, elapsed_s=1) for i in range(1, 501)]
        store.add_steps(run.id, batch, 1.0)
        step += 500
except StoreError as error:
    print(step, error)
"""
    out, error = spawn(code, run.id).communicate()

    assert error == ""
    acknowledged, sentence = out.split(maxsplit=1)
    assert "disk of the run store" in sentence
    assert int(acknowledged) > 0
    assert len(store.steps(run.id)) == int(acknowledged)
    assert [run.id for run in store.recover()] == [run.id]
