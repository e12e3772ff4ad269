"""When a kernel moved most is told by its way between kept epochs, an epoch at a time."""

import numpy as np
import pytest

from cnnlab.inspection.channels.movement import compute, moved_most
from cnnlab.inspection.kernels import moved


def test_by_hand() -> None:
    """Two kernels of two weights over the epochs 0, 1 and 3: the second kernel's large step took two epochs."""
    kept = [
        (0, [[3, 4], [0, 2]]),
        (1, [[3, 4], [0, 3]]),
        (3, [[0, 0], [0, 4.5]]),
    ]
    found = compute((epoch, np.array(kernels, np.float32)) for epoch, kernels in kept)
    np.testing.assert_array_equal(found.epochs, [0, 1, 3])
    np.testing.assert_allclose(found.since_last, [[0, 0], [0, 0.5], [1, 0.75]])
    np.testing.assert_allclose(found.since_first, [[0, 0], [0, 0.5], [1, 1.25]])
    assert moved_most(found, 0) == (1, 3, 0.5)
    assert moved_most(found, 1) == (0, 1, 0.5)


def test_since_the_first_as_on_the_kernels_page() -> None:
    """The very number of `kernels.moved`."""
    random = np.random.default_rng(2)
    kernels = [random.normal(size=(5, 3, 4, 4)).astype(np.float32) for _ in range(4)]
    found = compute(enumerate(kernels))
    for epoch, now in enumerate(kernels):
        np.testing.assert_allclose(found.since_first[epoch], moved(now, kernels[0]))


@pytest.mark.parametrize("epochs", [1, 3])
def test_one_that_never_moved(epochs: int) -> None:
    """Nobody is told an epoch."""
    found = compute((epoch, np.ones((2, 3), np.float32)) for epoch in range(epochs))
    assert moved_most(found, 1) is None
