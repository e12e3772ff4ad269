"""This module wakes the processes that wait for a run, so that they need not ask the database again and again.

Each waiting process has a named pipe (`man 7 fifo`) in `<runs>/waiting`. A process that has changed which runs wait or
train writes a byte into every one of them, after its COMMIT: it rings. The byte stays in the pipe until it is read, so
a ring between a look at the database and the waiting is not lost.

No run depends on a ring: none reaches another machine, a network folder may have no pipes, and a process can be killed
between its COMMIT and its ring. A process that waits therefore looks at the database every `LOOK_S` all the same.
"""

import errno
import os
import select
import stat
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Self

LOOK_S = 5.0
"""Seconds after which a waiting process looks without a ring: what a lost ring costs a run at most."""
FOLDER = "waiting"
ABANDONED_S = 3600.0
"""Age in seconds at which a pipe without a reader is removed: its process was killed, or runs on another machine and
makes the pipe anew."""


class Doorbell:
    """A `Doorbell` receives rings for this process from the moment it is made: make it, then look, then wait."""

    def __init__(self, runs: Path) -> None:
        self._path = runs / FOLDER / f"{os.getpid()}-{uuid.uuid4().hex}"
        self._own = os.pipe()
        for end in self._own:
            os.set_blocking(end, False)
        self._pipe: tuple[int, int] | None = None
        self._processes: set[int] = set()
        self._hang()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove this process's pipe, so that nobody rings it any more."""
        self._take_down()
        for descriptor in (*self._own, *self._processes):
            os.close(descriptor)
        self._processes.clear()

    def watch(self, pid: int) -> None:
        """Let the end of the process `pid` ring too, where the system can tell (Linux; elsewhere `LOOK_S` does)."""
        with suppress(AttributeError, OSError):  # OSError: the process has ended; its parent sees that
            self._processes.add(os.pidfd_open(pid))

    def wake(self) -> None:
        """Ring this doorbell from another thread of its own process."""
        _write(self._own[1])

    def wait(self, seconds: float) -> bool:
        """Wait until somebody rings, and return True; return False where nobody has within that many seconds.

        A ring since the last wait counts.
        """
        if not os.path.lexists(self._path):  # unlike Path.exists, it raises nothing of what ails a disk
            self._hang()
            if self._pipe:
                return True  # a ring of the meantime found no pipe, so look
        poll, reading = select.poll(), [self._own[0], *(self._pipe or ())[:1]]
        for descriptor in (*reading, *self._processes):
            poll.register(descriptor, select.POLLIN)
        rung = poll.poll(1000 * seconds)
        for descriptor, _ in rung:
            if descriptor in self._processes:
                self._processes.remove(descriptor)  # a process ends only once
                os.close(descriptor)
            else:
                _empty(descriptor)
        return bool(rung)

    def _hang(self) -> None:
        """Create the named pipe through which other processes ring.

        Where the folder takes no pipe, only `wake`, the ends of watched processes and time end a wait.
        """
        self._take_down()
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(self._path)
            read = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
            self._pipe = read, os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)  # an open writer: no end of file

    def _take_down(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        for descriptor in self._pipe or ():
            os.close(descriptor)
        self._pipe = None


def ring(runs: Path) -> None:
    """Wake every process of this machine that waits at this folder of runs.

    Never waits for anybody, never raises.
    """
    with suppress(OSError), os.scandir(runs / FOLDER) as pipes:
        for pipe in pipes:
            _ring(Path(pipe.path))


def _ring(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.ENXIO:  # only this means that no process reads the pipe
            return
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > ABANDONED_S:
                path.unlink()
        return
    try:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            _write(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int) -> None:
    with suppress(OSError):  # a full pipe has thousands of rings unread; a broken one has no reader
        os.write(descriptor, b"\0")


def _empty(descriptor: int) -> None:
    with suppress(BlockingIOError):
        while os.read(descriptor, 4096):
            pass
