"""This module writes numbers as people read them: percent, points, losses, counts, durations and moments.

Every accuracy on every screen is rounded here, so that one number is never two (a test looks for other roundings).
"""

from datetime import datetime, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from math import isfinite, isinf, isnan

from cnnlab.records import FullScores, Score

NARROW = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


_RAISED = str.maketrans(f"{MINUS}0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


_EXACT = Context(prec=400)
"""Enough digits for every float, of which the longest has 309 before its point."""
_NOISE = 12
"""Decimals that are more than any number of pictures gives; what lies behind them is left of computing in binary."""


def _round(value: float, digits: int, times: int = 1) -> Decimal:
    """Round half up on the decimal digits a person sees: 63.35 becomes 63.4, and the difference of 0.4125 and 0.365 is 4.8
    points, though their floats lie a hair below. What rounds to zero has no sign.
    """
    seen = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-_NOISE), ROUND_HALF_UP, _EXACT)
    rounded = (seen * times).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _EXACT)
    return rounded if rounded else abs(rounded)


def _rounded(value: float, digits: int, times: int = 1) -> str:
    return str(_round(value, digits, times)).replace("-", MINUS) if isfinite(value) else "not a number"


@lru_cache(maxsize=65536)
def tenths(share: float) -> float:
    """Return a share, 0 to 1, in percent, rounded as `percent` rounds it: for a table that sorts its numbers."""
    return float(_round(share, 1, times=100)) if isfinite(share) else share


def percent(share: float) -> str:
    """Write a share, 0 to 1, in percent with one decimal: 0.6335 becomes "63.4 %"."""
    return f"{_rounded(share, 1, times=100)}{NARROW}%"


def percent_range(low: float, high: float) -> str:
    """Write two shares in percent with an unbreakable dash between them: "61.2 – 63.4 %"."""
    return f"{_rounded(low, 1, times=100)}\N{NO-BREAK SPACE}–\N{NO-BREAK SPACE}{percent(high)}"


def points(difference: float) -> str:
    """Write a difference of two shares in percentage points: 0.023 becomes "2.3 points"."""
    return f"{_rounded(difference, 1, times=100)}\N{NO-BREAK SPACE}points"


def points_range(low: float, high: float) -> str:
    """Write an interval of a difference of two shares: "1.2 to 3.4 points"."""
    return f"{_rounded(low, 1, times=100)} to {points(high)}"


def decimals(value: float, digits: int) -> str:
    """Write a number with so many decimals: -0.12346 with four becomes "−0.1235", and -0.00001 becomes "0.0000"."""
    return _rounded(value, digits)


def loss2(loss: float) -> str:
    """Write a mean loss with two decimals, for a sentence; from 1,000 on as `loss4` does, with a power of ten."""
    return loss4(loss) if abs(loss) >= 1000 else _rounded(loss, 2)


def loss4(loss: float) -> str:
    """Write a loss with four decimals, or with a power of ten where that says more: 7e14 becomes "7.000·10¹⁴"."""
    if isinf(loss):
        return "infinite" if loss > 0 else f"{MINUS}infinite"
    if isnan(loss) or loss == 0 or 0.001 <= abs(loss) < 1000:
        return _rounded(loss, 4)
    mantissa, power = f"{Decimal(repr(float(loss))):.3e}".replace("-", MINUS).split("e")
    return f"{mantissa}·10{power.removeprefix('+').translate(_RAISED)}"


def count(number: int) -> str:
    """Write a whole number with thin separators: 62006 becomes "62 006"."""
    return f"{number:,}".replace(",", NARROW).replace("-", MINUS)


def duration(seconds: float) -> str:
    """Write a span of time with its two largest units: 80 becomes "1 min 20 s", and 0.03 "30 ms"."""
    if 0 < seconds < 0.095:
        return f"{_rounded(1000 * seconds, 0)}{NARROW}ms"
    if seconds < 9.95:
        return f"{_rounded(seconds, 1)}{NARROW}s"
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if days:
        return f"{days}{NARROW}d {hours % 24}{NARROW}h"
    if hours:
        return f"{hours}{NARROW}h {minutes % 60}{NARROW}min"
    if minutes:
        return f"{minutes}{NARROW}min {whole % 60}{NARROW}s"
    return f"{whole}{NARROW}s"


def moment(when: datetime, zone: tzinfo | None = None) -> str:
    """Write a moment in a time zone, this machine's without one, with the zone's name: "5 Nov 2026, 14:05 CET"."""
    there = when.astimezone(zone)
    return f"{there.day} {there:%b %Y, %H:%M %Z}"


def augmented_test(score: Score) -> str:
    """Return the name under which an accuracy with test-time augmentation is shown: "test, 6 views"."""
    return f"test, {score.views} views"


def when_measured(scores: FullScores) -> str:
    """Write when a network was measured: "after epoch 3", or "at step 312, in epoch 4" where an epoch was left in its
    midst.
    """
    if scores.step is None:
        return f"after epoch {scores.epoch}"
    return f"at step {count(scores.step)}, in epoch {scores.epoch + 1}"
