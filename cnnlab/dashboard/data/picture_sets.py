"""This module reads a run's sets of pictures (train, train sample, validation, test), as places in the dataset's files."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cnnlab.data import DATASETS, Arrays, DatasetInfo, DataUnavailableError
from cnnlab.data.tensors import split
from cnnlab.data_folders import DataFolders
from cnnlab.schema import TrainingConfig

SetName = Literal["train", "train sample", "validation", "test"]
HELD_OUT: frozenset[SetName] = frozenset(("validation", "test"))
"""Sets of which a network was trained on no picture: only what it gets right of these says something of others."""


@dataclass(frozen=True, eq=False)
class PictureSet:
    """A `PictureSet` is one of a run's sets of pictures, as places in the dataset's files."""

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


def arrays_here(info: DatasetInfo, folders: DataFolders) -> Arrays:
    """Return a dataset's pictures; a page does not download. Raises DataUnavailableError with what to do instead."""
    dataset = DATASETS.get(info.name)
    if info.download_bytes and not dataset.is_ready(folders):
        raise DataUnavailableError(
            f"The pictures of {info.name} are not on this machine. Fetch them with: python -m cnnlab data {info.name}"
        )
    return dataset.load(folders)


def read_set(config: TrainingConfig, info: DatasetInfo, folders: DataFolders, name: SetName) -> PictureSet:
    """Return the set of that name as a run with these settings has it. Raises DataUnavailableError."""
    arrays = arrays_here(info, folders)
    if name == "test":
        places = np.arange(len(arrays.test_labels))
        return PictureSet(name, "test", places, arrays.test_images, np.array(arrays.test_labels))
    parts = split(config, len(arrays.train_labels))
    places = {"train": parts.train, "train sample": parts.train_sample, "validation": parts.validation}[name]
    return PictureSet(name, "train", places, arrays.train_images, arrays.train_labels[places])
