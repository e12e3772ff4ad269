"""This module suggests values of a setting that are worth trying, so that a sweep can begin with one click."""

from typing import Any

from cnnlab.schema import Setting

MOST_CHOICES = 3


def values(setting: Setting, now: Any, offered: tuple[str, ...] = ()) -> list[Any]:
    """Return a few different values of a setting, in order, within its range. `now`: the value in the form."""
    if setting.kind is bool:
        return [False, True]
    if setting.kind is str:
        return _choices(setting, now, list(setting.choices or offered))
    now = next(value for value in (now, setting.default, setting.low) if value is not None)
    if not isinstance(setting.tries, str):
        around = list(setting.tries)
    elif setting.tries == "itself":
        around = [now]
    elif setting.tries == "next":
        around = [now, now + 1, now + 2]
    else:
        around = _around(setting, now)
    return sorted({_within(setting, value) for value in around})


def _around(setting: Setting, now: Any) -> list[Any]:
    """Return `now` and a value on either side: a tenth and ten times on a log scale, half and double for a count."""
    if setting.log:
        return [float(f"{now * factor:.3g}") for factor in (0.1, 1, 10)]
    if setting.kind is int:
        return [now // 2, now, now * 2 or 1]
    return [float(f"{(now + end) / 2:.3g}") for end in (setting.low, now, setting.high)]


def ends(setting: Setting, now: Any) -> tuple[Any, Any]:
    """Return the two ends of a range to draw from, within the setting's own range."""
    tried = [value for value in values(setting, now) if value is not None]
    low, high = min(tried), max(tried)
    if setting.log and low <= 0:
        low = high / 1_000
    return (low, high) if low < high else (setting.low, setting.high)


def _choices(setting: Setting, now: str | None, offered: list[str]) -> list[Any]:
    """Return a few of the offered choices, with the form's own among them.

    Only the form's own where another would change more than one means to compare.
    """
    known = [now, *(choice for choice in offered if choice != now)] if now in offered else offered
    chosen = known[: 1 if setting.tries == "itself" else MOST_CHOICES]
    return sorted(chosen, key=offered.index)


def _within(setting: Setting, value: Any) -> Any:
    low = value if setting.low is None else max(value, setting.low)
    inside = low if setting.high is None else min(low, setting.high)
    return setting.kind(inside)
