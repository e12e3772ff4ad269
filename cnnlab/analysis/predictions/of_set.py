"""This module defines `Predictions`, what one network says of every picture of a set, as numbers without torch."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

PRECISIONS = ("float32", "bfloat16")
DEVICES = ("cpu", "cuda", "mps")
_BESIDE, _RUN = range(2)


@dataclass(frozen=True, eq=False)
class Predictions:
    """`Predictions` are a network's logits for each picture of a set, in eval mode and without augmentation."""

    labels: npt.NDArray[np.int16]
    """[N]: the true class of each picture, in the order of the set."""
    logits: npt.NDArray[np.float32]
    """[N, classes]: the numbers that the network gives each class, before the softmax."""
    how: npt.NDArray[np.uint8]
    """[3]: who measured (0: a process beside the page, 1: the run itself), place in PRECISIONS, place in DEVICES."""

    @classmethod
    def of(
        cls,
        labels: npt.NDArray[np.integer],
        logits: npt.NDArray[np.float32],
        precision: str = "float32",
        device: str = "cpu",
        *,
        by_run: bool = False,
    ) -> Self:
        """Make predictions of logits [N, classes]; `precision` and `device` name what computed them, as torch does."""
        how = [_RUN if by_run else _BESIDE, PRECISIONS.index(precision), DEVICES.index(device)]
        return cls(labels.astype(np.int16), logits, np.array(how, dtype=np.uint8))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sound(self) -> bool:
        """Return whether the arrays fit together and hold numbers: what was read from a file may be anything."""
        shapes = self.labels.ndim == 1 and self.logits.ndim == 2 and len(self.labels) == len(self.logits) > 0
        if not shapes or self.how.shape != (3,) or not np.isfinite(self.logits).all():
            return False
        known = np.array([_RUN + 1, len(PRECISIONS), len(DEVICES)])
        classes = self.logits.shape[1]
        return bool((self.how < known).all() and (self.labels >= 0).all() and (self.labels < classes).all())

    @cached_property
    def predicted(self) -> npt.NDArray[np.int64]:
        """Return the class of the largest logit of each picture, the first of equals: int64 [N]."""
        return self.logits.argmax(axis=1)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """Return which answers are the true class: [N]."""
        return np.equal(self.predicted, self.labels)

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """Return the softmax of the logits, float32 [N, classes]: the share of its belief that each class gets."""
        powers = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        shares: npt.NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
        return shares

    @cached_property
    def probability(self) -> npt.NDArray[np.float32]:
        """Return the softmax of the class that the network says: float32 [N], 0 to 1, how sure it is."""
        return self.probabilities[np.arange(len(self)), self.predicted]

    @property
    def accuracy(self) -> float:
        """Return the share of right answers, 0 to 1."""
        return int(self.right.sum()) / len(self)

    @property
    def by_run(self) -> bool:
        """Return True where the run itself measured these, False where a process did beside the page."""
        return int(self.how[0]) == _RUN

    @property
    def precision(self) -> str:
        """Return the number format in which the network multiplied: "float32" or "bfloat16"."""
        return PRECISIONS[int(self.how[1])]

    @property
    def device(self) -> str:
        """Return the kind of device that computed these, as torch names it: "cpu", "cuda" or "mps"."""
        return DEVICES[int(self.how[2])]
