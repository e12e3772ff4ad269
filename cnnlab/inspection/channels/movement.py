"""This module measures when each kernel of a layer moved: how far from one kept epoch to the next."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Movement:
    """A `Movement` holds how far the kernels of a layer had moved at each epoch that is kept, as shares of their length."""

    epochs: npt.NDArray[np.int64]
    """[kept]: in ascending order."""
    since_first: npt.NDArray[np.float64]
    """[kept, kernels]: |w - w_first| / |w_first|, L2 over all weights of the kernel; 0 at the first."""
    since_last: npt.NDArray[np.float64]
    """[kept, kernels]: |w - w_before| / |w_first|, where w_before is the kernel at the kept epoch before; 0 at the first."""


def compute(kept: Iterable[tuple[int, Floats]]) -> Movement:
    """Compute the movement of kernels, given as (epoch, kernels [out, ...]) in the order of their epochs, one at a time.

    A kernel that began at zero has moved infinitely far as soon as it is not zero any more, as in
    `cnnlab.inspection.kernels.moved`.
    """
    epochs: list[int] = []
    since_first: list[npt.NDArray[np.float64]] = []
    since_last: list[npt.NDArray[np.float64]] = []
    first = before = np.zeros((0, 0))
    for epoch, kernels in kept:
        now = kernels.reshape(len(kernels), -1).astype(np.float64)
        if not epochs:
            first = before = now
        length = np.linalg.norm(first, axis=1)
        since_first.append(_share(np.linalg.norm(now - first, axis=1), length))
        since_last.append(_share(np.linalg.norm(now - before, axis=1), length))
        epochs.append(epoch)
        before = now
    return Movement(np.array(epochs, dtype=np.int64), np.stack(since_first), np.stack(since_last))


def moved_most(movement: Movement, kernel: int) -> tuple[int, int, float] | None:
    """Return between which two kept epochs a kernel moved fastest, and how far an epoch then; None where it never moved.

    Kept epochs can lie apart, so the distance counts by epoch. Of equal ones the first counts.
    """
    if len(movement.epochs) < 2:
        return None
    a_epoch = movement.since_last[1:, kernel] / np.diff(movement.epochs)
    fastest = int(a_epoch.argmax())
    if not a_epoch[fastest] > 0:
        return None
    return int(movement.epochs[fastest]), int(movement.epochs[fastest + 1]), float(a_epoch[fastest])


def _share(distance: npt.NDArray[np.float64], length: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    nowhere = np.where(distance > 0, np.inf, 0.0)
    return np.divide(distance, length, out=nowhere, where=length > 0)
