"""This module writes a file whole or not at all: after a crash or a power cut there is the old one or the new one.

The order is the one that POSIX file systems ask for: temporary name in the same folder, fsync, rename, fsync of the folder.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO


def _nowhere(place: str) -> None:
    """Ignore how far the writing is; the default for callers that do not ask."""


@contextmanager
def atomic_write(
    path: Path, *, mode: int = 0o666, overwrite: bool = True, reach: Callable[[str], None] = _nowhere
) -> Iterator[BinaryIO]:
    """Open a new binary file that takes the place of `path`, safely on the disk, when the block ends.

    Any number of processes and threads may write at once: each has a temporary name of its own, which ends in ".tmp". Where
    the block or the disk raises, `path` is what it was and the temporary file is gone. `mode` is what the file allows, before
    the umask. `reach` is told of "before_fsync", "before_rename" and "before_folder_fsync", for tests that kill there.

    Raises OSError where the disk refuses, and FileExistsError where `path` is there and `overwrite` is False: of several
    writers the first has it then.
    """
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            yield file
            reach("before_fsync")
            sync(file)
        reach("before_rename")
        if overwrite:
            temporary.replace(path)
        else:
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    reach("before_folder_fsync")
    sync_folder(path.parent)


def sync(file: IO[bytes]) -> None:
    """Wait until all that was written to the open file is on the disk. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in the folder, new and changed ones, are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
