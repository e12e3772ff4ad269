"""One holder at a time, over threads and processes."""

import errno
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import pytest

from cnnlab.app_config import PROJECT
from cnnlab.files import lock

HOLD = """
import sys
from pathlib import Path
from cnnlab.files import lock

with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


class GivenUpError(Exception):
    """Raised by who does not wait."""


def give_up() -> None:
    """At the first word that somebody else holds it."""
    raise GivenUpError


def refused(path: Path) -> bool:
    """Whether somebody else than a new thread holds it."""

    def ask() -> bool:
        try:
            with lock(path, give_up):
                return False
        except GivenUpError:
            return True

    with ThreadPoolExecutor(1) as other:
        return other.submit(ask).result()


def test_one_holder_in_a_process(tmp_path: Path) -> None:
    """A second one waits, is told so, and may give up; afterwards the lock is free. The folder is made where needed."""
    path = tmp_path / "deep" / "lock"
    with lock(path):
        assert refused(path)
    assert not refused(path)

    with pytest.raises(KeyError), lock(path):
        raise KeyError
    assert not refused(path)


def test_who_would_wait_for_itself_is_told(tmp_path: Path) -> None:
    """A thread that asks for what it holds would wait for ever."""
    with lock(tmp_path / "lock"), pytest.raises(RuntimeError, match="Deadlock"), lock(tmp_path / "lock"):
        pass


def test_another_process_keeps_it_until_it_dies(tmp_path: Path) -> None:
    """While it lives nobody else gets the lock; whoever waits has it as soon as it is killed."""
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert refused(path)

        told: list[int] = []

        def kill() -> None:
            told.append(1)
            holder.kill()

        with lock(path, kill):
            assert told


def _failing(number: int) -> Callable[..., None]:
    def acquire(self: filelock.FileLock, **options: object) -> None:
        raise OSError(number, "refused")

    return acquire


def test_a_folder_without_locks_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some network folders are; any other trouble with the file is said."""
    monkeypatch.setattr(filelock.FileLock, "acquire", _failing(errno.ENOLCK))
    with lock(tmp_path / "lock"):
        pass
    monkeypatch.setattr(filelock.FileLock, "acquire", _failing(errno.EACCES))
    with pytest.raises(PermissionError), lock(tmp_path / "lock"):
        pass
