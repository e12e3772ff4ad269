"""This module turns the map of one epoch so that it lies as that of another epoch does.

A component's sign, and all directions of t-SNE, mean nothing: without it a map would jump from epoch to epoch.
"""

from itertools import product

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
Turn = npt.NDArray[np.float64]
AS_IT_IS: Turn = np.eye(2)
QUARTERS: tuple[Turn, ...] = tuple(
    np.diag(signs) @ order for order in (np.eye(2), np.eye(2)[::-1]) for signs in product((1.0, -1.0), repeat=2)
)
"""The eight ways to put two axes upon two others: swapped or not, each mirrored or not."""


def quarter_turn(points: Points, other: Points) -> Turn:
    """Return the one of QUARTERS that brings `points` [N, 2] nearest to `other` [N, 2] of the same pictures.

    For PCA: the axes stay those of the components.
    """
    both = _products(points, other)
    return max(QUARTERS, key=lambda turn: float((turn @ both).trace()))


def any_turn(points: Points, other: Points) -> Turn:
    """Return the turn, perhaps with a mirroring, that brings `points` [N, 2] nearest to `other` [N, 2].

    Schönemann, A generalized solution of the orthogonal Procrustes problem (1966).
    """
    left, _, right = np.linalg.svd(_products(points, other))
    turn: Turn = (left @ right).T
    return turn


def turned(points: Points, turn: Turn) -> Points:
    """Return `points` [N, 2] after the turn."""
    return (points @ turn.T).astype(np.float32)


def _products(points: Points, other: Points) -> npt.NDArray[np.float64]:
    """Return the sums of products of the coordinates about their means, [2, 2]: a row one of `points`."""
    one, two = (part.astype(np.float64) - part.mean(axis=0, dtype=np.float64) for part in (points, other))
    products: npt.NDArray[np.float64] = one.T @ two
    return products
