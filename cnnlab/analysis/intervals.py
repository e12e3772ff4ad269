"""This module says how far an accuracy, and a difference of two, can be trusted that was measured on so many pictures."""

from math import hypot, sqrt

from cnnlab.records import Score


def interval95(accuracy: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy measured on `n` pictures, both 0 to 1; (0, 1) where `n` is 0.

    It holds for pictures that the network was not trained on. Wilson's score interval: unlike accuracy ± 1.96 standard
    errors it stays between 0 and 1 and is not empty at either end. Source: E. B. Wilson, "Probable inference, the law
    of succession, and statistical inference", Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if n <= 0:
        return 0.0, 1.0
    z = 1.959963984540054
    centre = (accuracy + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n))
    return max(0.0, min(accuracy, centre - half)), min(1.0, max(accuracy, centre + half))


def difference95(first: Score, second: Score) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy of `first` minus that of `second`, measured on different pictures.

    Newcombe's hybrid score interval: near 0 and 1 and with few pictures it covers what it promises, where the usual
    difference ± 1.96 standard errors does not. Source: R. G. Newcombe, "Interval estimation for the difference between
    independent proportions: comparison of eleven methods", Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    (low1, high1), (low2, high2) = (interval95(score.accuracy, score.n) for score in (first, second))
    a, b = first.accuracy, second.accuracy
    return a - b - hypot(a - low1, high2 - b), a - b + hypot(high1 - a, b - low2)
