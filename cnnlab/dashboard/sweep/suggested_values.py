"""Values worth trying of each setting, so that a sweep begins with a click and not with an empty box."""

from typing import Any

from cnnlab.schema import Setting

TRIED: dict[str, tuple[float | int, ...]] = {
    "dropout": (0.0, 0.25, 0.5),
    "momentum": (0.0, 0.9, 0.99),
    "label_smoothing": (0.0, 0.05, 0.1),
    "weight_decay": (0.0, 0.001, 0.01),
    "validation_size": (1_000, 5_000, 10_000),
    "train_subset": (1_000, 5_000, 20_000),
}
"""Where the form's own value says little about what to try beside it."""

MOST_CHOICES = 3


def values(setting: Setting, now: Any, offered: tuple[str, ...] = ()) -> list[Any]:
    """A few different values, in order, all within the setting's range. `now`: what stands in the form."""
    if setting.kind is bool:
        return [False, True]
    if setting.kind is str:
        return _choices(setting, now, list(setting.choices or offered))
    if setting.name in TRIED:
        return list(TRIED[setting.name])
    now = setting.default if now is None else now
    if setting.name == "seed":
        around = [now, now + 1, now + 2]
    elif setting.log:
        around = [float(f"{now * factor:.3g}") for factor in (0.1, 1, 10)]
    else:
        around = [now // 2, now, now * 2] if setting.kind is int else [now]
    return sorted({_within(setting, value) for value in around})


def ends(setting: Setting, now: Any) -> tuple[Any, Any]:
    """A range to draw from, within the setting's own."""
    tried = [value for value in values(setting, now) if value is not None]
    low, high = min(tried), max(tried)
    if setting.log and low <= 0:
        low = high / 1_000
    return (low, high) if low < high else (setting.low, setting.high)


def _choices(setting: Setting, now: str | None, offered: list[str]) -> list[Any]:
    """What stands in the form first; alone where every other would change more than one means to compare."""
    known = [now, *(choice for choice in offered if choice != now)] if now in offered else offered
    alone = setting.group == "machine" or setting.name == "dataset"
    chosen = known[:1] if alone else known[:MOST_CHOICES]
    return sorted(chosen, key=offered.index)


def _within(setting: Setting, value: Any) -> Any:
    low = value if setting.low is None else max(value, setting.low)
    inside = low if setting.high is None else min(low, setting.high)
    return setting.kind(inside)
