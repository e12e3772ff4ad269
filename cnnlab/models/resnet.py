"""This module registers ResNet: three residual blocks for small pictures.

Laid out like the paper's ImageNet networks (a convolution, pooling, then blocks), but with one block a width, so that
a CPU gets somewhere too: 13 million multiply-adds a picture, where the paper's ResNet-20 for CIFAR-10 takes 41 million.
"""

from torch import Tensor, nn

from cnnlab.models._layers import Add, Layers, convolution, sequence
from cnnlab.models._network import ARCHITECTURES, Architecture, Network

WIDTHS = (32, 64, 128)
"""Channels of each block; all but the first halve the height and width."""


class ResidualBlock(nn.Module):
    """A `ResidualBlock` is two 3×3 convolutions, whose result is added to the block's own input (He et al. 2015, figure
    2).

    Where shape changes, the input passes a 1×1 convolution of the same stride first (their option B).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, batch_norm: bool) -> None:
        super().__init__()
        bias = not batch_norm  # batch normalisation's own shift takes the bias's place
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=bias)
        self.bn1 = nn.BatchNorm2d(out_channels) if batch_norm else None
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=bias)
        self.bn2 = nn.BatchNorm2d(out_channels) if batch_norm else None
        same_shape = stride == 1 and in_channels == out_channels
        self.shortcut = None if same_shape else nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=bias)
        self.shortcut_bn = nn.BatchNorm2d(out_channels) if batch_norm and not same_shape else None
        self.add = Add()
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, out_channels, H/stride, W/stride] of [N, in_channels, H, W]."""
        y = self.relu1(_through(x, self.conv1, self.bn1))
        y = _through(y, self.conv2, self.bn2)
        result: Tensor = self.relu2(self.add(y, _through(x, self.shortcut, self.shortcut_bn)))
        return result


def _through(x: Tensor, *modules: nn.Module | None) -> Tensor:
    for module in modules:
        if module is not None:
            x = module(x)
    return x


def build(in_channels: int, size_px: int, num_classes: int, dropout: float, batch_norm: bool) -> Network:
    """Build a 3×3 convolution, pooling, three residual blocks, the mean of each channel, one fully connected layer.

    0.31 million parameters for 3×32×32 pictures of 10 classes. Dropout stands before the last layer.
    """
    del size_px  # the mean over each channel fits every size
    base: Layers = {
        **convolution(1, in_channels, WIDTHS[0], kernel_px=3, padding_px=1, batch_norm=batch_norm),
        "pool1": nn.MaxPool2d(2),
    }
    channels = WIDTHS[0]
    for number, width in enumerate(WIDTHS, start=1):
        base[f"block{number}"] = ResidualBlock(channels, width, 1 if number == 1 else 2, batch_norm)
        channels = width
    head: Layers = {"pool2": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    if dropout > 0:
        head["dropout1"] = nn.Dropout(dropout)
    head["fc1"] = nn.Linear(channels, num_classes)
    return Network(sequence(base), sequence(head))


ARCHITECTURES.register(
    "ResNet",
    Architecture(
        name="ResNet",
        summary=(
            "Three residual blocks with batch normalisation, 0.3 million parameters: "
            "accurate for its size, because each block only has to learn what to add."
        ),
        source=(
            "After He, Zhang, Ren & Sun, Deep Residual Learning for Image Recognition, 2015 (arXiv:1512.03385), "
            "section 4.1; wide rather than deep as in Zagoruyko & Komodakis, Wide Residual Networks, 2016 "
            "(arXiv:1605.07146)."
        ),
        dropout=0.0,
        batch_norm=True,
        build=build,
    ),
)
