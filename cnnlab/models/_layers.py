"""This module builds groups of layers that several architectures share."""

from torch import Tensor, nn

Layers = dict[str, nn.Module]
"""Modules by name, in the order in which they run."""


class Add(nn.Module):
    """An `Add` layer sums two branches; it is a module so that hooks see the sum."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Add two feature maps element by element, [N, C, H, W] each."""
        return a + b


def convolution(
    number: int, in_channels: int, out_channels: int, kernel_px: int, padding_px: int, batch_norm: bool
) -> Layers:
    """Return a convolution, batch normalisation if asked for, and ReLU, by name.

    The convolution has no bias where batch normalisation follows: its shift takes that place
    (Ioffe & Szegedy 2015, section 3.2), and a bias there would never get a gradient.
    """
    layers: Layers = {
        f"conv{number}": nn.Conv2d(in_channels, out_channels, kernel_px, padding=padding_px, bias=not batch_norm)
    }
    if batch_norm:
        layers[f"bn{number}"] = nn.BatchNorm2d(out_channels)
    layers[f"relu{number}"] = nn.ReLU()
    return layers


def classifier(widths: list[int], dropout: float, first_relu: int) -> Layers:
    """Return a flatten layer and fully connected layers from `widths[0]` inputs to `widths[-1]` logits, by name.

    After each hidden one ReLU and, if asked for, dropout. The ReLUs are numbered from `first_relu`, so that
    each has a number of its own in the network.
    """
    layers: Layers = {"flatten": nn.Flatten()}
    last = len(widths) - 1
    for number in range(1, last):
        layers[f"fc{number}"] = nn.Linear(widths[number - 1], widths[number])
        layers[f"relu{first_relu + number - 1}"] = nn.ReLU()
        if dropout > 0:
            layers[f"dropout{number}"] = nn.Dropout(dropout)
    layers[f"fc{last}"] = nn.Linear(widths[last - 1], widths[last])
    return layers


def sequence(layers: Layers) -> nn.Sequential:
    """Chain the layers one after another in a Sequential, under their names."""
    sequential = nn.Sequential()
    for name, module in layers.items():
        sequential.add_module(name, module)
    return sequential
