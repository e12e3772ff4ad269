"""Checkpoints are whole or not there, and never silently wrong."""

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
from cnnlab.checkpoints import CheckpointError

TENSORS = {"a": torch.arange(12.0).view(3, 4), "b": torch.tensor([1, 2], dtype=torch.int64), "c": torch.tensor(7.0)}
META = {"step": 12, "loss_sum": 0.1 + 0.2, "order_seed": None, "text": "é"}


def test_round_trip(tmp_path: Path) -> None:
    """What is written is what is read: tensors by bits, meta exactly, and no temporary file stays."""
    written = checkpoints.write(tmp_path / "x.safetensors", TENSORS, META)
    tensors, meta = checkpoints.read(tmp_path / written.name, written.sha256)

    assert meta == META
    assert all(torch.equal(tensors[k], TENSORS[k]) and tensors[k].dtype == TENSORS[k].dtype for k in TENSORS)
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]
    assert written.bytes == (tmp_path / "x.safetensors").stat().st_size


def test_channels_last_is_written_by_value(tmp_path: Path) -> None:
    """The memory order of a tensor is not part of its value."""
    tensor = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    written = checkpoints.write(tmp_path / "x.safetensors", {"t": tensor}, {})

    assert torch.equal(checkpoints.read(tmp_path / "x.safetensors", written.sha256)[0]["t"], tensor)


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
    assert checkpoints.read(path, first.sha256)[1] == META


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
        checkpoints.read(path, written.sha256)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """The sentence names the file."""
    with pytest.raises(CheckpointError, match=r"gone\.safetensors cannot be read"):
        checkpoints.read(tmp_path / "gone.safetensors", "0" * 64)


def test_a_safetensors_file_of_others_is_said(tmp_path: Path) -> None:
    """With a right hash, but without what cnnlab writes into it."""
    for metadata in (None, {"json": "[]"}, {"json": "{}"}):
        content = save({"a": torch.zeros(1)}, metadata)
        (tmp_path / "x.safetensors").write_bytes(content)
        with pytest.raises(CheckpointError, match="was not written by cnnlab"):
            checkpoints.read(tmp_path / "x.safetensors", checkpoints.hashlib.sha256(content).hexdigest())


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    """A file of another kind is refused even when its hash is the committed one, and its code never runs."""
    sentinel = tmp_path / "ran"
    path = tmp_path / "evil.safetensors"
    path.write_bytes(pickle.dumps(_Evil(str(sentinel))))
    with pytest.raises(CheckpointError, match="was not written by cnnlab"):
        checkpoints.read(path, checkpoints.hashlib.sha256(path.read_bytes()).hexdigest())

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

    assert checkpoints.read(path, first.sha256)[1] == META
