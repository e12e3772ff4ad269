"""Made-up networks for the tests of the formulas: settings of layers that no shipped architecture has."""

from collections import OrderedDict

import torch
from torch import nn

from cnnlab.models import Network
from cnnlab.models._layers import Add


class Block(nn.Module):
    """A residual block whose shortcut is the block's own input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)
        self.add = Add()
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.add(self.bn(self.conv(x)), x))  # type: ignore[no-any-return]


class Own(nn.Conv2d):
    """A convolution that computes in a way of its own: a subclass whose formula is not its parent's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * 2


def named(*layers: nn.Module) -> nn.Sequential:
    """The layers one after another, each named by its class and its place."""
    return nn.Sequential(
        OrderedDict((f"{type(layer).__name__.lower()}{number}", layer) for number, layer in enumerate(layers))
    )


def settled(network: Network) -> Network:
    """The network with normalisations that have seen pictures, and shifts and scales that are not 1 and 0."""
    generator = torch.Generator().manual_seed(5)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d | nn.GroupNorm | nn.InstanceNorm2d):
            for parameter in layer.parameters():
                parameter.data = torch.rand(parameter.shape, generator=generator) + 0.5
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(4, 3, 32, 32, generator=generator))
    return network.eval()


def windows() -> Network:
    """Padding of each kind, strides, dilation, groups, windows that are not square, and every pooling."""
    base = named(
        nn.Conv2d(3, 8, (5, 3), stride=(1, 2), padding=(2, 0)),
        nn.Conv2d(8, 12, 3, padding=2, dilation=2, groups=4, bias=False),
        nn.Conv2d(12, 12, 3, padding="same", padding_mode="reflect", groups=12),
        nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
        nn.Conv2d(12, 6, 4, padding="same"),
        nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True),
        nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1, groups=2),
        nn.AvgPool2d((2, 1), padding=(1, 0), count_include_pad=False),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.MaxPool2d(2, dilation=2, stride=1),
        nn.Upsample(size=(12, 10), mode="nearest"),
        nn.AvgPool2d(2, divisor_override=3),
        nn.Upsample(size=(9, 11), mode="bilinear", align_corners=True),
        nn.AdaptiveMaxPool2d((4, 5)),
        nn.AdaptiveAvgPool2d((3, 2)),
    )
    return Network(base, named(nn.Flatten(), nn.Dropout(0.5), nn.Linear(24, 10), nn.Softmax(dim=1)))


def normalisations() -> Network:
    """Batch, group and instance normalisation, with and without what training keeps; residual sums; dense layers."""
    base = named(
        nn.Conv2d(3, 8, 3, stride=2, bias=False),
        nn.BatchNorm2d(8),
        Block(8),
        nn.GroupNorm(4, 8),
        Block(8),
        nn.InstanceNorm2d(8, affine=True),
        nn.InstanceNorm2d(8, track_running_stats=True),
        nn.BatchNorm2d(8, affine=False),
        nn.BatchNorm2d(8, track_running_stats=False),
        nn.AdaptiveAvgPool2d(2),
    )
    head = named(
        nn.Flatten(), nn.Linear(32, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Dropout(0.3), nn.Linear(20, 10, bias=False)
    )
    return Network(base, head)


def activations() -> Network:
    """Every activation that has a formula, between convolutions that keep the values in a lively range."""
    kinds = (
        nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.2), nn.PReLU(), nn.PReLU(4), nn.RReLU(), nn.ELU(0.7), nn.SELU(),
        nn.CELU(0.6), nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU(), nn.Mish(), nn.Tanh(), nn.Sigmoid(),
        nn.LogSigmoid(), nn.Softplus(2.0, 3.0), nn.Softsign(), nn.Hardtanh(-0.5, 0.4), nn.Hardswish(), nn.Hardsigmoid(),
        nn.Threshold(0.1, -1.0), nn.Softshrink(0.2), nn.Hardshrink(0.3), nn.Tanhshrink(), nn.Identity(),
    )  # fmt: skip
    layers: list[nn.Module] = [nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(8)]
    for kind in kinds:
        layers += [nn.GroupNorm(2, 4), kind]
    return Network(named(*layers), named(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)))


def in_place() -> Network:
    """Layers that overwrite their input, and one that computes in a way of its own."""
    base = named(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), Own(4, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    return Network(base, named(nn.Flatten(), nn.Linear(4 * 14 * 14, 10)))


MADE_UP = {make.__name__: make for make in (windows, normalisations, activations, in_place)}
