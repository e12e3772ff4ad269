"""A network comes back from the disk as it was, or not at all."""

from pathlib import Path

import pytest
import torch

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError, WrittenFile
from cnnlab.data import DATASETS
from cnnlab.inspection.networks import load_network
from cnnlab.models import ARCHITECTURES, Network, build
from cnnlab.schema import TrainingConfig

CIFAR = DATASETS.get("CIFAR-10").info


def saved(folder: Path, config: TrainingConfig) -> tuple[Network, Path, WrittenFile]:
    """A fresh network and its weights on the disk."""
    network = build(config, CIFAR)
    path = folder / "weights-0000.safetensors"
    return network, path, checkpoints.write(path, network.state_dict(), {"epoch": 0})


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_comes_back_bit_for_bit(tmp_path: Path, architecture: str, batch_norm: bool) -> None:
    """In eval mode on the CPU, with the same logits; the random state stays."""
    config = TrainingConfig(architecture=architecture, batch_norm=batch_norm)
    network, path, file = saved(tmp_path, config)
    pictures = torch.randn(2, 3, 32, 32)
    before = torch.get_rng_state()
    loaded = load_network(config, CIFAR, path, file)

    assert torch.equal(before, torch.get_rng_state())
    assert not any(module.training for module in loaded.modules())
    assert {parameter.device.type for parameter in loaded.parameters()} == {"cpu"}
    with torch.no_grad():
        assert torch.equal(network.eval()(pictures), loaded(pictures))


def test_two_callers_share_nothing(tmp_path: Path) -> None:
    """What one does to its network, the other's does not feel."""
    config = TrainingConfig()
    _, path, file = saved(tmp_path, config)
    mine, yours = (load_network(config, CIFAR, path, file) for _ in range(2))
    with torch.no_grad():
        for parameter in mine.parameters():
            parameter.zero_()

    assert all(parameter.any() for parameter in yours.parameters())
    assert all(parameter.any() for parameter in load_network(config, CIFAR, path, file).parameters())


def test_missing_or_altered_weights_are_refused(tmp_path: Path) -> None:
    """One sentence that names the file."""
    config = TrainingConfig()
    _, path, file = saved(tmp_path, config)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights-0000\.safetensors"):
        load_network(config, CIFAR, path, file)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"weights-0000\.safetensors"):
        load_network(config, CIFAR, path, file)


@pytest.mark.parametrize(
    ("other", "dataset"),
    [
        (TrainingConfig(architecture="ResNet"), "CIFAR-10"),  # other names
        (TrainingConfig(batch_norm=True), "CIFAR-10"),  # some names more
        (TrainingConfig(), "CIFAR-100"),  # other shapes
    ],
)
def test_another_networks_weights_are_refused(tmp_path: Path, other: TrainingConfig, dataset: str) -> None:
    """They are sound, but not this run's."""
    _, path, file = saved(tmp_path, TrainingConfig())
    with pytest.raises(CheckpointError, match="does not fit"):
        load_network(other, DATASETS.get(dataset).info, path, file)
