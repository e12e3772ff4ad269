"""Files are whole or not there: whoever is killed, whatever the disk refuses, however many write at once."""

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnnlab.app_config import PROJECT
from cnnlab.files import atomic_write

PLACES = ("before_fsync", "before_rename", "before_folder_fsync")


def put(path: Path, content: bytes) -> None:
    """Write it."""
    with atomic_write(path) as file:
        file.write(content)


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """While the block lasts readers see the old content, then the new one, and nothing else lies in the folder."""
    path = tmp_path / "x"
    put(path, b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    """Raised inside the block, or by the disk at any place on the way: the old content, and nothing half beside it."""
    path = tmp_path / "x"
    put(path, b"old")
    with pytest.raises(TypeError), atomic_write(path) as file:
        file.write("no bytes")

    for place in PLACES[:2]:

        def fail(reached: str, place: str = place) -> None:
            if reached == place:
                raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"), atomic_write(path, reach=fail) as file:
            file.write(b"new")
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from cnnlab.files import atomic_write

def reach(place):
    if place == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

with atomic_write(Path(sys.argv[1]), reach=reach) as file:
    file.write(b"new")
"""


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path: Path, place: str) -> None:
    """What is left of the new one beside the old is called .tmp, and does not disturb the next writer."""
    path = tmp_path / "x"
    put(path, b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED_AT, str(path), place], cwd=PROJECT, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == (b"new" if place == "before_folder_fsync" else b"old")
    assert all(left.suffix == ".tmp" for left in tmp_path.iterdir() if left != path)
    put(path, b"newer")
    assert path.read_bytes() == b"newer"


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the file is flushed, then renamed, then the folder is flushed."""
    told: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flush(descriptor: int) -> None:
        told.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        told.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(Path, "replace", rename)
    put(tmp_path / "x", b"x")

    assert told == ["file", "rename", "folder"]


def test_of_many_writers_one_is_last_or_one_is_first(tmp_path: Path) -> None:
    """At once, each writes a whole file; without overwriting the first alone has it, and the others are told."""
    contents = [bytes([number]) * 100_000 for number in range(16)]

    def first(content: bytes) -> bool:
        try:
            with atomic_write(tmp_path / "first", overwrite=False) as file:
                file.write(content)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(16) as many:
        list(many.map(lambda content: put(tmp_path / "last", content), contents))
        won = list(many.map(first, contents))

    assert (tmp_path / "last").read_bytes() in contents
    assert (tmp_path / "first").read_bytes() == contents[won.index(True)]
    assert won.count(True) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"last", "first"}


def test_who_may_read_it(tmp_path: Path) -> None:
    """`mode` holds from the first moment on; without one, the umask decides as for any file."""
    with atomic_write(tmp_path / "secret", mode=0o600) as file:
        (temporary,) = tmp_path.iterdir()
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        file.write(b"x")
    put(tmp_path / "open", b"x")
    (tmp_path / "plain").write_bytes(b"x")

    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert (tmp_path / "open").stat().st_mode == (tmp_path / "plain").stat().st_mode
