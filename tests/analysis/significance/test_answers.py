"""What two networks answer to the same pictures: kept, found again, and never taken for another's."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnlab.analysis.significance import answers
from cnnlab.analysis.significance.answers import Answers, Split, split
from tests.factories import answers_of, full_scores, score

FIRST = answers_of("1110000000")
SECOND = answers_of("1001110000")
SCORES = full_scores(test=score(0.3, n=10), epoch=3)


def test_each_picture_is_counted_once() -> None:
    """Right by both, by one alone, by neither."""
    assert split(FIRST, SECOND) == Split(both=1, only_first=2, only_second=3, neither=4)
    assert split(SECOND, FIRST) == Split(both=1, only_first=3, only_second=2, neither=4)
    assert split(FIRST, SECOND).n == 10


def test_answers_to_other_pictures_are_not_compared() -> None:
    """Nor those that nobody kept."""
    elsewhere = replace(SECOND, pictures=SECOND.pictures + 1)
    assert split(FIRST, elsewhere) is None
    assert split(FIRST, None) is None
    assert split(None, FIRST) is None


@pytest.mark.parametrize("step", [None, 450])
def test_there_and_back(tmp_path: Path, step: int | None) -> None:
    """By epoch and step; those of another moment are another file."""
    scores = SCORES.model_copy(update={"step": step})
    answers.write(tmp_path, scores, FIRST)
    back = answers.read(tmp_path, scores)

    assert back is not None
    for name in ("labels", "predicted", "probability", "pictures"):
        np.testing.assert_array_equal(getattr(back, name), getattr(FIRST, name))
    assert answers.read(tmp_path, scores.model_copy(update={"step": 451})) is None
    assert answers.read(tmp_path, scores.model_copy(update={"epoch": 4})) is None


def test_a_damaged_file_is_none(tmp_path: Path) -> None:
    """One bit is enough."""
    answers.write(tmp_path, SCORES, FIRST)
    path = tmp_path / answers.file_name(SCORES)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert answers.read(tmp_path, SCORES) is None


@pytest.mark.parametrize("other", [score(0.4, n=10), score(0.3, n=20)])
def test_answers_that_do_not_come_to_the_accuracy_are_not_of_this_network(tmp_path: Path, other: object) -> None:
    """A file of another network, or of other pictures, is not taken for this one's."""
    answers.write(tmp_path, SCORES, FIRST)
    assert isinstance(answers.read(tmp_path, SCORES), Answers)
    assert answers.read(tmp_path, SCORES.model_copy(update={"test": other})) is None


@pytest.mark.parametrize("name", ["labels", "predicted", "probability"])
@pytest.mark.parametrize("shape", [(), (9,), (10, 1)])
def test_a_sound_file_of_another_shape_is_none(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    """Such as a later cnnlab may write: no page ends in an error over it."""
    answers.write(tmp_path, SCORES, replace(FIRST, **{name: np.ones(shape, getattr(FIRST, name).dtype)}))  # type: ignore[arg-type]
    assert answers.read(tmp_path, SCORES) is None


def test_what_is_far_too_long_or_never_ends_is_not_read(tmp_path: Path) -> None:
    """A file that a failing disk calls very long would fill the memory, and a pipe would hold the page for ever."""
    path = tmp_path / answers.file_name(SCORES)
    with path.open("wb") as file:
        file.truncate(1 << 36)
    assert answers.read(tmp_path, SCORES) is None

    path.unlink()
    os.mkfifo(path)
    assert answers.read(tmp_path, SCORES) is None
