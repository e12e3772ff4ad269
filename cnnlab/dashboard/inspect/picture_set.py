"""This module reads a run's sets of pictures: train sample, validation and test."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cnnlab.data import DATASETS, DatasetInfo, DataUnavailableError
from cnnlab.data.tensors import split
from cnnlab.data_folders import DataFolders
from cnnlab.schema import TrainingConfig

SetName = Literal["train sample", "validation", "test"]
HELD_OUT: frozenset[SetName] = frozenset(("validation", "test"))
"""Sets of which a network was trained on no picture: only what it gets right of these says something of others."""


@dataclass(frozen=True, eq=False)
class PictureSet:
    """A `PictureSet` is one of a run's sets (train sample, validation, test), as places in the dataset's files."""

    name: SetName
    file: Literal["train", "test"]
    """Part of the dataset that holds the pictures: the validation set is cut from the training pictures."""
    places: npt.NDArray[np.int64]
    """[N]: index of each picture in that part."""
    images: npt.NDArray[np.uint8]
    """uint8 [all of that part, height, width, channels], a read-only memory map: picture n is images[places[n]]."""
    labels: npt.NDArray[np.int64]
    """[N]: the true class of each picture."""

    def __len__(self) -> int:
        return len(self.places)


def read(config: TrainingConfig, info: DatasetInfo, folders: DataFolders, name: SetName) -> PictureSet:
    """Read the set `name` of a run with that `config`, as memory maps. Raises DataUnavailableError."""
    dataset = DATASETS.get(info.name)
    if info.download_bytes and not dataset.is_ready(folders):  # a view does not download
        raise DataUnavailableError(
            f"The pictures of {info.name} are not on this machine. Fetch them with: python -m cnnlab data {info.name}"
        )
    arrays = dataset.load(folders)
    if name == "test":
        places = np.arange(len(arrays.test_labels))
        return PictureSet("test", "test", places, arrays.test_images, np.array(arrays.test_labels))
    parts = split(config, len(arrays.train_labels))
    places = parts.validation if name == "validation" else parts.train_sample
    return PictureSet(name, "train", places, arrays.train_images, arrays.train_labels[places])
