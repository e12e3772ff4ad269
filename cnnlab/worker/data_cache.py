"""This module keeps the sets of pictures that a warm worker has cut before there is a run.

Most first runs have the settings with which the form opens.
"""

from collections.abc import Callable

import torch

from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS
from cnnlab.data.tensors import Data, prepare_sets
from cnnlab.schema import TrainingConfig, narrowed

Progress = Callable[[int, int], None]

_Key = tuple[torch.device, TrainingConfig]

_kept: dict[_Key, Data] = {}


def keep(config: TrainingConfig, app_config: AppConfig, device: torch.device) -> Data:
    """Cut the training, validation and test sets now, so that `take` has them for a run with such settings."""
    _kept.clear()
    data = _kept[_key(config, device)] = _cut(config, app_config, device, None)
    return data


def take(config: TrainingConfig, app_config: AppConfig, device: torch.device, progress: Progress | None) -> Data:
    """Return the sets kept for `config`, or cut them now; only one run's sets stay in memory.

    Raises DataUnavailableError.
    """
    kept = _kept.pop(_key(config, device), None)
    _kept.clear()
    return kept or _cut(config, app_config, device, progress)


def _cut(config: TrainingConfig, app_config: AppConfig, device: torch.device, progress: Progress | None) -> Data:
    dataset = DATASETS.get(config.dataset)
    dataset.prepare(app_config.data, progress)
    return prepare_sets(config, dataset.load(app_config.data), dataset.info, device)


def _key(config: TrainingConfig, device: torch.device) -> _Key:
    return device, narrowed(config, "data", "contents")


class Sets:
    """A `Sets` holds the sets of runs that train side by side, cut once for all runs that share them."""

    def __init__(self, app_config: AppConfig, device: torch.device) -> None:
        self._app_config, self._device = app_config, device
        self._cut: dict[_Key, Data] = {}

    def of(self, config: TrainingConfig) -> Data:
        """Return the sets of `config`, the same object for every run with the same sets.

        Raises DataUnavailableError.
        """
        key = _key(config, self._device)
        if key not in self._cut:
            self._cut[key] = take(config, self._app_config, self._device, None)
        return self._cut[key]
