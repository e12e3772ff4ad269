"""This module writes the title of a folded group of settings: what is in it can be read without opening it."""

from collections.abc import Mapping
from typing import Any

from cnnlab.dashboard.widgets import run_labels
from cnnlab.data import DATASETS
from cnnlab.formatting import count
from cnnlab.schema import GROUPS, SETTINGS, Setting

FIRST = {"network": "batch_norm", "optimizer": "optimizer", "machine": "device"}
"""Setting of each group that its title always tells."""


def title(group: str, values: Mapping[str, Any]) -> str:
    """Return the group's name, then its main choice and whatever differs from the default."""
    said = _pictures(values) if group == "data" else [_words(SETTINGS[FIRST[group]], values)] if group in FIRST else []
    told = {"dataset", "validation_size", "train_subset", *FIRST.values()}
    changed = [
        _words(setting, values)
        for setting in SETTINGS.values()
        if setting.group == group and setting.name not in told and values.get(setting.name) != _default(setting)
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


def _default(setting: Setting) -> Any:
    """Return what stands in the widget while nobody has touched it."""
    return f"{setting.default:g}" if setting.log else setting.default


def _words(setting: Setting, values: Mapping[str, Any]) -> str:
    value = values.get(setting.name)
    if setting.follows_architecture and value is None:
        return f"{setting.label.lower()} as the architecture has it"
    words = str(value) if setting.log else run_labels.setting_value(setting, value)
    return words if setting.choices else f"{setting.label.lower()} {words}"
