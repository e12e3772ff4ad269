"""Whoever waits for a run is rung; nothing that rings waits, fails, or is needed."""

import errno
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Store, doorbell, locks
from cnnlab.runs.doorbell import ABANDONED_S, FOLDER, Doorbell, ring
from cnnlab.schema import TrainingConfig

Spawn = Callable[..., "subprocess.Popen[str]"]
WAITER = """
from cnnlab.runs.doorbell import Doorbell
bell = Doorbell(store.app_config.runs)
print("waiting", flush=True)
print("rung" if bell.wait(3600) else "not rung", flush=True)
"""


def test_everybody_is_rung_and_each_ring_is_kept(app_config: AppConfig) -> None:
    """Also who was busy at the time; many rings before a wait are one."""
    with Doorbell(app_config.runs) as one, Doorbell(app_config.runs) as other:
        ring(app_config.runs)
        ring(app_config.runs)
        assert one.wait(3600)
        assert not one.wait(0)
        ring(app_config.runs)
        assert one.wait(3600)
        assert other.wait(3600)
        assert not other.wait(0)
    assert list((app_config.runs / FOLDER).iterdir()) == [], "who has left is rung no more"


def test_another_process_is_rung(app_config: AppConfig, spawn: Spawn) -> None:
    """While it sleeps within its wait."""
    waiter = spawn(WAITER)
    assert waiter.stdout
    assert waiter.stdout.readline() == "waiting\n"
    ring(app_config.runs)

    assert waiter.communicate(timeout=60)[0] == "rung\n"


def test_what_a_killed_process_leaves_is_in_nobodys_way(app_config: AppConfig, spawn: Spawn) -> None:
    """The pipe without a reader is passed over, and removed when it is old; the others are rung."""
    waiter = spawn(WAITER)
    assert waiter.stdout
    waiter.stdout.readline()
    waiter.kill()
    waiter.communicate()
    [left] = (app_config.runs / FOLDER).iterdir()
    with Doorbell(app_config.runs) as bell:
        ring(app_config.runs)
        assert bell.wait(3600)
        assert left.exists(), "it might be another machine's"
        long_ago = left.stat().st_mtime - 2 * ABANDONED_S
        os.utime(left, (long_ago, long_ago))
        ring(app_config.runs)
        assert bell.wait(3600)
    assert not left.exists()


def test_a_reader_that_does_not_read_keeps_nobody_waiting(app_config: AppConfig) -> None:
    """Its pipe is full: it has been rung, and that is enough."""
    with Doorbell(app_config.runs) as bell:
        assert bell._pipe
        with suppress(BlockingIOError):
            while True:
                os.write(bell._pipe[1], b"\0" * 4096)
        ring(app_config.runs)
        assert bell.wait(3600)
        assert not bell.wait(0)


def test_only_pipes_are_rung(app_config: AppConfig) -> None:
    """A file that somebody has put there stays as it is; without the folder nothing happens."""
    ring(app_config.runs)
    assert not app_config.runs.exists()
    (app_config.runs / FOLDER).mkdir(parents=True)
    file = app_config.runs / FOLDER / "file"
    file.write_text("theirs")
    ring(app_config.runs)

    assert file.read_text() == "theirs"


def test_a_pipe_that_was_taken_away_is_made_anew(app_config: AppConfig) -> None:
    """And whoever waits looks at once, since a ring may have been lost meanwhile."""
    with Doorbell(app_config.runs) as bell:
        for path in (app_config.runs / FOLDER).iterdir():
            path.unlink()
        assert bell.wait(3600)
        assert not bell.wait(0)
        ring(app_config.runs)
        assert bell.wait(3600)


def test_where_the_folder_takes_no_pipe_time_rings(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither fails nor spins, and the process itself can still wake it."""

    def refuse(path: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "mkfifo", refuse)
    with Doorbell(app_config.runs) as bell:
        ring(app_config.runs)
        assert not bell.wait(0.01)
        bell.wake()
        assert bell.wait(3600)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this system does not tell of it")
def test_the_end_of_a_process_rings_once(app_config: AppConfig, spawn: Spawn) -> None:
    """Of one that is killed, and of one that ended before the wait; one that was gone before is not waited for."""
    process = spawn("sys.stdin.read()")
    with Doorbell(app_config.runs) as bell:
        bell.watch(process.pid)
        assert not bell.wait(0)
        process.kill()
        assert bell.wait(3600)
        assert not bell.wait(0)
        process.communicate()
        bell.watch(process.pid)
        assert not bell.wait(0)


def test_every_change_of_what_waits_or_trains_rings(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its COMMIT: who is rung finds it in the store."""
    seen: list[list[RunStatus]] = []
    monkeypatch.setattr(doorbell, "ring", lambda runs: seen.append([run.status for run in store.list()]))

    def last() -> list[RunStatus]:
        found = seen[-1]
        seen.clear()
        return found

    run = store.create(TrainingConfig())
    assert last() == [RunStatus.QUEUED]
    store.take(run.id)
    assert last() == [RunStatus.RUNNING]
    store.finish(run.id, RunStatus.STOPPED, "Stopped.")
    assert last() == [RunStatus.STOPPED]
    store.resume(run.id)
    assert last() == [RunStatus.QUEUED]
    store.claim()
    locks.release(store.folder(run.id))
    store.recover()
    assert last() == [RunStatus.INTERRUPTED]
    store.create_many([TrainingConfig(), TrainingConfig()])
    assert last() == [RunStatus.QUEUED, RunStatus.QUEUED, RunStatus.INTERRUPTED]
    store.create(TrainingConfig(), mine=True)
    assert last()[0] is RunStatus.RUNNING


def test_a_disk_that_fails_for_a_while_ends_no_wait(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait goes on by time and by `wake`; once the disk answers again, it is rung again."""

    def stale(*asked: object, **named: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    with Doorbell(app_config.runs) as bell:
        with monkeypatch.context() as failing:
            for way in ("lstat", "stat", "mkfifo"):
                failing.setattr(os, way, stale)
            assert not bell.wait(0)
            bell.wake()
            assert bell.wait(3600)
        while bell.wait(0):  # it hangs anew, and says so once
            pass
        ring(app_config.runs)
        assert bell.wait(3600)


def test_a_pipe_that_may_not_be_opened_is_left_alone(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a pipe that nobody reads is removed, not one of somebody else."""
    with Doorbell(app_config.runs):
        [pipe] = (app_config.runs / FOLDER).iterdir()
        os.utime(pipe, (0, 0))

        def refused(*asked: object, **named: object) -> int:
            raise OSError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "open", refused)
        ring(app_config.runs)
        monkeypatch.undo()
        assert pipe.exists()
