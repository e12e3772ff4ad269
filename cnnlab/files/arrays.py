"""This module writes a dataclass of arrays to a file and reads it back: whole, as it was written, and never pickled."""

import dataclasses
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cnnlab.files.atomic import atomic_write
from cnnlab.files.regular import read_regular
from cnnlab.files.suffix import SUFFIX as SUFFIX

DIGEST_BYTES = 32
"""Length of a SHA-256."""

A = TypeVar("A")


def write(path: Path, arrays: Any) -> None:
    """Write a dataclass whose fields are all arrays of numbers to `path`, whole or not at all.

    The file is the SHA-256 of what follows, then the arrays as safetensors. Raises OSError where the disk refuses.
    """
    fields = {field.name: np.ascontiguousarray(getattr(arrays, field.name)) for field in dataclasses.fields(arrays)}
    content = save(fields)
    with atomic_write(path) as file:
        file.write(sha256(content).digest() + content)


def read(path: Path, kind: type[A], most_bytes: int) -> A | None:
    """Read the dataclass `kind` that `write` put at `path`; None where there is no file or the file is damaged.

    What is no regular file, or one of more than `most_bytes`, is not read either.
    """
    try:
        digest, content = (whole := read_regular(path, most_bytes))[:DIGEST_BYTES], whole[DIGEST_BYTES:]
        if sha256(content).digest() != digest:
            return None
        found = load(content)
        return kind(**{field.name: found[field.name] for field in dataclasses.fields(kind)})  # type: ignore[arg-type]
    except (OSError, SafetensorError, KeyError):
        return None
