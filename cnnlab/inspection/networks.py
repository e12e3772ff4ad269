"""A trained network back from the disk."""

from pathlib import Path

import torch

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError
from cnnlab.data import DatasetInfo
from cnnlab.models import Network, build
from cnnlab.schema import TrainingConfig


def load_network(config: TrainingConfig, info: DatasetInfo, path: Path, sha256: str) -> Network:
    """The network whose weights lie at `path`: on the CPU, in eval mode, a fresh object at every call.

    Raises CheckpointError (a sentence) where the file is missing, torn or altered, or holds another network.
    """
    tensors, _ = checkpoints.read(path, sha256)
    with torch.device("meta"):  # no weights to fill at random first, and so no random state touched
        network = build(config, info)
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"The checkpoint {path.name} does not fit {config.architecture} for {info.name} as this run has it."
        ) from error
    return network.eval()
