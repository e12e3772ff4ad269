"""Faults of the machine, made as real as a test can: each ends its run with a sentence, and the next goes on."""

import errno
import math
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from cnnlab import checkpoints
from cnnlab.app_config import PROJECT, AppConfig
from cnnlab.records import EpochRecord, RunStatus, StepRecord
from cnnlab.runs import Run, Store, StoreError, locks
from cnnlab.runs.exit import crash_note
from cnnlab.runs.exit.watchdog import Watch
from cnnlab.runs.process.launcher import Launcher
from cnnlab.runs.store import tables
from cnnlab.training import Fit
from cnnlab.worker import job
from tests.factories import step_record
from tests.waiting import eventually
from tests.worker.helpers import facts, files_of, named_by, resume, small, train

OnRecord = Callable[[StepRecord | EpochRecord], None]


def at_step(step: int, what: Callable[[], object]) -> OnRecord:
    """Do that once the run has taken so many steps."""

    def act(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord) and record.step == step:
            what()

    return act


def goes_on(store: Store) -> None:
    """The next run starts, and finishes."""
    assert train(store, small(epochs=1)).status is RunStatus.FINISHED


ROOT = os.geteuid() == 0 and sys.platform == "linux"
needs_root = pytest.mark.skipif(not ROOT, reason="only root may mount a disk of its own")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """small_disk("2m"): a folder that is a disk of that size; small_disk(readonly=True): from now on it is read-only."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def make(size: str = "4m", readonly: bool = False) -> Path:
        nonlocal mounted
        if mounted:
            options = f"remount,size={size},{'ro' if readonly else 'rw'}"
            subprocess.run(["mount", "-o", options, place], check=True)
            return place
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]).returncode:
            pytest.skip("no disk can be mounted here")
        mounted = True
        return place

    yield make
    if mounted:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("turn", range(3))
def test_out_of_memory_at_any_step(store: Store, monkeypatch: pytest.MonkeyPatch, turn: int) -> None:
    """As CUDA raises it: the batch size is named with what to try, epochs shown are kept, and the next run goes on."""
    step = random.Random(turn).randrange(2, 12)
    take, taken = Fit.take, 0

    def fail(self: Fit) -> StepRecord:
        nonlocal taken
        taken += 1
        if taken == step:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has 1 GiB in use.")
        return take(self)

    with monkeypatch.context() as patched:
        patched.setattr(Fit, "take", fail)
        run = train(store, small())

    assert run.status is RunStatus.FAILED
    assert "a batch of 64 does not fit. Try a batch size of 32" in (run.message or "")
    assert run.step == step - 1
    assert len(store.epochs(run.id)) in ((step - 1) // 4, (step - 1) // 4 - 1)
    for file in [*store.weights(run.id), *store.checkpoints(run.id, "state")]:
        checkpoints.read(store.path(file), file)
    goes_on(store)


def test_the_allocator_of_the_cpu_refuses(store: Store) -> None:
    """A real limit on this process's memory, and a real refusal of torch's allocator."""
    size = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmSize"))
    before = resource.getrlimit(resource.RLIMIT_AS)
    config = small(architecture="VGGishCNN", batch_size=1024, train_subset=2048, epochs=1)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (int(size.split()[1]) * 1024 + (300 << 20), before[1]))
        run = train(store, config)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

    assert run.status is RunStatus.FAILED
    assert "a batch of 1024 does not fit. Try a batch size of 512" in (run.message or "")
    goes_on(store)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_in_epoch_3(store: Store, monkeypatch: pytest.MonkeyPatch, loss: float) -> None:
    """Injected into a step: the run diverges in that epoch, the two before it are kept with their weights."""
    steps = Fit.take

    def poison(self: Fit) -> StepRecord:
        if self.place.step == 9:
            take = self.steps.take
            self.steps.take = lambda *a: take(*a)._replace(objective=[loss], loss=[loss])  # type: ignore[method-assign]
        return steps(self)

    with monkeypatch.context() as patched:
        patched.setattr(Fit, "take", poison)
        run = train(store, small())

    assert run.status is RunStatus.DIVERGED
    assert "stopped being a number in epoch 3, step 10" in (run.message or "")
    assert [record.epoch for record in store.epochs(run.id)] == [1, 2]
    best = next(file for file in store.weights(run.id) if file.epoch == run.best_epoch)
    tensors, _ = checkpoints.read(store.path(best), best)
    assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())
    assert all(math.isfinite(step.loss) for step in store.steps(run.id))
    goes_on(store)


def delete(folder: Path) -> None:
    """At once, as far as the run can tell: it may be writing into it at this very moment."""
    gone = folder.rename(folder.with_name("gone"))
    shutil.rmtree(gone, ignore_errors=True)


def test_its_folder_is_deleted_while_it_trains(store: Store) -> None:
    """It says so, the curves stay, nothing names what is gone; continued, it begins anew."""
    kept: list[StepRecord] = []

    def remember_and_delete() -> None:
        [running] = store.list()
        eventually(lambda: store.epochs(running.id))
        kept.extend(store.steps(running.id))
        delete(store.folder(running.id))

    run = train(store, small(epochs=6), at_step(9, remember_and_delete))

    assert run.status is RunStatus.FAILED
    assert run.message == (
        "The folder of this run was deleted while it trained: its curves are kept, its weights are gone. "
        "If it is continued, it is trained again from the beginning."
    )
    assert kept
    assert store.steps(run.id)[: len(kept)] == kept
    assert store.weights(run.id) == store.checkpoints(run.id, "state") == []
    again = resume(store, run)
    assert again.status is RunStatus.FINISHED
    assert [record.epoch for record in store.epochs(run.id)] == [1, 2, 3, 4, 5, 6]
    goes_on(store)


def test_a_server_sees_the_folder_gone_first(store: Store, app_config: AppConfig) -> None:
    """It marks the run; the process that trains it is not heard any more, not even once somebody else trains the run."""
    code = "from cnnlab.runs import Store; from cnnlab.app_config import AppConfig; print(len(Store(AppConfig()).recover()))"
    seen: list[str] = []

    def remove_and_recover() -> None:
        (run,) = store.list()
        eventually(lambda: [epoch.epoch for epoch in store.epochs(run.id)] == [1, 2])  # nothing is being written there
        shutil.rmtree(store.folder(run.id))
        found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
        seen.append(found.stdout.strip())

    with pytest.raises(StoreError, match="not in training any more"):
        train(store, small(epochs=6), at_step(9, remove_and_recover))

    (run,) = store.list()
    assert seen == ["1"]
    assert run.status is RunStatus.INTERRUPTED
    assert "deleted while it trained" in (run.message or "")
    assert store.weights(run.id) == []
    locks.release(store.folder(run.id))  # as the end of the process would
    assert resume(store, run).status is RunStatus.FINISHED


def test_a_process_that_was_given_up_cannot_write_into_the_run_of_the_next(store: Store) -> None:
    """The row says whose it is: a late write of the first process is refused."""
    run = store.create(small(), mine=True)
    with store.database.writing() as connection:
        connection.execute(tables.runs.update().values(pid=os.getpid() + 1))
    with pytest.raises(StoreError, match="not in training any more"):
        store.add_steps(run.id, [step_record(1)], 1.0)
    assert store.steps(run.id) == []


@needs_root
def test_a_folder_that_may_not_be_written_any_more(store: Store) -> None:
    """Really: the file system refuses, even root. A sentence; writable again, the run goes on as if nothing had been."""
    whole = train(store, small(epochs=4))

    def closed(how: str) -> None:
        folder = store.folder(store.list()[0].id)
        if subprocess.run(["chattr", how, folder], capture_output=True).returncode:
            pytest.skip("this file system has no such attribute")

    try:
        failed = train(store, small(epochs=4), at_step(7, lambda: closed("+i")))
    finally:
        closed("-i")

    assert failed.status is RunStatus.FAILED
    assert "cannot be written any more: its disk is read-only, or this process may not write there" in (
        failed.message or ""
    )
    assert facts(store, resume(store, failed)) == facts(store, whole)


@needs_root
def test_a_disk_that_is_read_only_from_the_start(app_config: AppConfig, small_disk: Callable[..., Path]) -> None:
    """A real one: nothing is queued that could not be kept, and that is said."""
    store = Store(app_config.model_copy(update={"runs_dir": small_disk()}))
    small_disk(readonly=True)

    with pytest.raises(StoreError, match="cannot be made: Read-only file system"):
        store.create(small())
    assert store.list() == []


@needs_root
def test_a_full_disk_under_everything(tmp_path: Path, app_config: AppConfig, small_disk: Callable[..., Path]) -> None:
    """Store and checkpoints on a real disk that fills up: not even the store can be told, and the run says why all the same."""
    place = small_disk("64m")
    here = app_config.model_copy(update={"home": place})
    store = Store(here)
    whole = train(store, small(epochs=4))
    filler = place / "filler"

    def fill() -> None:
        with filler.open("wb") as file:
            try:
                while True:
                    file.write(b"x" * 4096)
                    file.flush()
            except OSError as error:
                assert error.errno == errno.ENOSPC

    with pytest.raises(StoreError, match="is full or failing"):
        train(store, small(epochs=4), at_step(7, fill))
    run = store.list()[0]
    shown = store.epochs(run.id)
    assert run.status is RunStatus.RUNNING, "the store could not be told"
    locks.release(store.folder(run.id))  # as the end of the process does
    filler.unlink()

    (found,) = store.recover()
    assert found.status is RunStatus.FAILED
    assert found.message == "The disk is full. Every epoch that was shown is kept; free some space, then continue."
    assert files_of(store, found) == named_by(store, found)
    again = resume(store, found)
    assert facts(store, again) == facts(store, whole)
    assert store.epochs(run.id)[: len(shown)] == shown


def test_no_room_for_the_last_word_in_the_store(store: Store, full_disk: Callable[[int], None]) -> None:
    """The same without being root: no file grows beyond 8 KB, and the reserved room is enough to say why."""
    with pytest.raises(StoreError):
        train(store, small(epochs=4), at_step(7, lambda: full_disk(8_192)))
    full_disk(resource.RLIM_INFINITY)
    run = store.list()[0]
    assert run.status is RunStatus.RUNNING
    locks.release(store.folder(run.id))

    (found,) = store.recover()

    assert found.status is RunStatus.FAILED
    assert "disk" in (found.message or "")
    assert resume(store, found).status is RunStatus.FINISHED


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT])
def test_a_disk_that_refuses_is_a_sentence(store: Store, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Whatever the system calls it: what is kept, and what to do."""

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "write", refuse)
        run = train(store, small())

    assert run.status is RunStatus.FAILED
    assert "unforeseen" not in (run.message or "")
    assert "Every epoch that was shown is kept" in (run.message or "")
    goes_on(store)


def test_its_pictures_are_damaged_and_deleted_after_it_began(app_config: AppConfig, tmp_path: Path) -> None:
    """They are in memory by then: it finishes. The next run has them anew, with the same outcome."""
    converted = tmp_path / "converted"
    images = converted / "shapes" / "train_images.npy"
    store = Store(app_config.model_copy(update={"data_dir": tmp_path / "data", "converted_dir": converted}))
    whole = train(store, small())

    def cut() -> None:
        with images.open("r+b") as file:
            file.truncate(1_000)

    damaged = train(store, small(), at_step(3, cut))
    deleted = train(store, small(), at_step(3, lambda: shutil.rmtree(converted)))

    assert facts(store, damaged) == facts(store, deleted) == facts(store, whole)
    assert {run.status for run in (damaged, deleted)} == {RunStatus.FINISHED}


def test_a_clock_that_jumps_while_it_trains(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours forwards and backwards at every look: times and rates of training stay what they are, and grow."""
    true, chance = time.time, random.Random(1)
    monkeypatch.setattr(time, "time", lambda: true() + chance.choice([-7_200, 0, 7_200]))
    rates: list[float | None] = []
    run = train(store, small(), lambda record: rates.append(store.list()[0].images_per_s))
    steps = store.steps(run.id)

    assert run.status is RunStatus.FINISHED
    assert all(0 < rate < 1e7 for rate in rates if rate is not None)
    assert [step.elapsed_s for step in steps] == sorted(step.elapsed_s for step in steps)
    assert 0 < run.elapsed_s < 600
    assert run.results is not None
    assert run.results.usage is not None
    assert run.results.usage.epoch_s > 0
    assert store.recover() == []


CGROUP = Path("/sys/fs/cgroup/memory")


@pytest.mark.slow
@needs_root
def test_the_kernel_kills_for_want_of_memory(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real worker under a real limit of the kernel: the launcher says that memory was full, and the queue goes on."""
    group = CGROUP / f"cnnlab-{os.getpid()}"
    if not (CGROUP / "memory.limit_in_bytes").exists():
        pytest.skip("no control group for memory here")
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text(str(1_200 << 20))
    code = (
        "import os, sys; from pathlib import Path\n"
        f"Path({str(group / 'cgroup.procs')!r}).write_text(str(os.getpid()))\n"
        "from cnnlab.cli import main; sys.exit(main(['worker']))"
    )
    server = Launcher(app_config, (sys.executable, "-c", code))
    store = Store(app_config)
    big = store.create(small(architecture="VGGishCNN", batch_size=1024, train_subset=4096, epochs=1))
    after = store.create(small(epochs=1))
    server.start()
    try:
        eventually(lambda: store.get(big.id).status not in (RunStatus.QUEUED, RunStatus.RUNNING), seconds=300)
        ended: Run = store.get(big.id)
        assert ended.status is RunStatus.INTERRUPTED
        assert "killed by the system (signal 9), most likely because the memory of the machine was full" in (
            ended.message or ""
        )
        eventually(lambda: store.get(after.id).status is RunStatus.FINISHED, seconds=300)
    finally:
        server.stop()
        eventually(lambda: not (group / "cgroup.procs").read_text().strip())
        group.rmdir()


def test_all_that_moves_is_told_to_the_watch(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record, batch of measuring and piece of a file: only what hangs is ended."""
    told: list[str] = []
    monkeypatch.setattr(Watch, "moved", lambda self: told.append("moved"))
    monkeypatch.setattr(Watch, "writing", lambda self, busy: told.append("busy" if busy else "idle"))
    store = Store(app_config)
    add_steps, while_writing = Store.add_steps, []

    def keep(self: Store, id: str, steps: Sequence[StepRecord], images_per_s: float | None = None) -> None:
        while_writing.append([word for word in told if word != "moved"][-1:])
        add_steps(self, id, steps, images_per_s)

    monkeypatch.setattr(Store, "add_steps", keep)
    run = train(store, small(epochs=1))

    assert run.status is RunStatus.FINISHED
    assert all(word == ["busy"] for word in while_writing), "a disk that hangs in its very first write is noticed"
    assert told.count("moved") > 4 + 4, "records, and batches of measuring"
    assert told.count("busy") >= 3
    assert "idle" in told
    assert crash_note.read(store.folder(run.id)) is None
    assert not (store.folder(run.id) / crash_note.NAME).exists()


@pytest.mark.parametrize("what", ["tell", "command"])
def test_a_store_that_is_busy_for_a_moment_costs_no_trained_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """It is told how far the run is, and asked whether to stop, again and again: one time that fails loses nothing."""
    monkeypatch.setattr(job, "TELL_S", 0.0)
    monkeypatch.setattr(job, "LISTEN_S", 0.0)
    refused: list[str] = []

    def busy(*arguments: object) -> None:
        refused.append(what)
        raise StoreError("The run store is busy: another process has been writing for seconds. Try again.")

    monkeypatch.setattr(store, what, busy)
    run = train(store, small(epochs=1))

    assert len(refused) > 3
    assert (run.status, run.message) == (RunStatus.FINISHED, "Finished 1 epoch.")
    assert run.results is not None
