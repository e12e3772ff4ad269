"""This module tells which process is alive: a process holds `lockf` on `<folder>/lock` as long as it owns the run.

The kernel frees the lock when the process ends, however it ends (about 2 ms after SIGKILL), so nothing needs a
heartbeat, and no process id can lie. Not `flock`, which the library filelock takes: forked children would keep it. Nor can
filelock ask about a lock without taking it.

POSIX drops a process's lock when *any* of its descriptors of that file closes. So this process remembers what it
holds, and never opens such a file a second time.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_held: dict[Path, IO[bytes]] = {}
_guard = threading.RLock()
os.register_at_fork(after_in_child=_held.clear)  # locks are not inherited


class LockedError(Exception):
    """`LockedError` says that another process holds the lock."""


def take(folder: Path) -> bool:
    """Take the folder's lock until `release` or the end of this process; return False where it is held already."""
    path = folder.absolute() / "lock"
    with _guard:
        if path in _held:
            return False
        file = path.open("ab")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # EACCES or EAGAIN, by system
            file.close()
            return False
        _held[path] = file
        return True


def release(folder: Path) -> None:
    """Release the folder's lock; do nothing where this process does not hold it."""
    with _guard:
        if file := _held.pop(folder.absolute() / "lock", None):
            file.close()


def is_held(folder: Path) -> bool:
    """Return whether a living process, this one included, holds the folder's lock.

    A folder that is gone is held by nobody.
    """
    path = folder.absolute() / "lock"
    with _guard:
        if path in _held:
            return True
        try:
            with path.open("rb") as file:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the folder's lock inside the block. Where this process holds it already, it stays held afterwards.

    Raises LockedError where another process holds it.
    """
    path = folder.absolute() / "lock"
    with _guard:
        ours = path in _held
        if not ours and not take(folder):
            raise LockedError(f"{folder.name} is in use by another process.")
    try:
        yield
    finally:
        if not ours:
            release(folder)
