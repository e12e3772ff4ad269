"""This module lets only one thread or process at a time do a thing.

Which process is alive is another question: `cnnlab.runs.locks`.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ASK_AGAIN_S = 0.1
"""Seconds between two attempts to take a lock that somebody else holds."""

_NO_LOCKS_HERE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


@contextmanager
def lock(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the file `path` as a lock inside the block: one holder over all threads and processes; a dead one lets go.

    `waiting` is called again and again while somebody else holds it; what it raises ends the wait. On a network folder that
    has no locks nobody is kept out: of two who do the same work then, one may fail with an OSError.

    Raises OSError where the file cannot be opened, and RuntimeError where this thread holds it already.
    """
    from filelock import FileLock  # here, because importing it takes tens of milliseconds

    def give_up() -> bool:
        waiting()
        return False

    path.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(path, poll_interval=ASK_AGAIN_S, fallback_to_soft=False)
    try:
        held.acquire(cancel_check=give_up)
    except OSError as fault:
        if fault.errno not in _NO_LOCKS_HERE:
            raise
    try:
        yield
    finally:
        held.release()
