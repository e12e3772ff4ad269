"""Kept arrays come back as they were, or not at all; and there are never too many of them."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cnnlab.inspection import kept_arrays


@dataclass(frozen=True)
class Pair:
    """Two arrays."""

    small: np.ndarray
    large: np.ndarray


PAIR = Pair(np.arange(3, dtype=np.int16), np.linspace(0, 1, 50, dtype=np.float32).reshape(5, 10))


def test_there_and_back(tmp_path: Path) -> None:
    """The same numbers, types and shapes, and no other file is left."""
    path = tmp_path / "new folder" / "pair.arrays"
    kept_arrays.write(path, PAIR)
    back = kept_arrays.read(path, Pair)

    assert back is not None
    for name in ("small", "large"):
        expected, found = getattr(PAIR, name), getattr(back, name)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    assert [file.name for file in path.parent.iterdir()] == ["pair.arrays"]


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "garbage", "altered"])
def test_what_cannot_be_read_is_not_there(tmp_path: Path, damage: str) -> None:
    """Whatever happened to the file, the answer is: measure it again."""
    path = tmp_path / "pair.arrays"
    kept_arrays.write(path, PAIR)
    whole = path.read_bytes()
    middle = len(whole) // 2
    content = {"empty": b"", "cut": whole[:middle], "garbage": b"x" * 500}
    content["altered"] = whole[: middle - 40] + bytes(80) + whole[middle + 40 :]
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[damage])

    assert kept_arrays.read(path, Pair) is None


def test_another_kind_of_answer_is_none(tmp_path: Path) -> None:
    """A file of an older cnnlab without one of the arrays."""

    @dataclass(frozen=True)
    class More(Pair):
        extra: np.ndarray

    kept_arrays.write(tmp_path / "pair.arrays", PAIR)

    assert kept_arrays.read(tmp_path / "pair.arrays", More) is None


def test_the_one_used_longest_ago_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by bytes; reading counts as use."""
    monkeypatch.setattr(kept_arrays, "MOST_FILES", 3)
    for number in range(3):
        kept_arrays.write(tmp_path / f"{number}.arrays", PAIR)
        os.utime(tmp_path / f"{number}.arrays", (number, number))
    kept_arrays.read(tmp_path / "0.arrays", Pair)
    kept_arrays.write(tmp_path / "3.arrays", PAIR)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.arrays", "2.arrays", "3.arrays"]

    monkeypatch.setattr(kept_arrays, "MOST_BYTES", 1)
    kept_arrays.write(tmp_path / "4.arrays", PAIR)
    assert [file.name for file in tmp_path.iterdir()] == ["4.arrays"]


def test_what_a_killed_process_left_goes_too(tmp_path: Path) -> None:
    """Once it is an hour old: a younger one may still be written."""
    for name, age_s in (("old.tmp", 4000), ("young.tmp", 0)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    kept_arrays.write(tmp_path / "pair.arrays", PAIR)

    assert sorted(file.name for file in tmp_path.iterdir()) == ["pair.arrays", "young.tmp"]
