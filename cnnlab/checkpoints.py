"""Weights and training state on disk: safetensors, written atomically, hashed, never pickled."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor


class CheckpointError(Exception):
    """A checkpoint is missing, torn or altered; its text is one sentence for people."""


@dataclass(frozen=True)
class WrittenFile:
    """A file that is on the disk for good: what the row that commits it has to name."""

    name: str
    sha256: str
    bytes: int


def write(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> WrittenFile:
    """Put `tensors` and the JSON-able `meta` at `path`, whole or not at all, also when killed midway.

    Under a temporary name, fsync, rename, fsync of the folder: a crash leaves the old file or the new one.
    The SHA-256 is our own, because safetensors has no checksum: a flipped bit in the data would load. The same
    content gives the same bytes, so that a file written once more still is the one that was committed.

    Raises OSError where the disk refuses; nothing is left of the new file then.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"meta": meta, "order": list(contiguous)}, allow_nan=False)
    temporary = path.with_name(path.name + ".tmp")
    try:
        # One entry, because safetensors writes several in random order.
        safetensors.torch.save_file(contiguous, temporary, metadata={"json": text})
        with temporary.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        temporary.replace(path)
    except SafetensorError as error:
        raise _of_the_system(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return WrittenFile(path.name, digest, size)


def _of_the_system(error: SafetensorError, path: Path) -> Exception:
    """safetensors tells only in words, "(os error 28)", that the system refused."""
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1])), str(path)) if number else error


def verified(path: Path, sha256: str) -> bytes:
    """The file's bytes, once their hash is the one that was committed. Raises CheckpointError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path.name} cannot be read ({error.strerror}).") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CheckpointError(f"The checkpoint {path.name} was altered or damaged after it was written.")
    return content


def read(path: Path, sha256: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors (on the CPU, in the order they were written) and meta of a checkpoint. Raises CheckpointError."""
    content = verified(path, sha256)
    try:
        tensors = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        ours = json.loads(header["__metadata__"]["json"])
        return {name: tensors[name] for name in ours["order"]}, ours["meta"]  # safetensors itself sorts by name
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"The checkpoint {path.name} is not one of cnnlab's.") from error
