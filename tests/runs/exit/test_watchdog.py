"""A training process that does not get on any more ends, says why, and keeps nobody waiting; one that does never ends so."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnnlab.app_config import PROJECT, AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from cnnlab.runs.exit import crash_note
from cnnlab.runs.exit.reason import EXIT_STALLED
from cnnlab.runs.exit.watchdog import Watch
from cnnlab.schema import TrainingConfig

HEAD = """
import os, re, signal, sys, threading, time
from pathlib import Path
from cnnlab.runs import Store
from cnnlab.app_config import AppConfig
from cnnlab.runs.exit.watchdog import Watch
store = Store(AppConfig())
run = store.claim()
folder = store.folder(run.id)
"""
HANGS = {
    "a lock that nobody gives back": "watch.moved(); threading.Lock().acquire() and threading.Event().wait()",
    "a disk that does not answer": "watch.writing(True)\nwhile True: watch.moved(); watch._still_s = 0.0; time.sleep(0.01)",
    "C code that keeps Python's lock": "re.match('(a+)+$', 'a' * 60 + 'b')",
}


def holding(code: str, limit_s: float) -> "subprocess.Popen[str]":
    """A process that has claimed the run, and does that under watch."""
    inside = "\n".join(f"    {line}" for line in code.split("\n"))
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{HEAD}\nwith Watch(folder, {limit_s}) as watch:\n    print('at it', flush=True)\n{inside}",
        ],
        cwd=PROJECT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("code", HANGS.values(), ids=HANGS)
def test_what_hangs_ends_and_says_so(store: Store, code: str) -> None:
    """Whatever it hangs in: the process is gone, its threads' stacks are kept, the run says why and can be continued."""
    run = store.create(TrainingConfig())
    process = holding(code, limit_s=1.0)
    _, error = process.communicate(timeout=60)

    assert process.returncode in (EXIT_STALLED, -signal.SIGPROF)
    left = crash_note.read(store.folder(run.id))
    assert left is not None
    assert 'File "<string>", line' in (left.stacks or error), "what each thread was at"
    (found,) = store.recover()
    assert found.status is RunStatus.INTERRUPTED
    assert "The training process made no progress for so long that it ended itself" in (found.message or "")
    assert found.message.endswith("If it is continued, it starts again.")
    assert store.resume(run.id).status is RunStatus.QUEUED
    assert not (store.folder(run.id) / crash_note.NAME).exists()


def test_what_gets_on_is_left_alone(store: Store) -> None:
    """Slowly, but on: many times the limit in all."""
    store.create(TrainingConfig())
    process = holding("for _ in range(15): time.sleep(0.2); watch.moved()\nprint('done')", limit_s=1.0)
    out, error = process.communicate(timeout=60)

    assert (process.returncode, error) == (0, "")
    assert out.split() == ["at", "it", "done"]


def test_a_stopped_process_is_not_taken_for_one_that_hangs(store: Store) -> None:
    """SIGSTOP for several times the limit, then SIGCONT: it goes on. Meanwhile it holds its run, and nobody else gets it."""
    run = store.create(TrainingConfig())
    process = holding("for _ in range(10): time.sleep(0.1); watch.moved()\nprint('done')", limit_s=1.0)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    time.sleep(4.0)
    assert store.recover() == []
    assert store.get(run.id).status is RunStatus.RUNNING
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=60)

    assert (process.returncode, out.strip()) == (0, "done")


def test_a_watch_that_is_over_leaves_no_trace(store: Store, app_config: AppConfig) -> None:
    """No timer, no thread: the process may go on for days."""
    run = store.create(TrainingConfig(), mine=True)
    with Watch(store.folder(run.id), 1.0):
        time.sleep(0.3)

    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    assert crash_note.read(store.folder(run.id)) is None
    store.finish(run.id, RunStatus.STOPPED, "Stopped.")
    assert {path.name for path in store.folder(run.id).iterdir()} == {"lock"}


def test_a_segmentation_fault_leaves_its_stack(store: Store) -> None:
    """Also where no launcher has seen the process end."""
    run = store.create(TrainingConfig())
    process = holding("os.kill(os.getpid(), signal.SIGSEGV)", limit_s=60.0)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGSEGV

    (found,) = store.recover()

    assert found.id == run.id
    assert "crashed within a library (signal 11, SIGSEGV)" in (found.message or "")


def test_last_words_are_kept_on_a_full_disk(tmp_path: Path) -> None:
    """Their room was taken while there was some."""
    crash_note.reserve(tmp_path)
    before = (tmp_path / crash_note.NAME).stat()
    crash_note.write(tmp_path, RunStatus.FAILED, "The disk is full.")
    after = (tmp_path / crash_note.NAME).stat()

    assert crash_note.read(tmp_path) == crash_note.LastWords(RunStatus.FAILED, "The disk is full.", "")
    assert (before.st_ino, before.st_size, before.st_blocks) == (after.st_ino, after.st_size, after.st_blocks)


@pytest.mark.parametrize(
    "content", [b"", b" " * 4096, b"{", b'{"status": "running", "message": "x"}', b"[1]", b"\xff\x00" * 99]
)
def test_what_are_no_last_words_is_nothing(tmp_path: Path, content: bytes) -> None:
    """Torn, foreign, or from a process that never came to an end."""
    (tmp_path / crash_note.NAME).write_bytes(content)

    assert crash_note.read(tmp_path) is None
