"""The real CIFAR-10 as `fit` takes it."""

import os
from pathlib import Path

import torch

from cnnlab.data import DATASETS, DataUnavailableError
from cnnlab.data.tensors import Data, prepare_sets
from cnnlab.models import complete
from cnnlab.schema import TrainingConfig


def data_dir() -> Path:
    """CNNLAB_DATA_DIR, read without pydantic-settings, which the core can do without."""
    return Path(os.environ.get("CNNLAB_DATA_DIR") or Path(__file__).resolve().parents[1] / ".cnnlab" / "data")


def prepared(config: TrainingConfig, device: torch.device) -> Data:
    """The config's dataset, cut as it says, on the device. Ends with a sentence where it is not there."""
    dataset = DATASETS.get(config.dataset)
    try:
        arrays = dataset.load(data_dir())
    except DataUnavailableError as error:
        raise SystemExit(str(error)) from None
    return prepare_sets(complete(config), arrays, dataset.info, device)
