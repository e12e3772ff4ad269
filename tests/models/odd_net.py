"""OddNet: an architecture of layers that no shipped one has, so that every contract test meets them.

Mean pooling behind a ReLU, a depthwise, a dilated and a transposed grouped convolution, kernels that are not square,
feature maps that are not square, resizing, group normalisation, four other activations, and a layer that nobody knows.
"""

import torch
from torch import Tensor, nn

from cnnlab.models import ARCHITECTURES, Architecture, Network
from cnnlab.models._layers import Layers, sequence


class Neighbours(nn.Module):
    """Adds to each value a trained share of its left neighbour: a layer of a test's own, of which cnnlab knows nothing.

    Its share [C, 1, 1] has neither a kernel's dimensions nor a shift's; its table of signs is in no checkpoint.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.full((channels, 1, 1), 0.5))
        self.register_buffer("signs", torch.ones(channels, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] of the same."""
        return x + self.share * self.signs * x.roll(1, dims=3)


def build(in_channels: int, size_px: int, num_classes: int, dropout: float, batch_norm: bool) -> Network:
    """Small enough that a test trains it in a blink."""
    del size_px  # four means of each channel fit every size

    def normalised(number: int, channels: int) -> Layers:
        return {f"bn{number}": nn.BatchNorm2d(channels)} if batch_norm else {}

    bias = not batch_norm
    base: Layers = {
        "conv1": nn.Conv2d(in_channels, 8, 3, padding="same", bias=bias),
        **normalised(1, 8),
        "relu1": nn.ReLU(),
        "pool1": nn.AvgPool2d(2),
        "conv2": nn.Conv2d(8, 8, 3, padding=1, groups=8),
        "leaky1": nn.LeakyReLU(0.1),
        "conv3": nn.Conv2d(8, 16, 1),
        "silu1": nn.SiLU(),
        "conv4": nn.Conv2d(16, 16, 3, padding=2, dilation=2, bias=bias),
        **normalised(4, 16),
        "relu2": nn.ReLU(),
        "pool2": nn.MaxPool2d(3, stride=2, padding=1),
        "up1": nn.ConvTranspose2d(16, 12, 3, stride=2, padding=1, output_padding=1, groups=2, bias=bias),
        **normalised(5, 12),
        "tanh1": nn.Tanh(),
        "conv5": nn.Conv2d(12, 12, (1, 5), stride=(2, 1), padding=(0, 2)),
        "upsample1": nn.Upsample(scale_factor=2, mode="bilinear"),
        "norm1": nn.GroupNorm(3, 12),
        "neighbours1": Neighbours(12),
        "mean1": nn.AvgPool2d((1, 2)),
    }
    head: Layers = {"pool3": nn.AdaptiveAvgPool2d(2), "flatten": nn.Flatten()}
    if dropout > 0:
        head["dropout1"] = nn.Dropout(dropout)
    head["fc1"] = nn.Linear(12 * 4, num_classes)
    return Network(sequence(base), sequence(head))


ARCHITECTURES.register(
    "OddNet",
    Architecture(
        name="OddNet",
        summary="Layers that no other architecture here has: for tests.",
        source="Made up for the tests of cnnlab.",
        dropout=0.0,
        batch_norm=False,
        build=build,
    ),
)
