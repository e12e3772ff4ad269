"""This module reads and writes the header of a safetensors file, which says what tensors are in it and where.

The format: huggingface.co/docs/safetensors/index#format. No torch and no safetensors library here: who scans a folder of
checkpoints needs neither. Nothing in a header is believed but its form.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

MOST_BYTES = 100_000_000
"""Length in bytes of the longest header that the safetensors library itself reads."""

_METADATA = "__metadata__"


class HeaderError(ValueError):
    """`HeaderError` says that the bytes are not the header of a safetensors file."""


@dataclass(frozen=True)
class TensorEntry:
    """A `TensorEntry` is what a header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]
    offsets: tuple[int, int]
    """First byte of the tensor and the one behind its last, counted from the end of the header; not checked to fit."""


@dataclass(frozen=True)
class Header:
    """A `Header` lists the tensors of a file by name, and the texts that go with them."""

    size_bytes: int
    """Number of bytes of the length and the header together: where the tensors' numbers begin."""
    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, Any]

    @property
    def file_bytes(self) -> int:
        """Return the length of the whole file in bytes, as the header implies it."""
        return self.size_bytes + max((entry.offsets[1] for entry in self.tensors.values()), default=0)


def read(file: BinaryIO, most_bytes: int = MOST_BYTES) -> Header:
    """Read the header that begins where `file` stands, and no byte more.

    Raises HeaderError where there is none, or one longer than `most_bytes`, of which nothing is read then.
    """
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > most_bytes:
        raise HeaderError("the header is longer than any that is read here")
    try:
        values = json.loads(file.read(length), object_pairs_hook=_no_name_twice)
        metadata = values.pop(_METADATA, {})
        tensors = {name: _entry(**facts) for name, facts in values.items()}
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise HeaderError("the header is damaged") from error
    if not isinstance(metadata, dict):
        raise HeaderError("the metadata are not texts with names")
    return Header(8 + length, tensors, metadata)


def pack(tensors: Mapping[str, TensorEntry], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes before the numbers: the length and the header, filled up with spaces to a multiple of eight."""
    entries = {
        name: {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": list(entry.offsets)}
        for name, entry in tensors.items()
    }
    packed = json.dumps({_METADATA: dict(metadata), **entries}).encode()
    packed += b" " * (-len(packed) % 8)
    return len(packed).to_bytes(8, "little") + packed


def _entry(dtype: Any, shape: Any, data_offsets: Any) -> TensorEntry:
    if not isinstance(dtype, str) or not isinstance(shape, list) or not isinstance(data_offsets, list):
        raise TypeError
    if not all(type(size) is int and 0 <= size < 2**31 for size in shape):
        raise ValueError("no shape")
    begin, end = data_offsets
    if type(begin) is not int or type(end) is not int:
        raise TypeError
    return TensorEntry(dtype, tuple(shape), (begin, end))


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name appears twice")
    return values
