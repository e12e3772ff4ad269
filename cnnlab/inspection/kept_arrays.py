"""This module keeps arrays that took long to compute on the disk: a frozen dataclass of them a file, never pickled."""

import dataclasses
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np

from cnnlab.files import atomic_write

MOST_FILES = 500
MOST_BYTES = 500_000_000
"""Limits of a folder: number of files, and size of all files together; the file used longest ago is deleted first."""
_ABANDONED_S = 3600.0
"""A temporary file so old belongs to a process that was ended while it wrote."""

A = TypeVar("A")


def write(path: Path, arrays: Any) -> None:
    """Write a dataclass whose fields are all arrays to `path` (.npz), whole or not at all, and thin out its folder.

    Raises OSError where the disk refuses.
    """
    fields = {field.name: np.asarray(getattr(arrays, field.name)) for field in dataclasses.fields(arrays)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        np.savez_compressed(file, allow_pickle=False, **fields)
    _thin(path.parent)


def read(path: Path, kind: type[A]) -> A | None:
    """Read the dataclass `kind` that `write` put at `path`; None where there is no file or the file cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = kind(**{field.name: file[field.name] for field in dataclasses.fields(kind)})  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    with suppress(OSError):  # only the order of thinning depends on the time
        os.utime(path)
    return arrays


def _thin(folder: Path) -> None:
    """Delete the files used longest ago until the others are few and small enough, and what killed processes left."""
    for path in folder.glob("*.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()
    found = []
    for path in folder.glob("*.npz"):
        with suppress(FileNotFoundError):  # another process has just deleted the file
            facts = path.stat()
            found.append((facts.st_mtime, facts.st_size, path))
    kept_bytes = 0
    for place, (_, size, path) in enumerate(sorted(found, reverse=True)):
        kept_bytes += size
        if place and (place >= MOST_FILES or kept_bytes > MOST_BYTES):
            path.unlink(missing_ok=True)
