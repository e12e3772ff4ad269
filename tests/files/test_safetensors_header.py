"""The one reader of headers: what it reads is what the safetensors library wrote, and nothing else is a header."""

import io
import json
from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from cnnlab.files import safetensors_header
from cnnlab.files.safetensors_header import HeaderError, TensorEntry

TENSORS = {"a": torch.arange(12.0).view(3, 4), "b": torch.tensor([1, 2]), "é": torch.tensor(7.0)}
ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def raw(header: Any) -> bytes:
    """A file that begins with it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


def test_it_reads_what_the_library_writes() -> None:
    """Names, types, shapes, places, texts, and how long the file is."""
    content = save(TENSORS, {"k": "v"})
    header = safetensors_header.read(io.BytesIO(content))

    assert {name: entry.shape for name, entry in header.tensors.items()} == {"a": (3, 4), "b": (2,), "é": ()}
    assert {name: entry.dtype for name, entry in header.tensors.items()} == {"a": "F32", "b": "I64", "é": "F32"}
    assert header.metadata == {"k": "v"}
    assert header.file_bytes == len(content)
    for name, entry in header.tensors.items():
        begin, end = entry.offsets
        assert content[header.size_bytes :][begin:end] == TENSORS[name].numpy().tobytes()


def test_the_library_reads_what_it_writes() -> None:
    """Aligned to eight bytes, and back again unchanged."""
    entries = {"x": TensorEntry("F32", (2,), (0, 8)), "y": TensorEntry("U8", (3,), (8, 11))}
    packed = safetensors_header.pack(entries, {"text": "é"})
    header = safetensors_header.read(io.BytesIO(packed))

    assert len(packed) % 8 == 0
    assert (header.size_bytes, header.tensors, header.metadata) == (len(packed), entries, {"text": "é"})
    loaded = load(packed + torch.tensor([1.0, 2.0]).numpy().tobytes() + b"\1\2\3")
    assert loaded["x"].tolist() == [1.0, 2.0]
    assert loaded["y"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\1\0\0",
        raw(b"{"),
        raw(b'{"a":' * 100_000),
        raw([]),
        raw("text"),
        raw({"a": 1}),
        raw({"a": {**ENTRY, "more": 1}}),
        raw({"a": {**ENTRY, "dtype": 1}}),
        raw({"a": {**ENTRY, "shape": [True]}}),
        raw({"a": {**ENTRY, "shape": [-1]}}),
        raw({"a": {**ENTRY, "shape": [2**31]}}),
        raw({"a": {**ENTRY, "shape": "12"}}),
        raw({"a": {**ENTRY, "data_offsets": [0]}}),
        raw({"a": {**ENTRY, "data_offsets": [0, 8.5]}}),
        raw({"a": {**ENTRY, "data_offsets": {"0": 0, "8": 8}}}),
        raw({"__metadata__": None}),
        raw(b'{"a": 1, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'),
    ],
    ids=lambda content: repr(content[8:60]),
)
def test_what_is_none_is_refused(content: bytes) -> None:
    """Each a HeaderError, whatever the parser raises."""
    with pytest.raises(HeaderError):
        safetensors_header.read(io.BytesIO(content))


def test_a_header_that_is_too_long_is_not_read() -> None:
    """Not one byte of it: the length alone refuses it."""
    file = io.BytesIO(raw({"a": ENTRY}))
    with pytest.raises(HeaderError):
        safetensors_header.read(file, most_bytes=10)

    assert file.tell() == 8


@given(st.binary(max_size=200).map(raw) | st.binary(max_size=200))
def test_random_bytes(content: bytes) -> None:
    """A header or a HeaderError."""
    with suppress(HeaderError):
        safetensors_header.read(io.BytesIO(content))
