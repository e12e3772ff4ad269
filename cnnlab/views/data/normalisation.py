"""This module is the view of one picture's normalisation: its channels as they are kept, and as the network gets them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
import torch

from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data.tensors import to_network
from cnnlab.figures.pictures.value_histogram import channel_names
from cnnlab.formatting import MINUS, decimals

TILE_PX = 128


@dataclass(frozen=True, eq=False)
class BeforeAfter:
    """A `BeforeAfter` is one picture as it is kept and as the network gets it."""

    before: npt.NDArray[np.uint8]
    """[channels, height, width]."""
    after: npt.NDArray[np.float32]
    """[channels, height, width]."""


def compute(subject: Subject) -> BeforeAfter:
    """Normalise the picture by the function that feeds the training."""
    if subject.picture is None:
        raise TypeError("A normalised picture must be chosen.")
    received = to_network(torch.from_numpy(np.array(subject.picture))[None], *subject.normalisation)[0]
    return BeforeAfter(np.ascontiguousarray(np.moveaxis(subject.picture, -1, 0)), received.numpy())


def draw(screen: Screen, seen: BeforeAfter) -> None:
    """Draw each channel before and after, the arithmetic of one pixel, and mean and spread of both."""
    mean, std = screen.subject.normalisation
    names = channel_names(len(seen.before))
    st.header("(value / 255 − mean) / spread", anchor=False)
    row, column = (size // 2 for size in seen.before.shape[1:])
    value, result = int(seen.before[0, row, column]), float(seen.after[0, row, column])
    st.markdown(
        f"For example the {names[0]} value in the middle of {screen.chosen_picture.words} (row {row}, column {column}): "
        f"({value} / 255 {MINUS} {mean[0]:g}) / {std[0]:g} = **{decimals(result, 4)}**."
    )
    limit = max(max(m / s, (1 - m) / s) for m, s in zip(mean, std, strict=True))
    left, right = st.columns(2, gap="medium")
    with left:
        st.header("Before: 0 to 255", anchor=False)
        tiles(
            key="data_before",
            values=seen.before.astype(np.float32),
            limits=(0.0, 255.0),
            palette="viridis",
            labels=names,
            tile_px=TILE_PX,
            colour_bar="value on the disk",
            pick=False,
            description="Each channel of the picture as it is kept, as colours.",
        )
        st.caption("All channels share one colour scale, from 0 to 255: everything that a value can be.")
    with right:
        st.header("After: what the network gets", anchor=False)
        tiles(
            key="data_after",
            values=seen.after,
            limits=(-limit, limit),
            palette="diverging",
            labels=names,
            tile_px=TILE_PX,
            colour_bar="value after normalisation",
            pick=False,
            description="Each channel of the picture after normalisation, as colours.",
        )
        st.caption(
            f"All channels share one colour scale, from {short(-limit)} to {short(limit)}, the furthest from 0 that any "
            "value can be; 0 is in its middle."
        )
    st.dataframe(
        pd.DataFrame(
            {
                "This picture's channel": names,
                "Mean": _numbers(seen.before.mean(axis=(1, 2)), 1),
                "Smallest": _numbers(seen.before.min(axis=(1, 2)), 0),
                "Largest": _numbers(seen.before.max(axis=(1, 2)), 0),
                "Mean, after": _numbers(seen.after.mean(axis=(1, 2), dtype=np.float64), 4),
                "Smallest, after": _numbers(seen.after.min(axis=(1, 2)), 4),
                "Largest, after": _numbers(seen.after.max(axis=(1, 2)), 4),
            }
        ),
        hide_index=True,
        alt="Mean, smallest and largest value of each channel of this picture, before and after",
    )


def _numbers(values: npt.NDArray[np.generic], digits: int) -> list[str]:
    return [decimals(float(value), digits) for value in values]


NORMALISATION = register(
    View(
        name="normalisation",
        title="Normalisation",
        page="data",
        compute=compute,
        draw=draw,
        needs=frozenset({"picture", "settings"}),
        cost="instant",
        place=3,
        source="Made by the very function that feeds the training, `to_network` in `cnnlab/data/tensors.py`; in this order of "
        "operations it gives the bits of torchvision's ToTensor and Normalize. Why values around 0 help: LeCun, Bottou, Orr "
        "and Müller, *Efficient BackProp* (1998), section 4.3.",
    )
)
