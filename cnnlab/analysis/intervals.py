"""This module says how far an accuracy, and a difference of two, can be trusted that was measured on so many pictures."""

from math import hypot, sqrt
from statistics import NormalDist

from cnnlab.analysis.significance.answers import Split
from cnnlab.records import Score

Z95 = 1.959963984540054
"""Standard deviations to either side of the mean that hold 95 % of a normal distribution."""


def interval95(accuracy: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy measured on `n` pictures, both 0 to 1; (0, 1) where `n` is 0.

    It holds for pictures that the network was not trained on. Wilson's score interval: unlike accuracy ± 1.96 standard
    errors it stays between 0 and 1 and is not empty at either end. Source: E. B. Wilson, "Probable inference, the law
    of succession, and statistical inference", Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if n <= 0:
        return 0.0, 1.0
    z = Z95
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


def deviations95(together: int) -> float:
    """Return how many standard deviations wide, to either side, each of so many intervals is that hold all at once.

    With probability 95 % at least, none of them misses what it is about (Bonferroni's inequality); 1.96 for one.
    """
    return NormalDist().inv_cdf(1 - 0.025 / max(1, together))


def paired95(split: Split, together: int = 1) -> tuple[float, float]:
    """Return the 95 % interval of the first network's accuracy minus the second's, both measured on the same pictures.

    `together`: the number of such intervals that hold all at once, for whoever looks at many (`deviations95`).

    Only the pictures count that one of them alone got right. Tango's score interval, which is McNemar's test turned
    around: 0 lies outside exactly where that test (without correction) finds a difference at 5 %. Sources: T. Tango,
    "Equivalence test and confidence interval for the difference in proportions for the paired-sample design", Statistics
    in Medicine 17 (1998), 891-908; Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12 (1947), 153-157. No pictures give (-1, 1).
    """
    if not split.n:
        return -1.0, 1.0
    found, z = (split.only_first - split.only_second) / split.n, deviations95(together)
    return _limit(split, z, found, -1.0), _limit(split, z, found, 1.0)


def _limit(split: Split, z: float, inside: float, outside: float) -> float:
    """Return where the interval ends between the difference `inside`, which it holds, and `outside`, by halving."""
    for _ in range(60):
        middle = (inside + outside) / 2
        if abs(_deviations(split, middle)) <= z:
            inside = middle
        else:
            outside = middle
    return inside


def _deviations(split: Split, difference: float) -> float:
    """Return how many standard deviations what was found lies from a true `difference` (Tango 1998, equation 11)."""
    n, first, second = split.n, split.only_first, split.only_second
    b = (2 * n - first + second) * difference - first - second
    c = -second * difference * (1 - difference)
    only_second = (sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)  # the likeliest share, were `difference` true
    variance = n * (2 * only_second + difference * (1 - difference))
    off = first - second - n * difference
    if variance <= 0:
        return 0.0 if not off else float("inf")
    return off / sqrt(variance)
