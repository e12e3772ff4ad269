"""This module is the view of channel statistics: mean, spread and histogram of all values, before and after normalisation."""

import numpy as np
import pandas as pd
import streamlit as st

from cnnlab.analysis.pictures.channels import VALUES, ChannelCounts, count_values, normalised
from cnnlab.dashboard.data.picture_sets import arrays_here
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures.pictures.value_histogram import channel_names, value_histogram
from cnnlab.formatting import MINUS, count, decimals


def compute(subject: Subject) -> ChannelCounts:
    """Count how often each value occurs in each channel of all pictures of the training file."""
    return count_values(arrays_here(subject.info, subject.folders).train_images, subject.progress)


def draw(screen: Screen, found: ChannelCounts) -> None:
    """Draw mean and spread of each channel beside what a run takes off and divides by, and both histograms."""
    info, config = screen.subject.info, screen.subject.config
    mean, std = screen.subject.normalisation
    names = channel_names(len(found.counts))
    values = int(found.counts.sum())
    st.header("Each colour has a mean and a spread", anchor=False)
    st.markdown(
        f"Over **all {count(info.num_train)} pictures of {escape(info.name)}'s training file**, validation pictures "
        f"included: {count(values)} numbers, every one counted. 0 is dark, 1 is bright."
    )
    after = (found.mean - mean) / np.array(std), found.std / np.array(std)
    st.dataframe(
        pd.DataFrame(
            {
                "Channel": names,
                "Mean": _four(found.mean),
                "Standard deviation": _four(found.std),
                "Taken off": _four(mean),
                "Divided by": _four(std),
                "Mean, after": _four(after[0]),
                "Standard deviation, after": _four(after[1]),
            }
        ),
        hide_index=True,
        alt="Mean and standard deviation of each channel, before and after normalisation",
    )
    st.markdown(_words(config.normalisation == "dataset"))
    levels = np.broadcast_to(np.arange(VALUES) / (VALUES - 1), found.counts.shape)
    shares = found.counts / found.counts.sum(axis=1, keepdims=True)
    pairs = (
        ("Before", levels * (VALUES - 1), "value, 0 to 255", "data_histogram_before"),
        ("After", normalised(levels, mean, std), "value that the network gets", "data_histogram_after"),
    )
    for place, (title, places, axis, key) in zip(st.columns(2, gap="medium"), pairs, strict=True):
        with place:
            st.header(f"{title} normalisation", anchor=False)
            st.plotly_chart(
                value_histogram(places, shares, axis),
                key=key,
                config={"displayModeBar": False},
                alt=f"{title} normalisation: how often each value occurs in the channels {', '.join(names)}",
            )
    st.caption(
        "How to read it: the height says how many of a channel's values are just this one of the 256. Normalisation moves "
        "and stretches the axis; it changes no shape and adds nothing."
    )


def _words(by_dataset: bool) -> str:
    """Return what the run's normalisation does, in a sentence."""
    if by_dataset:
        return (
            "Normalisation **dataset** takes off each channel's own mean and divides by its own standard deviation (both "
            "rounded to four digits, as published with the dataset): the network gets values around 0 with a spread of 1."
        )
    return (
        f"Normalisation **half** takes off 0.5 and divides by 0.5, whatever the pictures are: 0 to 1 becomes {MINUS}1 to 1. "
        "The mean is near 0 only where the pictures' own mean is near 0.5."
    )


def _four(numbers: object) -> list[str]:
    """Return numbers with four decimals, as text."""
    return [decimals(float(number), 4) for number in np.asarray(numbers, float)]


CHANNELS = register(
    View(
        name="channel_statistics",
        title="Colours",
        page="data",
        compute=compute,
        draw=draw,
        needs=frozenset(),
        cost="dataset",
        place=2,
        source="Each channel's histogram of 256 values is counted over all pictures; with $n_v$ the number of values $v$ and "
        r"$N$ their sum, $\mu = \frac{1}{N}\sum_v n_v \frac{v}{255}$ and $\sigma = \sqrt{\frac{1}{N}\sum_v n_v "
        r"(\frac{v}{255} - \mu)^2}$, in double precision. After normalisation by $m$ and $s$: $(\mu - m)/s$ and "
        r"$\sigma / s$.",
    )
)
