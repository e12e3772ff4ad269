"""This module keeps arrays that took long to compute on the disk, in a folder that never grows too large."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from cnnlab.files import arrays as files
from cnnlab.files.arrays import SUFFIX, A

MOST_FILES = 500
MOST_BYTES = 500_000_000
"""Limits of a folder: number of files, and size of all files together; the file used longest ago is deleted first."""
_ABANDONED_S = 3600.0
"""A temporary file so old belongs to a process that was ended while it wrote."""


def write(path: Path, arrays: Any) -> None:
    """Write a dataclass whose fields are all arrays of numbers to `path`, whole or not at all, and thin out its folder.

    Raises OSError where the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, arrays)
    _thin(path.parent)


def read(path: Path, kind: type[A]) -> A | None:
    """Read the dataclass `kind` that `write` put at `path`; None where there is no file or the file is damaged."""
    found = files.read(path, kind, MOST_BYTES)
    with suppress(OSError):  # only the order of thinning depends on the time
        os.utime(path)
    return found


def _thin(folder: Path) -> None:
    """Delete the files used longest ago until the others are few and small enough, and what killed processes left."""
    for path in folder.glob("*.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(FileNotFoundError):  # another process has just deleted the file
            facts = path.stat()
            found.append((facts.st_mtime, facts.st_size, path))
    kept_bytes = 0
    for place, (_, size, path) in enumerate(sorted(found, reverse=True)):
        kept_bytes += size
        if place and (place >= MOST_FILES or kept_bytes > MOST_BYTES):
            path.unlink(missing_ok=True)
