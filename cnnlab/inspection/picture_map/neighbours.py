"""This module finds the pictures whose features are most alike: those at the smallest Euclidean distance."""

import numpy as np
import numpy.typing as npt
import torch

COUNT = 12
"""Number of neighbours that are found of each picture."""
_ROWS = 500
"""Number of pictures whose distances to all others are held at a time."""


def nearest(features: npt.NDArray[np.float32], count: int = COUNT) -> npt.NDArray[np.int32]:
    """Return of each of N pictures the `count` nearest others, the nearest first: int32 [N, min(count, N - 1)].

    `features`: [N, D]. A picture is not its own neighbour.
    """
    points = torch.from_numpy(
        features.astype(np.float64)
    )  # cdist subtracts squares of lengths: float32 would lose digits
    few = min(count, len(points) - 1)
    found = []
    for start in range(0, len(points), _ROWS):
        some = points[start : start + _ROWS]
        distances = torch.cdist(some, points)
        distances[torch.arange(len(some)), torch.arange(start, start + len(some))] = torch.inf
        found.append(distances.topk(few, largest=False, sorted=True).indices.to(torch.int32))
    return torch.cat(found).numpy()


def nearest_to(
    one: npt.NDArray[np.float32], features: npt.NDArray[np.float32], count: int = COUNT
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the `count` of N pictures that are nearest to a picture with the features `one` [D], and their distances.

    `features`: [N, D]. The nearest first.
    """
    distances = np.linalg.norm(features.astype(np.float64) - one, axis=1)
    order = np.argsort(distances, kind="stable")[:count]
    return order, distances[order]
