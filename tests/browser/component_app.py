"""What test_components.py opens: every component, fed with numbers that the test can work out as well."""

import numpy as np
import streamlit as st
import torch

from cnnlab.dashboard.inspect import glance
from cnnlab.dashboard.inspect.bar import loss_curve
from cnnlab.dashboard.inspect.picture import Picture
from cnnlab.dashboard.picture_map import plane
from cnnlab.dashboard.widgets.live_chart import live_chart
from cnnlab.dashboard.widgets.svg import drawing
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.dashboard.widgets.uploader import uploader
from cnnlab.data import DATASETS
from cnnlab.inspection import feature_maps
from cnnlab.inspection.formula import trace
from cnnlab.inspection.formula.parcel import parcel_of
from cnnlab.inspection.picture_map.pictures import PictureMap
from cnnlab.inspection.summary import summarise
from cnnlab.models import build, complete
from cnnlab.records import EpochRecord, Score
from cnnlab.runs import Curve
from cnnlab.schema import TrainingConfig
from cnnlab.views import formula

SENT = "_sent_chart"


SPIKE = 61
"""A step in whose point one loss was 40 times as large."""


def curve(first: int, last: int) -> Curve:
    """Steps after `first` up to `last`; step s has the loss 2 - s / 1000."""
    steps = list(range(first + 1, last + 1))
    losses = [2.0 - step / 1000 for step in steps]
    greatest = [40 * loss if step == SPIKE else loss for step, loss in zip(steps, losses, strict=True)]
    return Curve(1, steps, losses, [loss / 2 for loss in losses], greatest)


def epoch(number: int) -> EpochRecord:
    """100 steps an epoch; validation is best at epoch 2."""
    train = Score(loss=1 / number, accuracy=0.3 + number / 20, n=50)
    validation = Score(loss=1.0, accuracy=0.5 - abs(number - 2) / 10, n=50)
    step = 100 * number
    return EpochRecord(
        epoch=number, step=step, running_loss=1.0, train_sample=train, validation=validation, elapsed_s=1.0
    )


last = st.session_state.setdefault("last", 250)
if st.button("More"):
    last = st.session_state.last = last + 100
if st.button("Lose some"):
    last = st.session_state.last = last + 100
    st.session_state[SENT] = last - 20
first = st.session_state.get(SENT, 0)
st.session_state[SENT] = last
epochs = [epoch(number) for number in range(1, last // 100 + 1) if 100 * number > first]
live_chart(
    key="chart",
    run_id="r",
    first=first,
    curve=curve(first, last),
    epochs=epochs,
    epochs_total=8,
    steps_total=800,
    on_resync=lambda: st.session_state.pop(SENT, None),
)
st.text(f"sent from {first}")

values = np.random.default_rng(0).normal(size=(256, 28, 28)).astype(np.float32)
maps = tiles(
    key="maps",
    values=values,
    limits=(-2.0, 3.0),
    palette="viridis",
    labels=[f"map {number}" for number in range(256)],
    colour_bar="activation",
    description="256 maps of random numbers.",
)
st.text(f"picked {maps}")
kernels = values[:6, :5, :15].reshape(6, 5, 5, 3)
tiles(
    key="kernels",
    values=kernels,
    limits=(-3.0, 3.0),
    palette="diverging",
    labels=[f"kernel {number}" for number in range(6)],
    colour_bar="weight",
    description="6 kernels.",
)
drawing(
    '<svg viewBox="0 0 9 9" width="9" height="9"><rect width="9" height="9"/></svg>', key="svg", description="A square."
)
uploader("A file", key="file", most_mb=1, way_out="Choose a smaller one.")

picture = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
torch.manual_seed(0)
network = build(complete(TrainingConfig(dataset="shapes")), DATASETS.get("shapes").info)
config = complete(TrainingConfig(dataset="shapes"))
seen = feature_maps.compute(network.eval(), picture, (0.5,) * 3, (0.5,) * 3)
glance.draw(
    picture,
    seen,
    summarise(config, DATASETS.get("shapes").info),
    list("abcdefghij"),
    ("base.relu1", 2),
    lambda layer, map: None,
)
loss_curve.mount(
    {
        "moments": ["epoch 0", "step 1 of epoch 1", "epoch 1", "epoch 2"],
        "at": "epoch 1",
        "best": "epoch 2",
        "train": [None, None, 2.0, 1.0],
        "validation": [None, None, 2.0, 1.5],
        "batches": [None, 2.3, None, None],
        "batches_said": ["", "training loss 2.3000 (mean of steps 1–2)", "", ""],
        "description": "Loss.",
    },
    lambda: None,
)
formula.mount(
    parcel_of(trace(network, picture, (0.5,) * 3, (0.5,) * 3), "base.conv2", 3),
    key="noise",
    channel=3,
    place=(0, 0),
    picture=Picture("test:0", picture, picture, 0),
    names=None,
    description="Map 3 of conv2.",
)

random = np.random.default_rng(2)
labels = np.arange(60, dtype=np.int16) % 10
points = random.normal(size=(60, 2)).astype(np.float32)
plane.draw(
    PictureMap(
        members=np.arange(60, dtype=np.int32),
        labels=labels,
        logits=random.normal(size=(60, 10)).astype(np.float32),
        features=points,
        nearest=np.zeros((60, 3), dtype=np.int32),
        points=points,
    ),
    points,
    np.arange(60),
    classes=list("abcdefghij"),
    picture="test picture",
    axes=("component 1", "component 2"),
    hidden=(),
    wrong_only=False,
    chosen=None,
    placed=None,
    description="A map of 60 pictures.",
    on_pick=lambda point: None,
    on_hide=lambda classes: None,
)
