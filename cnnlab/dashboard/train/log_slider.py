"""This module finds the places of a slider over several decades, and the place of an exact value on it."""

from math import isnan, log10

from cnnlab.schema import Setting


def log_marks(setting: Setting) -> list[float]:
    """Return 1, 2, 5 in each decade of a log setting's range, with 0 first where the range begins at 0."""
    assert setting.low is not None
    assert setting.high is not None
    lowest = setting.low or setting.high / 1e6
    decades = range(round(log10(lowest)), round(log10(setting.high)) + 1)
    marks = [float(f"{digit}e{decade}") for decade in decades for digit in (1, 2, 5)]
    inside = [mark for mark in marks if lowest <= mark <= setting.high]
    return [0.0, *inside] if setting.low == 0 else inside


def place(setting: Setting, text: str) -> float:
    """Return the place on the slider of an exact value, as six digits tell it: the value itself, the nearer end of the
    range, or the default where the text is no number.
    """
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = setting.default
    assert setting.low is not None
    assert setting.high is not None
    if isnan(value):
        return setting.low
    return min(max(float(f"{value:g}"), setting.low), setting.high)
