"""This module loads a trained network from its checkpoint."""

from pathlib import Path

import torch
from torch import Tensor, nn

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError
from cnnlab.data import DatasetInfo
from cnnlab.models import Network, build
from cnnlab.schema import TrainingConfig


def load_network(config: TrainingConfig, info: DatasetInfo, path: Path, sha256: str) -> Network:
    """Load the network whose weights lie at `path`: on the CPU, in eval mode, a fresh object at every call.

    Raises CheckpointError (a sentence) where the file is missing, torn or altered, or holds another network.
    """
    tensors, _ = checkpoints.read(path, sha256)
    with torch.device("meta"):  # no random weights are made, so no random state changes
        network = build(config, info)
    if _keeps_more(network):
        with torch.random.fork_rng(devices=[]):
            network = build(config, info)
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"The checkpoint {path.name} does not fit {config.architecture} for {info.name} as this run has it."
        ) from error
    return network.eval()


def _keeps_more(network: nn.Module) -> bool:
    """Return whether a layer has tensors that no checkpoint holds (tables it makes itself).

    Built on the meta device, those tensors would stay without numbers.
    """
    kept = {id(tensor) for tensor in network.state_dict(keep_vars=True).values()}
    tables = [value for module in network.modules() for value in vars(module).values() if isinstance(value, Tensor)]
    return bool(tables) or any(id(buffer) not in kept for buffer in network.buffers())
