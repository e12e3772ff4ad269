"""This module registers SpeedNet: a network of 2 million parameters that learns CIFAR-10 in a few epochs, for the
"speedrun" recipe.

After the networks of Page, "How to Train Your ResNet" (myrtle.ai, 2019), and of Jordan, "94% on CIFAR-10 in 3.29
seconds on a single GPU" (arXiv:2404.00498; widths, whitening and initialisation as in airbench94_muon). What each idea
is for stands where it is done. What differs: the division of the logits by 256 is folded into the head's first weights
and learning rate, which computes the same; and the first layer has no bias, so that no
gradient need travel so far back (hiverge's cifar10-speedrun trains it for a fifth of an epoch only).
"""

import torch
from torch import Tensor, nn

from cnnlab.models._layers import Layers, sequence
from cnnlab.models._network import ARCHITECTURES, Architecture, Network

WHITENING_PX = 2
"""Side of the patches that the first layer whitens."""
WHITENING_EPS = 5e-4
"""Added to each eigenvalue, so that directions without variance are not blown up into noise."""
WIDTHS = (64, 256, 256)
"""Channels of the three groups; each halves the height and width."""
NEW_STATISTICS = 0.4
"""Weight of the newest batch in batch normalisation's running statistics: a run has a few hundred steps only, and the
weights move far in each (torch calls it momentum)."""


class SpeedNetwork(Network):
    """A `SpeedNetwork` is a network whose first layer is set from the training pictures, and not trained.

    The scales are airbench94_muon's learning rates (kernels 0.24, biases 0.053, head 0.67), carried over to a loss that
    is the mean over the batch, to one momentum (0.6) for all, and to logits that are not divided by 256: its sums over
    2,000 pictures make a bias's 0.053 · 2000 = 106, its momentum 0.85 in place of 0.6 makes that 106 · 0.4 / 0.15 = 283,
    and 283 / 0.24 = 1178; the head's 0.67 · 2000 · 0.4 / 0.15 / 256² / 0.24 = 0.227. Shifts need such steps because
    their gradients pass the head's small weights.
    """

    shift_scale = 1178.0
    linear_scale = 0.227

    def fit_to_data(self, pictures: Tensor) -> None:
        """Set the first layer's kernels so that its outputs are uncorrelated, with variance 1 and either sign.

        `pictures`: normalised training pictures, float [N, in_channels, height, width]; a few thousand are enough. The
        kernels are the eigenvectors of the patches' covariance, each divided by the root of its eigenvalue, and the
        same with the opposite sign, because the activation keeps little of what is negative (Page 2019, Jordan 2024).
        """
        first = self.base.get_submodule("whiten")
        assert isinstance(first, nn.Conv2d)
        with torch.no_grad():
            first.weight.copy_(whitening_kernels(pictures))


def whitening_kernels(pictures: Tensor) -> Tensor:
    """Return whitening kernels [2 · channels · 4, channels, 2, 2] for float pictures [N, channels, height, width],
    largest variance first.
    """
    channels = pictures.shape[1]
    patches = pictures.cpu().unfold(2, WHITENING_PX, 1).unfold(3, WHITENING_PX, 1)
    rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, channels * WHITENING_PX**2)
    variances, directions = torch.linalg.eigh(rows.T @ rows / len(rows))
    scaled = (directions / (variances.clamp(min=0) + WHITENING_EPS).sqrt()).flip(1)
    kernels = scaled.T.reshape(-1, channels, WHITENING_PX, WHITENING_PX)
    return torch.cat([kernels, -kernels])


def group(number: int, in_channels: int, out_channels: int, batch_norm: bool) -> Layers:
    """Return the layers of a group: convolution, pooling, batch normalisation, GELU; then the same without pooling.

    Pooling stands before the normalisation, so that everything after it works on a quarter of the values.
    """
    first, second = 2 * number - 1, 2 * number
    return {
        f"conv{first}": _convolution(in_channels, out_channels, batch_norm),
        f"pool{number}": nn.MaxPool2d(2),
        **_normalisation(first, out_channels, batch_norm),
        f"gelu{first}": nn.GELU(),
        f"conv{second}": _convolution(out_channels, out_channels, batch_norm),
        **_normalisation(second, out_channels, batch_norm),
        f"gelu{second}": nn.GELU(),
    }


def _convolution(in_channels: int, out_channels: int, batch_norm: bool) -> nn.Conv2d:
    """Make a 3×3 convolution whose first kernels pass their input on as it is, so that the untrained network already
    transmits the picture.
    """
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=not batch_norm)
    with torch.no_grad():
        nn.init.dirac_(convolution.weight[:in_channels])
    return convolution


def _normalisation(number: int, channels: int, batch_norm: bool) -> Layers:
    """Make a batch normalisation with a trained shift and the scale left at 1: what follows can scale as well as it
    could.
    """
    if not batch_norm:
        return {}
    normalisation = nn.BatchNorm2d(channels, momentum=NEW_STATISTICS)
    normalisation.weight.requires_grad_(False)
    return {f"bn{number}": normalisation}


def build(in_channels: int, size_px: int, num_classes: int, dropout: float, batch_norm: bool) -> Network:
    """Build a whitening 2×2 convolution, three groups of two 3×3 convolutions, the maximum of each channel, one linear
    layer.

    1,972,768 parameters for 3×32×32 pictures of 10 classes. Dropout stands before the last layer.
    """
    whitened = 2 * in_channels * WHITENING_PX**2
    whiten = nn.Conv2d(in_channels, whitened, WHITENING_PX, bias=False)
    whiten.weight.requires_grad_(False)
    base: Layers = {"whiten": whiten, "gelu0": nn.GELU()}
    channels, side_px = whitened, size_px - 1
    for number, width in enumerate(WIDTHS, start=1):
        base |= group(number, channels, width, batch_norm)
        channels, side_px = width, side_px // 2
    head: Layers = {"pool4": nn.MaxPool2d(side_px), "flatten": nn.Flatten()}
    if dropout > 0:
        head["dropout1"] = nn.Dropout(dropout)
    head["fc1"] = nn.Linear(channels, num_classes, bias=False)
    nn.init.normal_(head["fc1"].weight, std=1 / channels)  # type: ignore[arg-type]  # small logits: nothing is certain yet
    return SpeedNetwork(sequence(base), sequence(head))


ARCHITECTURES.register(
    "SpeedNet",
    Architecture(
        name="SpeedNet",
        summary=(
            "A whitening layer and six convolutions with batch normalisation, 2 million parameters: made to learn "
            "as much as possible in few epochs. Best with the speedrun preset."
        ),
        source=(
            "After Page, How to Train Your ResNet, 2019 (myrtle.ai), and Jordan, 94% on CIFAR-10 in 3.29 Seconds on a "
            "Single GPU, 2024 (arXiv:2404.00498)."
        ),
        dropout=0.0,
        batch_norm=True,
        build=build,
    ),
)
