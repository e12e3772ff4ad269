"""This module reads a run's checkpoint files without the store: each file says where in the run it was taken."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from cnnlab.files import safetensors_header
from cnnlab.files.regular import open_regular, size_of
from cnnlab.runs.run import Checkpoint, CheckpointKind


@dataclass(frozen=True)
class Found:
    """A `Found` is a whole checkpoint file, described as its own header has it."""

    checkpoint: Checkpoint
    config: dict[str, Any]
    written: float
    """Time at which the file was written, in Unix seconds."""


def checkpoint_at(path: Path) -> Found | None:
    """Return the checkpoint at `path`; None where the file is no checkpoint of ours, or not all of one.

    The name of the file's folder is the id of its run.
    """
    try:
        meta, size = _read(path)
        place, kind = meta["place"], path.name.partition("-")[0]
        checkpoint = Checkpoint(
            run_id=path.parent.name,
            kind=next((known for known in get_args(CheckpointKind) if known == kind), "weights"),
            epoch=int(place["epoch"]),
            step=int(place["step"]),
            name=path.name,
            sha256=sha256_of(path),
            bytes=size,
        )
        return Found(checkpoint, dict(meta["config"]), path.stat().st_mtime)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def checkpoints_in(folder: Path) -> list[Found]:
    """Return the whole checkpoints in a run's folder, in the order of their steps."""
    found = [here for path in sorted(folder.glob("*.safetensors")) if (here := checkpoint_at(path))]
    return sorted(found, key=lambda here: (here.checkpoint.step, here.checkpoint.epoch))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of all bytes of a file, in hexadecimal digits. Raises OSError, also where there is no regular file."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], int]:
    """Return cnnlab's part of a checkpoint's header, and the file's size in bytes.

    Raises ValueError where the file is longer or shorter than its header says.
    """
    with open_regular(path) as file:
        size = size_of(file)
        header = safetensors_header.read(file, min(size, safetensors_header.MOST_BYTES))
    if header.file_bytes != size:
        raise ValueError("the file is not as long as its tensors")
    meta: dict[str, Any] = json.loads(header.metadata["json"])["meta"]
    return meta, size
