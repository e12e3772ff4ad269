"""Each architecture, and a picture, for the tests of attributions."""

import numpy as np
import torch
from torch import Tensor

from cnnlab.analysis.layers import Part
from cnnlab.data import DATASETS
from cnnlab.data.tensors import to_network
from cnnlab.inspection import summary
from cnnlab.models import Network, build, complete
from cnnlab.schema import TrainingConfig

INFO = DATASETS.get("shapes").info
NORMALISATION = INFO.mean, INFO.std


def picture(seed: int = 0) -> np.ndarray:
    """Noise, uint8 [32, 32, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def config_of(architecture: str) -> TrainingConfig:
    """That architecture on the built-in dataset."""
    return complete(TrainingConfig(architecture=architecture, dataset="shapes", batch_norm=True))


def network_of(architecture: str) -> Network:
    """Fresh weights by a fixed seed, in training mode as a page must never find it."""
    torch.manual_seed(3)
    return build(config_of(architecture), INFO)


def received(image: np.ndarray) -> Tensor:
    """The picture as the network receives it: [1, 3, 32, 32]."""
    return to_network(torch.from_numpy(image)[None], *NORMALISATION)


def spatial(architecture: str) -> list[str]:
    """The layers of the base whose output is maps."""
    rows = summary.summarise(config_of(architecture), INFO)
    return [row.name for row in rows if row.part is Part.BASE and len(row.output_shape) == 3]
