"""The real CIFAR-10 as `fit` takes it."""

import os
from pathlib import Path
from typing import Any

import torch

from cnnlab.data import DATASETS, DataUnavailableError
from cnnlab.data.tensors import Data, prepare_sets
from cnnlab.data_folders import DataFolders
from cnnlab.models import complete
from cnnlab.schema import TrainingConfig


def folders() -> DataFolders:
    """Where the datasets are, read without pydantic-settings, which the core can do without."""
    given = os.environ.get
    home = Path(given("CNNLAB_HOME") or Path(__file__).resolve().parents[1] / ".cnnlab")
    return DataFolders(
        Path(given("CNNLAB_DATA_DIR") or home / "data").absolute(),
        Path(given("CNNLAB_CONVERTED_DIR") or home / "converted").absolute(),
    )


def shared_data() -> dict[str, Any]:
    """With these settings another home has the datasets of this one, and converts none again."""
    here = folders()
    return {"data_dir": here.published, "converted_dir": here.converted}


def prepared(config: TrainingConfig, device: torch.device) -> Data:
    """The config's dataset, cut as it says, on the device. Ends with a sentence where it is not there."""
    dataset = DATASETS.get(config.dataset)
    try:
        arrays = dataset.load(folders())
    except DataUnavailableError as error:
        raise SystemExit(str(error)) from None
    return prepare_sets(complete(config), arrays, dataset.info, device)
