"""This module says how far an accuracy that was measured on `n` pictures can be trusted."""

from math import sqrt


def interval95(accuracy: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy measured on `n` pictures, both 0 to 1; (0, 1) where `n` is 0.

    Wilson's score interval: unlike accuracy ± 1.96 standard errors it stays between 0 and 1 and is not empty at
    either end. Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if n <= 0:
        return 0.0, 1.0
    z = 1.959963984540054
    centre = (accuracy + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n))
    return max(0.0, min(accuracy, centre - half)), min(1.0, max(accuracy, centre + half))
