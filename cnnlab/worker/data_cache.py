"""The sets that a warm worker has cut before there is a run; most first runs are like the form as it opens."""

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
    """Cut the sets now, for the `take` of a run with such settings."""
    _kept.clear()
    data = _kept[_key(config, device)] = _cut(config, app_config, device, None)
    return data


def take(config: TrainingConfig, app_config: AppConfig, device: torch.device, progress: Progress | None) -> Data:
    """Those that were kept, or fresh ones; only one run's sets are in memory. Raises DataUnavailableError."""
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
    """Those of runs that train side by side: cut once for all runs that share them."""

    def __init__(self, app_config: AppConfig, device: torch.device) -> None:
        self._app_config, self._device = app_config, device
        self._cut: dict[_Key, Data] = {}

    def of(self, config: TrainingConfig) -> Data:
        """The same object for the same sets. Raises DataUnavailableError."""
        key = _key(config, self._device)
        if key not in self._cut:
            self._cut[key] = take(config, self._app_config, self._device, None)
        return self._cut[key]
