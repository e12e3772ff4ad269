"""Nothing is read of what is no file: a link to /dev/zero has no end, a pipe keeps its reader waiting for ever."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cnnlab.files import arrays
from cnnlab.files.regular import open_regular, read_regular
from cnnlab.inspection import kept_arrays
from cnnlab.runs.exit import crash_note
from cnnlab.runs.repair.checkpoint_scan import checkpoint_at, sha256_of


@dataclass(frozen=True)
class Numbers:
    """An array."""

    some: np.ndarray


def refused(look: Callable[[], object]) -> object:
    """What it is answered, None where it is refused with an OSError."""
    try:
        return look()
    except OSError:
        return None


def put(path: Path, kind: str) -> None:
    """Have something lie there that is no file of ours."""
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, 1 << 40)  # more than any memory, and no room on the disk


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "endless"])
def test_whoever_reads_a_folder_of_ours_reads_files(tmp_path: Path, kind: str) -> None:
    """The kept answers of views, last words and whatever a scan finds: as if nothing lay there, and nothing is read."""
    for name in ("x.arrays", crash_note.NAME, "weights-0001.safetensors"):
        put(tmp_path / name, kind)
    looks: list[Callable[[], object]] = [
        lambda: kept_arrays.read(tmp_path / "x.arrays", Numbers),
        lambda: arrays.read(tmp_path / "x.arrays", Numbers, 1_000),
        lambda: crash_note.read(tmp_path),
        lambda: checkpoint_at(tmp_path / "weights-0001.safetensors"),
        lambda: read_regular(tmp_path / "x.arrays", 1_000),
    ]
    if kind != "endless":
        looks += [
            lambda: sha256_of(tmp_path / "weights-0001.safetensors"),
            lambda: open_regular(tmp_path / "x.arrays"),
        ]
    assert [refused(look) for look in looks] == [None] * len(looks)


def test_a_link_says_that_it_is_one(tmp_path: Path) -> None:
    """A file of somebody else is not read through it, and the reason can be told to people."""
    (tmp_path / "theirs").write_bytes(b"theirs")
    (tmp_path / "mine").symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match="it is a link, not a file"):
        read_regular(tmp_path / "mine", 100)
    assert read_regular(tmp_path / "theirs", 6) == b"theirs"
    with pytest.raises(OSError, match="larger"):
        read_regular(tmp_path / "theirs", 5)
