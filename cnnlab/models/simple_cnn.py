"""This module registers SimpleCNN: the network of PyTorch's "Training a Classifier" tutorial, a LeNet-5 with ReLU and
max pooling.
"""

from torch import nn

from cnnlab.models._layers import Layers, classifier, convolution, sequence
from cnnlab.models._network import ARCHITECTURES, Architecture, Network


def build(in_channels: int, size_px: int, num_classes: int, dropout: float, batch_norm: bool) -> Network:
    """Build two 5×5 convolutions without padding, each halved by pooling, then three fully connected layers.

    62,006 parameters for 3×32×32 pictures of 10 classes. Without dropout and batch normalisation the parameters
    are made in the tutorial's order, so the same seed gives the tutorial's weights bit for bit.
    """
    base: Layers = {
        **convolution(1, in_channels, 6, kernel_px=5, padding_px=0, batch_norm=batch_norm),
        "pool1": nn.MaxPool2d(2),
        **convolution(2, 6, 16, kernel_px=5, padding_px=0, batch_norm=batch_norm),
        "pool2": nn.MaxPool2d(2),
    }
    side_px = ((size_px - 4) // 2 - 4) // 2
    head = classifier([16 * side_px**2, 120, 84, num_classes], dropout, first_relu=3)
    return Network(sequence(base), sequence(head))


ARCHITECTURES.register(
    "SimpleCNN",
    Architecture(
        name="SimpleCNN",
        summary="Two convolutions and three fully connected layers: trains in a minute, and too small to overfit much.",
        source=(
            "After LeNet-5: LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document "
            "recognition, 1998; as in PyTorch's tutorial Training a Classifier."
        ),
        dropout=0.0,
        batch_norm=False,
        build=build,
    ),
)
