"""The second thread: what it keeps, in which order, and what becomes of training while it is busy."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from cnnlab import checkpoints
from cnnlab.app_config import PROJECT
from cnnlab.checkpoints import WrittenFile
from cnnlab.records import EpochRecord, RunStatus, StepRecord
from cnnlab.runs import Run, Store
from cnnlab.worker import writer
from cnnlab.worker.writer import Commit, Unwritten, Writer
from tests.factories import epoch_record, step_record
from tests.waiting import PATIENCE_S, eventually
from tests.worker.helpers import asking, facts, files_of, named_by, resume, scores, small, train


def state(number: int, size: int = 10) -> Unwritten:
    """Of `size` numbers, after that epoch."""
    return Unwritten("state", {"epoch": number, "step": 10 * number}, {"model.w": torch.zeros(size)})


@pytest.fixture
def run(store: Store) -> Run:
    """One that this process trains."""
    return store.create(small(), mine=True)


@contextmanager
def writing(store: Store, run: Run) -> Iterator[Writer]:
    """A writer at work."""
    with Writer(store, run.id, run.config) as thread:
        yield thread


class SlowDisk:
    """Checkpoints that are written only when `let` is called, that many of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._allowed, write = threading.Semaphore(0), checkpoints.write
        self.begun: list[str] = []

        def slow(path: Any, *arguments: Any, **named: Any) -> WrittenFile:
            self.begun.append(path.name)
            assert self._allowed.acquire(timeout=PATIENCE_S)
            return write(path, *arguments, **named)

        monkeypatch.setattr(checkpoints, "write", slow)

    def let(self, files: int) -> None:
        """Go on."""
        self._allowed.release(files)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    """Writing takes as long as the test likes."""
    return SlowDisk(monkeypatch)


def test_a_run_s_first_step_is_kept_at_once(store: Store, run: Run) -> None:
    """Somebody waits for it; the next ones come in batches."""
    with Writer(store, run.id, run.config, flush_s=3600.0) as thread:
        thread.add_step(step_record(1), 10.0)
        eventually(lambda: store.steps(run.id) == [step_record(1)])
        thread.add_step(step_record(2), 10.0)
        time.sleep(0.2)
        assert store.steps(run.id) == [step_record(1)]
        thread.drain()
        assert store.steps(run.id) == [step_record(1), step_record(2)]


def test_steps_reach_the_store_in_few_transactions(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records a second: one batch each FLUSH_S, in order, none lost."""
    batches: list[list[StepRecord]] = []
    add_steps = store.add_steps

    def count(id: str, steps: list[StepRecord], images_per_s: float | None = None) -> None:
        batches.append(steps)
        add_steps(id, steps, images_per_s)

    monkeypatch.setattr(store, "add_steps", count)
    began = time.monotonic()
    with writing(store, run) as thread:
        for number in range(1, 201):
            thread.add_step(step_record(number), 10.0)
            time.sleep(0.003)
    took_s = time.monotonic() - began

    assert store.steps(run.id) == [step_record(number) for number in range(1, 201)]
    assert len([batch for batch in batches if batch]) <= took_s / writer.FLUSH_S + 2


def test_steps_do_not_wait_for_a_large_file(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept between two pieces of it, while its row is not there yet."""
    monkeypatch.setattr(writer, "FLUSH_S", 0.0)
    monkeypatch.setattr(checkpoints, "PIECE_BYTES", 1000)
    seen: list[int] = []
    between = Writer._between

    def look(self: Writer) -> None:
        if not seen:
            self.add_step(step_record(5), 10.0)
        between(self)
        seen.append(store.get(run.id).step)

    monkeypatch.setattr(Writer, "_between", look)
    with writing(store, run) as thread:
        thread.add(Commit([epoch_record(1)], [state(1, size=10_000)]))
        thread.drain()

    assert seen[0] == 5
    assert [record.epoch for record in store.epochs(run.id)] == [1]


def test_an_epoch_is_shown_when_it_is_kept(store: Store, run: Run, slow_disk: SlowDisk) -> None:
    """Not before: neither in the store nor by `newly_shown`; and its steps are there no later than it."""
    with writing(store, run) as thread:
        for number in range(1, 5):
            thread.add_step(step_record(number), 10.0)
        thread.add(Commit([epoch_record(1)], [state(1)]))
        eventually(lambda: slow_disk.begun)
        assert (thread.newly_shown(), store.epochs(run.id)) == ([], [])
        slow_disk.let(1)
        thread.drain()
        assert thread.newly_shown() == [epoch_record(1)] == store.epochs(run.id)
        assert thread.newly_shown() == []
        assert len(store.steps(run.id)) == 4


def test_memory_holds_one_large_state_or_some_small_ones(
    store: Store, run: Run, slow_disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room while all that waits, and one like the last, stay under AHEAD_BYTES."""
    monkeypatch.setattr(writer, "AHEAD_BYTES", 1000)
    with writing(store, run) as thread:
        assert thread.has_room()
        thread.add(Commit([], [state(1, size=100)]))  # 400 bytes
        assert thread.has_room()
        thread.add(Commit([], [state(2, size=100)]))
        assert not thread.has_room()
        slow_disk.let(2)
        thread.drain()
        thread.add(Commit([], [state(3, size=1000)]))
        assert not thread.has_room()
        slow_disk.let(1)
        thread.drain()
        assert thread.has_room()


def test_what_two_files_share_counts_once() -> None:
    """Weights are a part of the state's copy."""
    whole = state(1, size=1000)
    part = Unwritten("weights", whole.place, {"w": whole.tensors["model.w"]})

    assert Commit([], [part, whole]).bytes == 4000


def test_a_fault_is_raised_at_the_next_call(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what came after it is not kept: the order holds."""

    def fail(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write", fail)
    with writing(store, run) as thread:
        thread.add(Commit([epoch_record(1)], [state(1)]))
        with pytest.raises(OSError, match="No space"):
            thread.drain()
        for call in (thread.newly_shown, thread.drain, lambda: thread.add_step(step_record(9), 1.0)):
            with pytest.raises(OSError, match="No space"):
                call()
    assert store.epochs(run.id) == []


def test_what_was_handed_over_is_kept_though_training_fails(store: Store, run: Run) -> None:
    """Before the run is given back: two processes must not write into one folder."""

    def fail() -> None:
        with writing(store, run) as thread:
            thread.add_step(step_record(1), 1.0)
            thread.add(Commit([epoch_record(1)], [state(1)]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert store.epochs(run.id) == [epoch_record(1)]
    assert files_of(store, run) == named_by(store, run)


def test_where_writing_takes_longer_than_an_epoch(
    store: Store, slow_disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training waits for no disk: epochs share a state, all are shown, the last and the best have weights."""
    monkeypatch.setattr(writer, "AHEAD_BYTES", 0)
    trained: list[int] = []

    def follow(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord):
            trained.append(record.step)
            if record.step == 1:
                slow_disk.let(2)
                eventually(lambda: len(slow_disk.begun) == 2)
            if record.step in (5, 32):
                slow_disk.let(3 if record.step == 5 else 99)

    run = train(store, small(epochs=8), follow)
    plain = train(store, small(epochs=8))

    assert facts(store, run) == facts(store, plain)
    assert run.status is RunStatus.FINISHED
    kept = [file.epoch for file in store.weights(run.id)]
    assert len(kept) < 9
    assert {0, run.best_epoch, 8} <= set(kept)
    assert scores(run) == scores(plain), "the best epoch could be measured"
    assert files_of(store, run) == named_by(store, run)


@pytest.mark.usefixtures("hearing")
def test_stopped_while_epochs_wait(store: Store, slow_disk: SlowDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop waits for the disk once, and keeps what waited together with the state at that step."""
    monkeypatch.setattr(writer, "AHEAD_BYTES", 0)
    ask = asking(store, "stop", step=14)

    def follow(record: StepRecord | EpochRecord) -> None:
        ask(record)
        if isinstance(record, StepRecord) and record.step == 14:
            assert len(slow_disk.begun) == 1, "all this time the disk has been at the weights before the first step"
            slow_disk.let(99)

    halted = train(store, small(epochs=5), follow)
    assert [record.epoch for record in store.epochs(halted.id)] == [1, 2, 3]
    assert [file.step for file in store.checkpoints(halted.id, "state")] == [14]
    slow_disk.let(99)

    resumed = resume(store, halted)
    assert facts(store, resumed) == facts(store, train(store, small(epochs=5)))


SLOW_WORKERS = """
import os, sys, time
from cnnlab import checkpoints
from cnnlab.runs import Store
from cnnlab.app_config import AppConfig
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.worker import job, work, writer
write = checkpoints.write
def slow(*arguments, **named):
    time.sleep(0.03)
    written = write(*arguments, **named)
    time.sleep(0.03)
    return written
checkpoints.write, writer.AHEAD_BYTES, writer.FLUSH_S = slow, 0, 0.01
job.choose = lambda config, data, device, settings: (default_plan(config, device, steps_per_record=2), None)
for line in sys.stdin:
    pid = os.fork()  # torch is loaded once
    if not pid:
        store = Store(AppConfig())
        work(store, store.app_config, store.take(line.strip()))
        os._exit(0)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("gone", flush=True)
"""


@pytest.mark.slow  # tests/reliability kills real runs at each change; this one is far ahead of its disk
def test_no_shown_epoch_is_lost_by_kill_9(store: Store) -> None:
    """Six kills at random moments while training is ahead of the disk: none lost, none trained again, same bits."""
    chance = random.Random(3)
    long = small(epochs=40, train_subset=640)
    run = store.create(long)
    workers = subprocess.Popen(
        [sys.executable, "-c", SLOW_WORKERS], cwd=PROJECT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert workers.stdin is not None
    assert workers.stdout is not None
    shown: list[EpochRecord] = []
    for _ in range(6):
        workers.stdin.write(f"{run.id}\n")
        workers.stdin.flush()
        pid = int(workers.stdout.readline())
        _wait_for_epochs(store, run, len(shown) + 1)
        time.sleep(chance.uniform(0.0, 0.2))
        os.kill(pid, signal.SIGKILL)
        assert workers.stdout.readline() == "gone\n"
        store.recover()
        now = store.epochs(run.id)
        assert now[: len(shown)] == shown, "the very same records, clock included"
        assert [record.epoch for record in now] == list(range(1, len(now) + 1))
        assert {step.step for step in store.steps(run.id)} >= set(range(2, now[-1].step + 1, 2))
        newest = store.checkpoints(run.id, "state")[-1]
        assert newest.step >= now[-1].step, "it goes on after the last epoch that was shown"
        checkpoints.read(store.path(newest), newest)
        assert files_of(store, run) == named_by(store, run)
        shown = now
    workers.stdin.close()
    workers.wait(60)

    assert len(shown) < 40, "it was killed in its midst each time"
    resumed = resume(store, store.get(run.id))
    assert store.epochs(run.id)[: len(shown)] == shown
    whole = train(store, resumed.config)
    assert facts(store, resumed)[-40:] == facts(store, whole)[-40:]


def _wait_for_epochs(store: Store, run: Run, count: int) -> None:
    eventually(lambda: len(store.epochs(run.id)) >= count)
