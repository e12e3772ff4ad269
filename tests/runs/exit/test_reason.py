"""What is said of a run whose process ended without telling the store: as much as is known, and what to do."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Literal

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Checkpoint, Run, Store, locks
from cnnlab.runs.exit import crash_note
from cnnlab.runs.exit.reason import EXIT_STALLED, Death, oom_kills
from cnnlab.runs.process import launcher
from cnnlab.runs.process.launcher import Launcher
from cnnlab.schema import TrainingConfig
from tests.runs.process.test_launcher import COMMAND, WORKER, idle, serving, status
from tests.waiting import eventually

__all__ = ["serving"]
Spawn = Callable[..., "subprocess.Popen[str]"]

SIGNALS = {
    signal.SIGKILL: "killed by the system (signal 9), most likely because the memory of the machine was full. "
    "Close other programs or train again with a batch size of 32, or choose a smaller architecture.",
    signal.SIGSEGV: "crashed within a library (signal 11, SIGSEGV).",
    signal.SIGABRT: "crashed within a library (signal 6, SIGABRT).",
    signal.SIGBUS: "lost a file that it was reading",
    signal.SIGILL: "an instruction that this processor does not have",
    signal.SIGPROF: "The training process made no progress",
    signal.SIGUSR1: "ended from outside by signal 10 (SIGUSR1)",
}


@pytest.mark.parametrize(("number", "sentence"), SIGNALS.items(), ids=[s.name for s in SIGNALS])
def test_every_death_has_its_sentence(store: Store, running: Run, number: signal.Signals, sentence: str) -> None:
    """By the signal that ended the process, as its parent has seen it; and how to go on."""
    locks.release(store.folder(running.id))

    (found,) = store.recover({os.getpid(): Death(-number)})

    assert found.status is RunStatus.INTERRUPTED
    assert sentence in (found.message or "")
    assert found.message.endswith("If it is continued, it starts again.")


@pytest.mark.parametrize(
    ("death", "sentence"),
    [
        (Death(-9, out_of_memory=False), "killed from outside (signal 9), by somebody or by another program"),
        (Death(-9, out_of_memory=True), "because the memory of the machine was full"),
        (Death(EXIT_STALLED), "made no progress"),
        (Death(1), "ended by itself (exit code 1)"),
        (Death(0), "ended without saying why"),
        (Death(-60), "ended from outside by signal 60"),
        (None, "ended without saying why"),
    ],
)
def test_what_is_not_known_is_not_said(store: Store, running: Run, death: Death | None, sentence: str) -> None:
    """Whether memory was short, only the kernel knows; who is no parent knows nothing."""
    locks.release(store.folder(running.id))

    (found,) = store.recover({os.getpid(): death} if death else {})

    assert sentence in (found.message or "")


def test_a_run_of_a_child_that_lives_is_left_for_the_next_look(store: Store, running: Run) -> None:
    """Its lock is free a moment before its parent knows how it ended: the reason is worth that moment."""
    locks.release(store.folder(running.id))

    assert store.recover({os.getpid(): Death(None)}) == []
    assert [run.id for run in store.recover({os.getpid(): Death(-11)})] == [running.id]


def test_the_epoch_it_came_to_is_said(store: Store, running: Run, report_epoch: Callable[..., Checkpoint]) -> None:
    """A person knows what is kept."""
    report_epoch(running, 1)
    report_epoch(running, 2)
    locks.release(store.folder(running.id))

    (found,) = store.recover({os.getpid(): Death(-9)})

    assert found.message.endswith("It can be continued after epoch 2.")


def test_last_words_count_most(store: Store, running: Run) -> None:
    """What the process itself could still write is known best; its end state is the run's."""
    crash_note.write(store.folder(running.id), RunStatus.FAILED, "x")  # no room was reserved: nothing is kept
    crash_note.reserve(store.folder(running.id))
    crash_note.write(store.folder(running.id), RunStatus.FAILED, "The disk is full.")
    locks.release(store.folder(running.id))

    (found,) = store.recover({os.getpid(): Death(-9)})

    assert (found.status, found.message) == (RunStatus.FAILED, "The disk is full.")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_the_launcher_says_what_it_saw_and_the_queue_goes_on(
    serving: Launcher, store: Store, app_config: AppConfig, number: signal.Signals
) -> None:
    """A worker at work ends by a signal: the run says which, and the worker that waits takes the next one."""
    first, second = store.create(TrainingConfig()), store.create(TrainingConfig())
    eventually(lambda: status(store, first) is RunStatus.RUNNING)
    eventually(lambda: len(idle(app_config)) == 1)  # warm, as it is soon after the first one has begun
    (pid,), (warm,) = store.training_pids(), idle(app_config)

    os.kill(pid, number)

    eventually(lambda: status(store, first) is RunStatus.INTERRUPTED)
    eventually(lambda: status(store, second) is RunStatus.RUNNING)
    assert store.training_pids() == {warm}
    message = store.get(first.id).message or ""
    assert f"signal {int(number)}" in message
    if number == signal.SIGKILL and oom_kills() is not None:
        assert "from outside" in message, "nobody ran out of memory here"
    assert serving.problem is None
    store.request(second.id, "stop")
    eventually(lambda: not status(store, second).active)


def test_a_worker_that_hangs_before_it_has_a_run_is_replaced(
    app_config: AppConfig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one never asks for a run; it is ended, and the next one does."""
    monkeypatch.setattr(launcher, "TICK_S", 0.05)
    flag = app_config.home / "first"
    code = (
        "import os, sys, time\nfrom pathlib import Path\n"
        f"flag = Path({str(flag)!r})\n"
        "if not flag.exists():\n    flag.touch()\n    time.sleep(1000)\n" + WORKER
    )
    impatient = Launcher(app_config.model_copy(update={"hang_s": 1.0}), (sys.executable, "-c", code))
    run = store.create(TrainingConfig())
    impatient.start()
    try:
        eventually(lambda: len(list((app_config.home / "logs").glob("worker-*.log"))) == 2)
        impatient._app_config = app_config  # on a busy machine the second one takes its time
        eventually(lambda: status(store, run) is RunStatus.RUNNING)
    finally:
        store.request(run.id, "stop")
        eventually(lambda: not status(store, run).active)
        impatient.stop()


def test_a_run_continues_by_itself_once_for_each_epoch(
    store: Store, running: Run, report_epoch: Callable[..., Checkpoint]
) -> None:
    """Where that is wanted: never without a new epoch, so that what kills it cannot do so for ever."""

    def killed() -> Run:
        locks.release(store.folder(running.id))
        (run,) = store.recover()
        return run

    assert not store.may_continue(killed()), "it has done nothing yet"
    store.take(running.id)
    report_epoch(running, 1)
    run = killed()
    assert store.may_continue(run)
    assert not store.may_continue(run)
    store.take(running.id)
    assert not store.may_continue(killed()), "no epoch since"
    store.take(running.id)
    report_epoch(running, 2)
    assert store.may_continue(killed())


def test_the_launcher_continues_where_that_is_wanted(
    app_config: AppConfig, store: Store, running: Run, report_epoch: Callable[..., Checkpoint]
) -> None:
    """One look after the death it waits in the queue again; by default it waits for somebody to press Continue."""
    report_epoch(running, 1)
    locks.release(store.folder(running.id))
    for wanted, after in ((False, RunStatus.INTERRUPTED), (True, RunStatus.QUEUED)):
        watching = Launcher(app_config.model_copy(update={"auto_continue": wanted}), COMMAND)
        watching._not_before = float("inf")  # starts no worker
        watching._tick()
        assert status(store, running) is after
        if not wanted:
            store.take(running.id)
            locks.release(store.folder(running.id))


@pytest.mark.parametrize(("asked", "after"), [("stop", RunStatus.STOPPED), ("pause", RunStatus.PAUSED)])
def test_what_was_asked_to_end_does_not_continue_by_itself(
    store: Store,
    running: Run,
    report_epoch: Callable[..., Checkpoint],
    asked: Literal["stop", "pause"],
    after: RunStatus,
) -> None:
    """Killed before it had heard of it, in training or while it was measured: it ends as a person wished it to."""
    report_epoch(running, 1)
    store.request(running.id, asked)
    locks.release(store.folder(running.id))

    (found,) = store.recover({os.getpid(): Death(-9, out_of_memory=False)})

    assert (found.status, found.command) == (after, None)
    assert found.message == (
        f"Somebody had asked it to {asked}. The training process was killed from outside (signal 9), by somebody or by "
        "another program. It can be continued after epoch 1."
    )
    assert not store.may_continue(found)
