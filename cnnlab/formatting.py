"""This module writes numbers as people read them: percent, points, losses, counts, durations and moments."""

from datetime import datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite, isinf, isnan

from cnnlab.records import Score

NARROW = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


_RAISED = str.maketrans(f"{MINUS}0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _rounded(value: float, digits: int, times: int = 1) -> str:
    """Round half up on the decimal digits a person sees: 63.35 becomes 63.4, though its float lies a hair below."""
    if not isfinite(value):
        return "not a number"
    rounded = (Decimal(repr(float(value))) * times).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return str(rounded if rounded else abs(rounded)).replace("-", MINUS)


def tenths(share: float) -> float:
    """Return a share, 0 to 1, in percent, rounded as `percent` rounds it: for a table that sorts its numbers."""
    return float((Decimal(repr(float(share))) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP))


def percent(share: float) -> str:
    """Write a share, 0 to 1, in percent with one decimal: 0.6335 becomes "63.4 %"."""
    return f"{_rounded(share, 1, times=100)}{NARROW}%"


def points(difference: float) -> str:
    """Write a difference of two shares in percentage points: 0.023 becomes "2.3 points"."""
    return f"{_rounded(difference, 1, times=100)}\N{NO-BREAK SPACE}points"


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
    """Write a span of time with its two largest units: 80 becomes "1 min 20 s"."""
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
