"""What the pages that look inside compute, kept as arrays for all visitors.

Never a model: `load_network` makes a fresh one each time, so two browsers cannot share it. Each key holds the SHA-256 of
the weights, so that a cache cannot show what another file once held. Everything here raises CheckpointError.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.data.tensors import normalisation_of
from cnnlab.inspection import feature_maps, kernels, networks, summary
from cnnlab.inspection.feature_maps import FeatureMaps
from cnnlab.inspection.summary import LayerRow
from cnnlab.runs import Checkpoint, Run
from cnnlab.schema import TrainingConfig

Floats = npt.NDArray[np.float32]


def layers_of(run: Run) -> list[LayerRow]:
    """The layers of the run's network, in the order of execution. Reads no weights."""
    return _layers_of(run.config.model_dump_json())


def kernels_of(app_config: AppConfig, weights: Checkpoint, layer: LayerRow) -> Floats:
    """The kernels of one convolution: [out, in, height, width]."""
    return _kernels_of(str(app_config.runs / weights.run_id / weights.name), weights.sha256, layer)


def maps_of(app_config: AppConfig, run: Run, weights: Checkpoint, picture: npt.NDArray[np.uint8]) -> FeatureMaps:
    """What the network with these weights makes of a picture uint8 [size_px, size_px, channels]."""
    path = str(app_config.runs / weights.run_id / weights.name)
    return _maps_of(path, weights.sha256, run.config.model_dump_json(), picture)


@st.cache_data(max_entries=256, show_spinner=False)
def _layers_of(config_json: str) -> list[LayerRow]:
    config, info = _read(config_json)
    return summary.summarise(config, info)


@st.cache_data(max_entries=64, show_spinner=False)
def _kernels_of(path: str, sha256: str, layer: LayerRow) -> Floats:
    return kernels.kernels_of(Path(path), sha256, [layer])[layer.name]


@st.cache_data(max_entries=32, show_spinner=False)
def _maps_of(path: str, sha256: str, config_json: str, picture: npt.NDArray[np.uint8]) -> FeatureMaps:
    config, info = _read(config_json)
    network = networks.load_network(config, info, Path(path), sha256)
    return feature_maps.compute(network, picture, *normalisation_of(config, info))


def _read(config_json: str) -> tuple[TrainingConfig, DatasetInfo]:
    config = TrainingConfig.model_validate_json(config_json)
    return config, DATASETS.get(config.dataset).info
