"""Checkpoints are whole or not there, and never silently wrong."""

import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from safetensors.torch import save

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError, WrittenFile
from cnnlab.files import safetensors_header
from cnnlab.files.safetensors_header import TensorEntry

TENSORS = {"a": torch.arange(12.0).view(3, 4), "b": torch.tensor([1, 2], dtype=torch.int64), "c": torch.tensor(7.0)}
META = {"step": 12, "loss_sum": 0.1 + 0.2, "order_seed": None, "text": "é"}


def known(path: Path) -> WrittenFile:
    """What a row would say of whatever lies there."""
    content = path.read_bytes()
    return WrittenFile(path.name, hashlib.sha256(content).hexdigest(), len(content))


def test_round_trip(tmp_path: Path) -> None:
    """What is written is what is read: tensors by bits, meta exactly, and no temporary file stays."""
    written = checkpoints.write(tmp_path / "x.safetensors", TENSORS, META)
    tensors, meta = checkpoints.read(tmp_path / written.name, written)

    assert meta == META
    assert all(torch.equal(tensors[k], TENSORS[k]) and tensors[k].dtype == TENSORS[k].dtype for k in TENSORS)
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]
    assert written.bytes == (tmp_path / "x.safetensors").stat().st_size


def test_channels_last_is_written_by_value(tmp_path: Path) -> None:
    """The memory order of a tensor is not part of its value."""
    tensor = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    written = checkpoints.write(tmp_path / "x.safetensors", {"t": tensor}, {})

    assert torch.equal(checkpoints.read(tmp_path / "x.safetensors", written)[0]["t"], tensor)


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    """Bit for bit: what the store has committed stays true when it is written once more."""
    assert len({checkpoints.write(tmp_path / "x.safetensors", TENSORS, META).sha256 for _ in range(10)}) == 1


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, full_disk: Callable[[int], None]) -> None:
    """An OSError that says what the matter is, the old file as it was, and no half of the new one."""
    path = tmp_path / "x.safetensors"
    first = checkpoints.write(path, TENSORS, META)
    full_disk(10_000)
    with pytest.raises(OSError, match="File too large"):
        checkpoints.write(path, {"a": torch.zeros(10_000)}, {})

    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]
    assert checkpoints.read(path, first)[1] == META


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_every_damage_is_detected(tmp_path: Path, data: st.DataObject) -> None:
    """A flipped bit or a cut anywhere is a CheckpointError, never a silent load."""
    path = tmp_path / "x.safetensors"
    written = checkpoints.write(path, TENSORS, META)
    content = bytearray(path.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[where] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[where:]
    path.write_bytes(bytes(content))

    with pytest.raises(CheckpointError, match=r"x\.safetensors was altered or damaged"):
        checkpoints.read(path, written)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """The sentence names the file."""
    with pytest.raises(CheckpointError, match=r"gone\.safetensors cannot be read"):
        checkpoints.read(tmp_path / "gone.safetensors", WrittenFile("gone.safetensors", "0" * 64, 8))


def test_a_safetensors_file_of_others_is_said(tmp_path: Path) -> None:
    """With a right hash, but without what cnnlab writes into it."""
    for metadata in (None, {"json": "[]"}, {"json": "{}"}):
        content = save({"a": torch.zeros(1)}, metadata)
        (tmp_path / "x.safetensors").write_bytes(content)
        with pytest.raises(CheckpointError, match="was not written by cnnlab"):
            checkpoints.read(tmp_path / "x.safetensors", known(tmp_path / "x.safetensors"))


@pytest.mark.parametrize("kind", ["device", "link", "pipe", "folder", "longer"])
def test_nothing_is_read_of_what_is_no_such_file(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link to /dev/zero has no end and a pipe is never written to: refused by what it is, and by its size."""
    path = tmp_path / "x.safetensors"
    written = checkpoints.write(path, TENSORS, META)
    content = path.read_bytes()
    path.unlink()
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(content)
        os.truncate(path, 1 << 40)  # it takes no room on the disk
    monkeypatch.setattr(checkpoints._Hashed, "read", lambda *given: pytest.fail("It was read."))
    why = "altered or damaged" if kind == "longer" else "cannot be read"
    for look in (checkpoints.read, checkpoints.verified):
        with pytest.raises(CheckpointError, match=rf"x\.safetensors.*{why}"):
            look(path, written)


def test_only_some_of_it(tmp_path: Path) -> None:
    """The others are not kept, but the whole file must be sound."""
    path = tmp_path / "x.safetensors"
    written = checkpoints.write(path, TENSORS, META)

    tensors, meta = checkpoints.read(path, written, {"c", "not there"})
    assert list(tensors) == ["c"]
    assert torch.equal(tensors["c"], TENSORS["c"])
    assert meta == META
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="altered or damaged"):
        checkpoints.read(path, written, {"not there"})


def test_a_header_that_lies_is_said(tmp_path: Path) -> None:
    """Tensors that overlap, leave a gap or reach beyond the file are no checkpoint, whatever the hash."""
    path = tmp_path / "x.safetensors"
    meta = {"json": '{"order": ["a", "b"], "meta": {}}'}
    for offsets in ([(0, 4), (0, 4)], [(0, 4), (8, 12)], [(0, 4), (4, 2**40)], [(0, 4), (4, 6)]):
        entries = {name: TensorEntry("F32", (1,), pair) for name, pair in zip("ab", offsets, strict=True)}
        path.write_bytes(safetensors_header.pack(entries, meta) + bytes(8))
        with pytest.raises(CheckpointError, match="was not written by cnnlab"):
            checkpoints.read(path, known(path))


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    """A file of another kind is refused even when its hash is the committed one, and its code never runs."""
    sentinel = tmp_path / "ran"
    path = tmp_path / "evil.safetensors"
    path.write_bytes(pickle.dumps(_Evil(str(sentinel))))
    with pytest.raises(CheckpointError, match="was not written by cnnlab"):
        checkpoints.read(path, known(path))

    assert not sentinel.exists()


class _Evil:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted before the rename, the checkpoint is still the one before."""
    path = tmp_path / "x.safetensors"
    first = checkpoints.write(path, TENSORS, META)

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        checkpoints.write(path, {"a": torch.zeros(1)}, {})
    monkeypatch.undo()

    assert checkpoints.read(path, first)[1] == META
