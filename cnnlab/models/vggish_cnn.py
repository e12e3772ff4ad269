"""This module registers VGGishCNN: VGG's idea, nothing but 3×3 convolutions in groups, at the size of small pictures."""

from itertools import count

from torch import nn

from cnnlab.models._layers import Layers, classifier, convolution, sequence
from cnnlab.models._network import ARCHITECTURES, Architecture, Network

GROUPS = ((64, 64), (128, 128), (256, 256, 256))
"""Channels of each convolution; after each group, pooling halves the picture."""


def build(in_channels: int, size_px: int, num_classes: int, dropout: float, batch_norm: bool) -> Network:
    """Build seven 3×3 convolutions in three groups, then two hidden layers of 4096.

    35,339,082 parameters for 3×32×32 pictures of 10 classes, 34 million of them in the classifier head.
    """
    base: Layers = {}
    channels, numbers = in_channels, count(1)
    for group, widths in enumerate(GROUPS, start=1):
        for width in widths:
            base |= convolution(next(numbers), channels, width, kernel_px=3, padding_px=1, batch_norm=batch_norm)
            channels = width
        base[f"pool{group}"] = nn.MaxPool2d(2)
    side_px = size_px // 2 ** len(GROUPS)
    head = classifier([channels * side_px**2, 4096, 4096, num_classes], dropout, first_relu=next(numbers))
    return Network(sequence(base), sequence(head))


ARCHITECTURES.register(
    "VGGishCNN",
    Architecture(
        name="VGGishCNN",
        summary=(
            "Seven convolutions and a huge classifier head, 35 million parameters: more accurate, and it overfits. "
            "Best on a GPU."
        ),
        source=(
            "After VGG: Simonyan & Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, "
            "2014 (arXiv:1409.1556)."
        ),
        dropout=0.5,
        batch_norm=False,
        build=build,
    ),
)
