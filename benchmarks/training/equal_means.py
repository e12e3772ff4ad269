"""Are two ways to train equally accurate? A difference that is not significant does not show it; this test can."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import ttest_ind, ttest_rel

ALPHA = 0.05


@dataclass(frozen=True)
class Equivalence:
    """Two samples of accuracies beside each other, in their own unit."""

    difference: float
    """Mean of the second less mean of the first."""
    p: float
    """Of the hypothesis that the means differ by the margin or more."""
    p_not_worse: float
    """Of the hypothesis that the second's mean is lower by the margin or more."""

    @property
    def shown(self) -> bool:
        """The means are equal within the margin, at the usual level."""
        return self.p < ALPHA

    @property
    def in_words(self) -> str:
        """What has been shown, at the usual level."""
        if self.shown:
            return "equal"
        if self.p_not_worse < ALPHA:
            return "not worse"
        return "NOT shown to be equal"


def tost(a: Sequence[float], b: Sequence[float], margin: float) -> Equivalence:
    """Two one-sided tests (Schuirmann 1987), each Welch's, whose larger p decides. Two or more values in each sample.

    Raises ValueError for fewer.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("two values on each side at least")
    difference = statistics.fmean(b) - statistics.fmean(a)
    not_below = ttest_ind([x + margin for x in b], a, equal_var=False, alternative="greater").pvalue
    not_above = ttest_ind([x - margin for x in b], a, equal_var=False, alternative="less").pvalue
    return Equivalence(difference, float(max(not_below, not_above)), float(not_below))


def paired_tost(a: Sequence[float], b: Sequence[float], margin: float) -> Equivalence:
    """The same where a[i] and b[i] belong together, as two runs of one seed do: they begin with the same weights and see the
    pictures in the same order, so most of what luck gives to one it gives to the other. Two Student's tests of b - a.

    Raises ValueError for fewer than two pairs, or for samples of different length.
    """
    if len(a) != len(b) or len(a) < 2:
        raise ValueError("two pairs at least")
    difference = statistics.fmean(b) - statistics.fmean(a)
    not_below = ttest_rel([x + margin for x in b], a, alternative="greater").pvalue
    not_above = ttest_rel([x - margin for x in b], a, alternative="less").pvalue
    return Equivalence(difference, float(max(not_below, not_above)), float(not_below))
