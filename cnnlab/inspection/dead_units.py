"""This module counts dead units: units behind a ReLU that answer no picture, and so learn nothing any more.

A ReLU passes no gradient where it gives 0. A unit that gives 0 for every picture keeps its weights for good; large steps
bring that about. Source: L. Lu et al., "Dying ReLU and initialization", Communications in Computational Physics 28 (2020).
"""

from torch import Tensor, nn

from cnnlab.inspection.capture import capture


def dead_units(network: nn.Module, pictures: Tensor) -> dict[str, tuple[int, int]]:
    """Return for each ReLU, by its name, how many of its units (channels) answer none of these pictures, and of how many.

    `pictures`: float32 [N, C, H, W], as the network takes them. The network is left as it was found.
    """
    names = [name for name, module in network.named_modules() if isinstance(module, nn.ReLU)]
    with capture(network, names) as seen:
        network(pictures)
    counted = {}
    for name, output in seen.items():
        alive = (output > 0).transpose(0, 1).flatten(1).any(1)
        counted[name] = (int((~alive).sum()), len(alive))
    return counted
