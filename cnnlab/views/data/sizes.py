"""This module is the view of sizes: a picture, a batch and the files, as they are kept and as a network gets them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
import torch

from cnnlab.dashboard.data.picture_sets import PictureSet, arrays_here, read_set
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.data.tensors import to_network
from cnnlab.figures.pictures.value_histogram import channel_names
from cnnlab.formatting import count


@dataclass(frozen=True, eq=False)
class Sizes:
    """`Sizes` are what was measured of the first batch of the training set, and of the dataset's files."""

    kept: npt.NDArray[np.int64]
    """Shape of one picture as it is kept: [height, width, channels]."""
    kept_bytes: npt.NDArray[np.int64]
    """[2]: bytes of one picture as it is kept, and as the network gets it."""
    batch: npt.NDArray[np.int64]
    """Shape of the batch that the network gets: [pictures, channels, height, width]."""
    values: npt.NDArray[np.float64]
    """[2, 2]: smallest and largest value in the batch, as kept and as the network gets them."""
    epoch: npt.NDArray[np.int64]
    """[2]: batches of an epoch, and pictures in the last of them."""
    files: npt.NDArray[np.int64]
    """[2]: bytes on the disk of the training pictures and of the test pictures, with their classes."""


def compute(subject: Subject) -> Sizes:
    """Measure the first batch of the training set, in the order of its file, and the files on the disk."""
    pictures = read_set(subject.config, subject.info, subject.folders, "train")
    batch = _first(pictures, subject.config.batch_size)
    received = to_network(torch.from_numpy(batch), *subject.normalisation)
    size, n = subject.config.batch_size, len(pictures)
    arrays = arrays_here(subject.info, subject.folders)
    return Sizes(
        np.array(batch.shape[1:]),
        np.array([batch[0].nbytes, received[0].nbytes]),
        np.array(received.shape),
        np.array([[batch.min(), batch.max()], [received.min().item(), received.max().item()]], np.float64),
        np.array([-(-n // size), n - (n - 1) // size * size]),
        np.array(
            [
                _on_disk(arrays.train_images) + _on_disk(arrays.train_labels),
                _on_disk(arrays.test_images) + _on_disk(arrays.test_labels),
            ]
        ),
    )


def draw(screen: Screen, sizes: Sizes) -> None:
    """Draw the sizes of a picture, of a batch and of the files, as a table and in sentences."""
    info, config = screen.subject.info, screen.subject.config
    height, width, channels = sizes.kept.tolist()
    numbers = height * width * channels
    colours = " (" + ", ".join(channel_names(channels)) + ")"
    (low, high), (low_after, high_after) = sizes.values.tolist()
    st.header(f"One picture is {count(numbers)} numbers", anchor=False)
    st.markdown(
        f"**{height} × {width} pixels × {channels} channel{'s' if channels > 1 else ''}**{colours} = {count(numbers)} "
        "numbers. On the disk each is a whole number from 0 (dark) to 255 (bright): one byte. The network calculates with "
        "decimal numbers of four bytes, and wants the channels first."
    )
    st.dataframe(
        pd.DataFrame(
            {
                "What": ["Shape", "Kind of number", "Bytes", "Smallest, largest in the first batch"],
                "One picture, on the disk": [
                    f"{height} × {width} × {channels}",
                    "uint8, whole",
                    count(int(sizes.kept_bytes[0])),
                    f"{low:.0f}, {high:.0f}",
                ],
                "One picture, for the network": [
                    f"{channels} × {height} × {width}",
                    "float32, decimal",
                    count(int(sizes.kept_bytes[1])),
                    f"{short(low_after)}, {short(high_after)}",
                ],
                "One batch, for the network": [
                    " × ".join(map(str, sizes.batch)),
                    "float32, decimal",
                    count(int(sizes.kept_bytes[1] * sizes.batch[0])),
                    f"{short(low_after)}, {short(high_after)}",
                ],
            }
        ),
        hide_index=True,
        alt="Shape, kind of number, bytes and range of a picture and a batch",
    )
    batches, last = sizes.epoch.tolist()
    st.markdown(
        f"**An epoch is {count(batches)} steps**: in each the network gets a batch of {count(config.batch_size)} pictures"
        + (f", in the last one {count(last)}" if last != config.batch_size else "")
        + ". All of them together are the training set, in a new order every epoch."
    )
    files = sizes.files.tolist()
    st.markdown(
        f"**On this machine's disk**: {count(info.num_train)} training pictures in {count(files[0])} bytes, and "
        f"{count(info.num_test)} test pictures in {count(files[1])} bytes, with their classes."
    )
    st.caption(f"Whom to cite: {info.source}")


def _first(pictures: PictureSet, size: int) -> npt.NDArray[np.uint8]:
    """Return the first pictures of a set, in the order of its file: uint8 [up to size, height, width, channels]."""
    return np.array(pictures.images[pictures.places[:size]])


def _on_disk(array: npt.NDArray[np.generic]) -> int:
    """Return the bytes of an array's file; of one that has no file, those of its values."""
    name = getattr(array, "filename", None)
    return Path(name).stat().st_size if name else array.nbytes


SIZES = register(
    View(
        name="sizes",
        title="Sizes",
        page="data",
        compute=compute,
        draw=draw,
        needs=frozenset({"settings"}),
        cost="instant",
        place=1,
        source="The batch is made by the very function that feeds the training, `to_network` in `cnnlab/data/tensors.py`: "
        "uint8 [N, H, W, C] becomes float32 [N, C, H, W].",
    )
)
