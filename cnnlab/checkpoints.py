"""Weights and training state on disk: safetensors, written atomically, hashed, never pickled."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cnnlab import failpoints

PIECE_BYTES = 16 << 20
"""So much is hashed, written and flushed to the disk at a time."""

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
    """A checkpoint is missing, torn or altered; its text is one sentence for people."""


@dataclass(frozen=True)
class WrittenFile:
    """A file that is on the disk for good: what the row that commits it has to name."""

    name: str
    sha256: str
    bytes: int


def write(
    path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any], between: Callable[[], None] = lambda: None
) -> WrittenFile:
    """Put `tensors` and the JSON-able `meta` at `path`, whole or not at all, also when killed midway.

    Under a temporary name, fsync, rename, fsync of the folder: a crash leaves the old file or the new one. `between`
    is called every PIECE_BYTES, with these on the disk: whoever shares the disk or this thread is not kept waiting.
    The SHA-256 is our own, because safetensors has no checksum: a flipped bit in the data would load. The same
    content gives the same bytes, so that a file written once more still is the one that was committed.

    Raises OSError where the disk refuses; nothing is left of the new file then.
    """
    temporary = path.with_name(path.name + ".tmp")
    digest, size = hashlib.sha256(), 0
    failpoints.reach("before_write")
    try:
        with temporary.open("wb") as file:
            for piece in _pieces(tensors, meta):
                if size:
                    failpoints.reach("mid_write")
                if size and (size + len(piece)) // PIECE_BYTES > size // PIECE_BYTES:
                    _sync(file)
                    between()
                file.write(piece)
                digest.update(piece)
                size += len(piece)
            failpoints.reach("before_fsync")
            _sync(file)
        failpoints.reach("before_rename")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    failpoints.reach("before_folder_fsync")
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return WrittenFile(path.name, digest.hexdigest(), size)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _pieces(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Iterator[bytes | memoryview]:
    """The file, bit by bit, without a copy of it in memory: the length of the header, the header, the numbers.

    As huggingface.co/docs/safetensors/index#format has it; the library itself can only write a file in one go.
    The widest numbers come first, so that every tensor lies on a multiple of its own width.
    """
    text = json.dumps({"meta": meta, "order": list(tensors)}, allow_nan=False)
    header: dict[str, Any] = {"__metadata__": {"json": text}}
    flat = {name: tensor.detach().cpu().contiguous().reshape(-1) for name, tensor in tensors.items()}
    laid = sorted(flat, key=lambda name: -flat[name].element_size())
    end = 0
    for name in laid:
        begin, end = end, end + flat[name].nbytes
        kind, shape = _DTYPES[flat[name].dtype], list(tensors[name].shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    packed = json.dumps(header).encode()
    packed += b" " * (-len(packed) % 8)
    yield len(packed).to_bytes(8, "little") + packed
    for name in laid:
        numbers = flat[name].view(torch.uint8).numpy().data
        for start in range(0, len(numbers), PIECE_BYTES):
            yield numbers[start : start + PIECE_BYTES]


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
