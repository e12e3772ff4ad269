"""This module keeps what a network answers to each test picture, and tells how the answers of two networks differ."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnnlab.files import arrays
from cnnlab.records import FullScores

_HEADER_BYTES, _BYTES_A_PICTURE = 10_000, 16
"""A file of answers is not longer than this and so much for each picture: about twice what `write` takes."""


@dataclass(frozen=True, eq=False)
class Answers:
    """`Answers` are what one network says of every picture of the test set, in their order, when it is measured."""

    labels: npt.NDArray[np.int16]
    """[N]: the true class of each picture."""
    predicted: npt.NDArray[np.int16]
    """[N]: the class of the largest logit."""
    probability: npt.NDArray[np.float32]
    """[N]: the softmax of that logit, 0 to 1: how sure the network was."""
    pictures: npt.NDArray[np.uint8]
    """[32]: the SHA-256 of the pictures and their classes, which tells whether two networks saw the same ones."""

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Return which answers are the true class: [N]."""
        return np.equal(self.predicted, self.labels)


@dataclass(frozen=True)
class Split:
    """A `Split` counts the pictures that two networks answered, by who was right."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def n(self) -> int:
        """Return the number of pictures."""
        return self.both + self.only_first + self.only_second + self.neither


def split(first: Answers | None, second: Answers | None) -> Split | None:
    """Return how the answers of two networks differ; None where they are not known, or not of the same pictures."""
    if first is None or second is None or first.pictures.tobytes() != second.pictures.tobytes():
        return None
    a, b = first.right, second.right
    counts = (a & b, a & ~b, ~a & b, ~a & ~b)
    return Split(*(int(np.count_nonzero(each)) for each in counts))


def file_name(scores: FullScores) -> str:
    """Return the name of the file with the answers of the network that has these scores, in its run's folder."""
    step = "" if scores.step is None else f"-{scores.step:07d}"
    return f"answers-{scores.epoch:04d}{step}{arrays.SUFFIX}"


def write(folder: Path, scores: FullScores, answers: Answers) -> None:
    """Keep the answers of the network that has these scores. Raises OSError where the disk refuses."""
    arrays.write(folder / file_name(scores), answers)


def read(folder: Path, scores: FullScores) -> Answers | None:
    """Return the answers of the network that has these scores; None where nobody kept them, or they are damaged.

    Answers that do not come to the accuracy of the scores belong to another network, and are none.
    """
    found = arrays.read(folder / file_name(scores), Answers, _HEADER_BYTES + _BYTES_A_PICTURE * scores.test.n)
    if found is None or not _fit(found, scores.test.n) or found.right.mean() != scores.test.accuracy:
        return None
    return found


def _fit(answers: Answers, n: int) -> bool:
    """Return whether there is one answer to each of `n` pictures."""
    return all(each.shape == (n,) for each in (answers.labels, answers.predicted, answers.probability))
