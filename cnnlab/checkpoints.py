"""This module writes checkpoints to disk and reads them: safetensors files, written atomically and hashed."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cnnlab import failpoints
from cnnlab.files import atomic_write, safetensors_header, sync
from cnnlab.files.safetensors_header import TensorEntry

PIECE_BYTES = 16 << 20
"""Number of bytes that are hashed, written and flushed to the disk at a time."""

_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.bool: "BOOL",
}


class CheckpointError(Exception):
    """`CheckpointError` says that a checkpoint is missing, torn or altered; its text is one sentence for people."""


@dataclass(frozen=True)
class WrittenFile:
    """A `WrittenFile` names a checkpoint file that is safely on the disk: what a database row needs to refer to it."""

    name: str
    sha256: str
    bytes: int


def write(
    path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any], between: Callable[[], None] = lambda: None
) -> WrittenFile:
    """Write `tensors` and the JSON-able `meta` to `path`, whole or not at all, also when killed midway.

    `between` is called every PIECE_BYTES, with these on the disk: whoever shares the disk or this thread is not kept
    waiting.
    The SHA-256 is our own, because safetensors has no checksum: a flipped bit in the data would load. The same
    content gives the same bytes, so that a file written once more still is the one that was committed.

    Raises OSError where the disk refuses; nothing is left of the new file then.
    """
    digest, size = hashlib.sha256(), 0
    failpoints.reach("before_write")
    with atomic_write(path, reach=failpoints.reach) as file:
        for piece in _pieces(tensors, meta):
            if size:
                failpoints.reach("mid_write")
            if size and (size + len(piece)) // PIECE_BYTES > size // PIECE_BYTES:
                sync(file)
                between()
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    return WrittenFile(path.name, digest.hexdigest(), size)


def _pieces(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Iterator[bytes | memoryview]:
    """Yield the bytes of the file piece by piece, without a copy of all in memory: header length, header, numbers.

    The safetensors library itself can only write a file in one go.
    The widest numbers come first, so that every tensor lies on a multiple of its own width.
    """
    text = json.dumps({"meta": meta, "order": list(tensors)}, allow_nan=False)
    entries: dict[str, TensorEntry] = {}
    flat = {name: tensor.detach().cpu().contiguous().reshape(-1) for name, tensor in tensors.items()}
    laid = sorted(flat, key=lambda name: -flat[name].element_size())
    end = 0
    for name in laid:
        begin, end = end, end + flat[name].nbytes
        entries[name] = TensorEntry(_DTYPES[flat[name].dtype], tuple(tensors[name].shape), (begin, end))
    yield safetensors_header.pack(entries, {"json": text})
    for name in laid:
        numbers = flat[name].view(torch.uint8).numpy().data
        for start in range(0, len(numbers), PIECE_BYTES):
            yield numbers[start : start + PIECE_BYTES]


def verified(path: Path, sha256: str) -> bytes:
    """Return the bytes of a checkpoint file whose SHA-256 is `sha256`. Raises CheckpointError where it is another."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path.name} cannot be read ({error.strerror}).") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CheckpointError(f"The checkpoint {path.name} was altered or damaged after it was written.")
    return content


def read(path: Path, sha256: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a checkpoint, on the CPU in the order they were written, and its meta.

    Raises CheckpointError.
    """
    content = verified(path, sha256)
    try:
        tensors = safetensors.torch.load(content)
        ours = json.loads(safetensors_header.read(BytesIO(content)).metadata["json"])
        return {name: tensors[name] for name in ours["order"]}, ours["meta"]  # safetensors itself sorts by name
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"The checkpoint {path.name} was not written by cnnlab.") from error
