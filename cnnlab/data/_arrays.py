"""This module keeps a converted dataset on disk as four plain .npy files, all of them or none.

They are written beside their place, flushed to the disk and moved there whole: a kill at any moment leaves either nothing
or everything.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cnnlab.data._types import Arrays, DatasetInfo
from cnnlab.files import sync, sync_folder

FIELDS = ("train_images", "train_labels", "test_images", "test_labels")


def open_arrays(folder: Path, info: DatasetInfo) -> Arrays | None:
    """Open the arrays as read-only memory maps; None where one is missing, cut short, or not what `info` says."""
    try:
        arrays = Arrays(*(_open(folder / f"{field}.npy") for field in FIELDS))
    except Exception:  # NumPy's parser of a damaged header raises nearly anything
        return None
    return arrays if _fits(arrays, info) else None


def save_arrays(folder: Path, arrays: Arrays, info: DatasetInfo) -> None:
    """Write the arrays into `folder`, in place of whatever was there.

    Raises ValueError for arrays that are not what `info` says, and OSError where the disk refuses.
    """
    if not _fits(arrays, info):
        raise ValueError(f"These arrays are not those of {info.name}.")
    for labels in (arrays.train_labels, arrays.test_labels):
        if labels.min() < 0 or labels.max() >= len(info.classes):
            raise ValueError(f"{info.name} has {len(info.classes)} classes; a label lies outside.")
    new, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    for left_by_a_kill in (new, old):
        shutil.rmtree(left_by_a_kill, ignore_errors=True)
    try:
        new.mkdir(parents=True)
        for field in FIELDS:
            _write(new / f"{field}.npy", getattr(arrays, field))
        sync_folder(new)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        sync_folder(folder.parent)
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _open(path: Path) -> NDArray[Any]:
    array: np.memmap[Any, Any] = npy.open_memmap(path, mode="r")
    if path.stat().st_size != array.offset + array.nbytes:
        raise ValueError(f"{path} is longer than its array.")
    return array


def _fits(arrays: Arrays, info: DatasetInfo) -> bool:
    picture = (info.size_px, info.size_px, info.channels)
    return all(
        images.shape == (n, *picture) and images.dtype == np.uint8 and labels.shape == (n,) and labels.dtype == np.int64
        for images, labels, n in (
            (arrays.train_images, arrays.train_labels, info.num_train),
            (arrays.test_images, arrays.test_labels, info.num_test),
        )
    )


def _write(path: Path, array: NDArray[np.generic]) -> None:
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
        file.write(array.data)  # np.save would hide why a write failed
        sync(file)
