"""This module computes the signed distances of ten simple shapes, which the dataset `shapes` is drawn with.

Each takes coordinates x, y (any equal shape; x to the right, y downwards, the shape about one unit large round the
origin) and gives the distance to the outline, negative inside. Distances rather than masks make smooth edges
a matter of one subtraction. The technique: Inigo Quilez, "2D distance functions".
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating]
"""Numbers over a plane: float32 [..., H, W]."""
Distance = Callable[[Field, Field], Field]


def both(a: Field, b: Field) -> Field:
    """Return the distance to the part that two shapes share."""
    shared: Field = np.maximum(a, b)
    return shared


def either(a: Field, b: Field) -> Field:
    """Return the distance to two shapes together."""
    together: Field = np.minimum(a, b)
    return together


def radius(x: Field, y: Field) -> Field:
    """Return the distance to the origin, by a square root: unlike np.hypot it has the same digits on every machine."""
    length: Field = np.sqrt(x * x + y * y)
    return length


def circle(x: Field, y: Field) -> Field:
    return radius(x, y) - 0.92


def square(x: Field, y: Field, half_side: float = 0.8) -> Field:
    return both(abs(x), abs(y)) - half_side


def triangle(x: Field, y: Field) -> Field:
    return _polygon(x, y, 3, 0.55)


def star(x: Field, y: Field) -> Field:
    """Return the distance to a star: a pentagon where a point may lie beyond one of the five sides, which gives the
    tips.
    """
    return _polygon(x, y, 5, 0.42, beyond=1)


def cross(x: Field, y: Field) -> Field:
    return both(square(x, y, 0.95), either(abs(x), abs(y)) - 0.3)


def ring(x: Field, y: Field) -> Field:
    return abs(radius(x, y) - 0.72) - 0.22


def crescent(x: Field, y: Field) -> Field:
    return both(radius(x, y) - 0.95, 0.78 - radius(x - 0.5, y))


def heart(x: Field, y: Field) -> Field:
    """Return the distance to a heart: a square on its corner, with half a disc on each of its two upper sides."""
    y = y + 0.15
    half, diagonal = 0.52, 0.70711
    a, b = (x + y) * diagonal, (y - x) * diagonal
    return either(square(a, b, half), either(radius(a + half, b), radius(a, b + half)) - half)


def stripes(x: Field, y: Field) -> Field:
    return both(square(x, y), _bars(y + 0.16, 0.64))


def checkerboard(x: Field, y: Field) -> Field:
    a, b = _bars(x, 0.8), _bars(y, 0.8)
    one_of_them = both(either(a, b), -both(a, b))
    return both(square(x, y), one_of_them)


SHAPES: dict[str, Distance] = {
    "circle": circle,
    "square": square,
    "triangle": triangle,
    "star": star,
    "cross": cross,
    "ring": ring,
    "crescent": crescent,
    "heart": heart,
    "stripes": stripes,
    "checkerboard": checkerboard,
}


def _polygon(x: Field, y: Field, sides: int, inner_radius: float, beyond: int = 0) -> Field:
    """Return the distance to a regular polygon that stands on one of its sides; a point may lie beyond so many of them."""
    angles = [2 * math.pi * i / sides for i in range(sides)]
    outside = [x * _steady(math.sin(a)) + y * _steady(math.cos(a)) - inner_radius for a in angles]
    distance: Field = np.sort(outside, axis=0)[-1 - beyond]
    return distance


def _bars(x: Field, period: float) -> Field:
    """Return the distance to bars half a period wide, one of them just right of the origin."""
    position = x / period - 0.25
    return (abs(position - position.round()) - 0.25) * period


def _steady(value: float) -> float:
    """Round sines to six digits: their last digit differs from one machine to the next."""
    return round(value, 6)
