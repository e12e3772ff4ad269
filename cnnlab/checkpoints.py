"""This module writes checkpoints to disk and reads them: safetensors files, written atomically and hashed."""

import hashlib
import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from cnnlab import failpoints
from cnnlab.files import atomic_write, safetensors_header, sync
from cnnlab.files.regular import open_regular, size_of
from cnnlab.files.safetensors_header import Header, TensorEntry

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
_OF_NAME = {name: dtype for dtype, name in _DTYPES.items()}


class CheckpointError(Exception):
    """`CheckpointError` says that a checkpoint is missing, torn or altered; its text is one sentence for people."""


@dataclass(frozen=True)
class WrittenFile:
    """A `WrittenFile` names a checkpoint file that is safely on the disk: what a database row needs to refer to it."""

    name: str
    sha256: str
    bytes: int


class Named(Protocol):
    """A `Named` is what a row of the store says of a checkpoint file: what the file must be, to be read at all."""

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of all bytes, in hexadecimal digits."""

    @property
    def bytes(self) -> int:
        """Return the number of bytes."""


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


def verified(path: Path, named: Named) -> bytes:
    """Return the bytes of the checkpoint file at `path`, which the store knows as `named`.

    Raises CheckpointError where it is another file, or none at all.
    """
    with _opened(path, named) as file:
        return b"".join(iter(lambda: file.read(PIECE_BYTES), b""))


def read(path: Path, named: Named, only: Collection[str] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a checkpoint, on the CPU in the order they were written, and its meta.

    `only`: names of the tensors that are wanted; the others are read, to see that the file is sound, and not kept. No more
    memory is taken than the tensors themselves need. Raises CheckpointError.
    """
    fault: Exception | None = None
    tensors: dict[str, Tensor] = {}
    with _opened(path, named) as file:
        try:
            header = safetensors_header.read(file, min(named.bytes, safetensors_header.MOST_BYTES))  # type: ignore[arg-type]
            ours = json.loads(header.metadata["json"])
            for name, entry in _in_file(header, named.bytes):
                if only is None or name in only:
                    tensors[name] = file.numbers(entry)
                else:
                    file.skip(entry.offsets[1] - entry.offsets[0])
            in_order = {name: tensors[name] for name in ours["order"] if only is None or name in tensors}
            meta: dict[str, Any] = ours["meta"]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            fault = error  # a damaged file is called damaged, whatever the damage makes of it
    if fault:
        raise CheckpointError(f"The checkpoint {path.name} was not written by cnnlab.") from fault
    return in_order, meta


def _in_file(header: Header, file_bytes: int) -> Iterable[tuple[str, TensorEntry]]:
    """Return the tensors of a file as they lie in it. Raises ValueError unless they fill it without gaps."""
    entries = sorted(header.tensors.items(), key=lambda item: item[1].offsets)
    end = 0
    for _, entry in entries:
        size = math.prod(entry.shape) * _OF_NAME[entry.dtype].itemsize
        if entry.offsets != (end, end + size):
            raise ValueError("the tensors do not fill the file")
        end += size
    if header.size_bytes + end != file_bytes:
        raise ValueError("the file is not as long as its tensors")
    return entries


class _Hashed:
    """A `_Hashed` is an open file that hashes whatever is read of it."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Read `size` bytes, or all that are left."""
        content = self._file.read(size)
        self._digest.update(content)
        return content

    def numbers(self, entry: TensorEntry) -> Tensor:
        """Read a tensor. Raises ValueError where the file ends within it."""
        tensor = torch.empty(entry.shape, dtype=_OF_NAME[entry.dtype])
        numbers = tensor.reshape(-1).view(torch.uint8).numpy().data
        for start in range(0, len(numbers), PIECE_BYTES):
            piece = numbers[start : start + PIECE_BYTES]
            if self._file.readinto(piece) != len(piece):
                raise ValueError("the file ends within a tensor")
            self._digest.update(piece)
        return tensor

    def skip(self, size: int) -> None:
        """Read `size` bytes for the hash alone, piece by piece."""
        while size > 0 and (content := self.read(min(size, PIECE_BYTES))):
            size -= len(content)

    def sha256(self) -> str:
        """Return the SHA-256 of the whole file, of which the rest is read for that."""
        while self.read(PIECE_BYTES):
            pass
        return self._digest.hexdigest()


@contextmanager
def _opened(path: Path, named: Named) -> Iterator[_Hashed]:
    """Open the checkpoint file at `path` for the block, which may read it once. Raises CheckpointError.

    It is a regular file and as long as it should be before a byte is read, so that nobody can have it be read without end;
    its bytes are the right ones if the block is left without an exception.
    """
    altered = CheckpointError(f"The checkpoint {path.name} was altered or damaged after it was written.")
    try:
        with open_regular(path) as file:
            if size_of(file) != named.bytes:
                raise altered
            hashed = _Hashed(file)
            yield hashed
            if hashed.sha256() != named.sha256:
                raise altered
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path.name} cannot be read ({error.strerror}).") from error
