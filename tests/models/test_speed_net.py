"""SpeedNet: what its first layer is, and what is trained."""

import pytest
import torch
from torch import Tensor, nn

from cnnlab.data import DATASETS
from cnnlab.models import Network, build, complete
from cnnlab.models.speed_net import whitening_kernels
from cnnlab.schema import TrainingConfig


def correlated(channels: int, size_px: int) -> Tensor:
    """Pictures in which neighbours and channels are alike, as in photographs: sums of smooth noise, [400, C, S, S]."""
    noise = torch.randn(400, channels, size_px + 4, size_px + 4, generator=torch.Generator().manual_seed(0))
    smooth = nn.functional.avg_pool2d(noise, 5, stride=1) * 3
    return smooth + smooth.mean(1, keepdim=True)


def speed_net(dataset: str = "CIFAR-10") -> Network:
    """A fresh one for that dataset."""
    torch.manual_seed(0)
    return build(complete(TrainingConfig(architecture="SpeedNet", dataset=dataset)), DATASETS.get(dataset).info)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_first_layer_whitens(channels: int) -> None:
    """Its outputs on the pictures it was set from are uncorrelated, with variances of 1 or, from little, less."""
    pictures = correlated(channels, 16)
    kernels = whitening_kernels(pictures)
    half = len(kernels) // 2
    outputs = nn.functional.conv2d(pictures, kernels[:half]).transpose(0, 1).flatten(1)
    covariance = outputs @ outputs.T / outputs.shape[1]

    assert kernels.shape == (2 * channels * 4, channels, 2, 2)
    assert torch.equal(kernels[half:], -kernels[:half])
    assert torch.allclose(covariance, covariance.diagonal().diag(), atol=0.01)
    assert covariance.diagonal().max() < 1.01
    assert covariance.diagonal()[0] > 0.98


def test_flat_pictures_give_finite_kernels() -> None:
    """Without any variance the kernels stay numbers."""
    assert torch.isfinite(whitening_kernels(torch.zeros(10, 3, 8, 8))).all()


@pytest.mark.parametrize("dataset", DATASETS.names())
def test_fit_to_data_sets_the_first_layer_and_nothing_else(dataset: str) -> None:
    """On every dataset; all other weights stay, and no random number is drawn."""
    network = speed_net(dataset)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    info = DATASETS.get(dataset).info
    network.fit_to_data(correlated(info.channels, info.size_px))

    assert torch.equal(state, torch.get_rng_state())
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"base.whiten.weight"}


def test_what_is_frozen() -> None:
    """The whitening kernels and batch normalisation's scales; nothing else."""
    frozen = {name for name, parameter in speed_net().named_parameters() if not parameter.requires_grad}

    assert frozen == {"base.whiten.weight"} | {f"base.bn{n}.weight" for n in range(1, 7)}


def test_untrained_it_passes_the_picture_on() -> None:
    """The first kernels of each convolution are the identity, so early channels are the input's."""
    x = torch.randn(2, 64, 7, 7, generator=torch.Generator().manual_seed(0))
    convolution = speed_net().base.get_submodule("conv3")

    assert torch.allclose(convolution(x)[:, :64], x, atol=1e-6)


def test_nothing_is_certain_at_first() -> None:
    """The first loss is that of guessing: the logits begin near zero."""
    network = speed_net()
    pictures = correlated(3, 32)[:64]
    network.fit_to_data(pictures)
    loss = nn.functional.cross_entropy(network(pictures), torch.arange(64) % 10)

    assert abs(loss.item() - torch.tensor(10.0).log().item()) < 0.2
