"""This module writes the title of a folded group of settings: what is in it can be read without opening it."""

from collections.abc import Mapping
from typing import Any

from cnnlab.dashboard.widgets import run_labels
from cnnlab.data import DATASETS
from cnnlab.formatting import count
from cnnlab.schema import GROUPS, SETTINGS, Setting

ALWAYS = ("optimizer", "device")
"""Settings that the title of their group always tells."""


def title(group: str, values: Mapping[str, Any]) -> str:
    """Return the group's name, then its main choice and whatever differs from the default."""
    said = _pictures(values) if group == "data" else []
    told = {"dataset", "validation_size", "train_subset"} if group == "data" else set()
    shown = {setting: _as_shown(setting, values[setting.name]) for setting in SETTINGS.values()}
    changed = [
        _words(setting, value)
        for setting, value in shown.items()
        if setting.group == group
        and setting.name not in told
        and (setting.name in ALWAYS or value != _as_shown(setting, setting.default))
    ]
    return " · ".join([GROUPS[group], *said, *changed])


def _pictures(values: Mapping[str, Any]) -> list[str]:
    """Return the dataset, and how many of its pictures train and how many validate, as far as these are sound."""
    name, subset, validation = (values.get(key) for key in ("dataset", "train_subset", "validation_size"))
    if name not in DATASETS.names() or not isinstance(validation, int):
        return [str(name)]
    train = subset if isinstance(subset, int) else DATASETS.get(name).info.num_train - validation
    said = [name, f"{count(train)} pictures to train"] if train > 0 else [name]
    return [*said, f"{count(validation)} to validate" if validation > 0 else "no validation"]


def _as_shown(setting: Setting, value: Any) -> Any:
    """Return the value as its widget holds it: that of a slider over decades as text."""
    return f"{value:g}" if setting.log and isinstance(value, (int, float)) else value


def _words(setting: Setting, value: Any) -> str:
    words = str(value) if setting.log else run_labels.setting_value(setting, value)
    return words if setting.choices else f"{setting.label.lower()} {words}"
