"""This module runs a network's forward pass in training, in the quickest order of layers and memory layout.

Max pooling goes before the ReLU that it follows in the network: the maximum of clipped values is the clipped maximum,
and the gradient reaches the same element (none where all are below zero), so not a bit changes, on a quarter of the
values.

On a CPU the feature-extraction base may run on oneDNN's own blocked tensors from end to end, so that nothing is put
into another order between two layers.
"""

from collections.abc import Callable

from torch import Tensor, nn

from cnnlab.models import Network
from cnnlab.models._layers import Add

Forward = Callable[[Tensor], Tensor]
BLOCKED = {nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.GELU, nn.MaxPool2d, nn.Dropout, Add}
"""Layers of the base that may be given oneDNN's tensors: where oneDNN lacks one of them, it raises RuntimeError itself.
Mean pooling is not among them: with ceil_mode torch 2.x divides the border by another number there, without a word."""


def training_forward(network: Network, blocked: bool = False) -> Forward:
    """Return the forward pass of `network` for training, with the network's own modules in the quickest order.

    Hooks on single modules do not work with this pass. `blocked` needs float32 on a CPU, and layers that oneDNN knows:
    RuntimeError at once or in the pass. Layers of other types than `nn.ReLU` and `nn.MaxPool2d` stay where they are (a
    mean does not commute with ReLU), and so does all of a network that orders its layers itself.
    """
    if blocked and not _may_be_blocked(network):
        raise RuntimeError("A layer of this network may not know oneDNN's tensors.")
    if not _is_chain(network):
        return network
    modules = _reordered([*network.base, *network.head])
    base, head = modules[: len(network.base)], modules[len(network.base) :]

    def forward(pictures: Tensor) -> Tensor:
        maps = pictures.to_mkldnn() if blocked else pictures
        for module in base:
            maps = module(maps)
        if blocked:
            maps = maps.to_dense()
        for module in head:
            maps = module(maps)
        return maps

    return forward


def _reordered(modules: list[nn.Module]) -> list[nn.Module]:
    """Each max pooling before the ReLU that it follows. A subclass of either may compute something else."""
    for place in range(len(modules) - 1):
        if type(modules[place]) is nn.ReLU and type(modules[place + 1]) is nn.MaxPool2d:
            modules[place], modules[place + 1] = modules[place + 1], modules[place]
    return modules


def _may_be_blocked(network: Network) -> bool:
    leaves = (module for module in network.base.modules() if next(module.children(), None) is None)
    return _is_chain(network) and all(type(leaf) in BLOCKED for leaf in leaves)


def _is_chain(network: Network) -> bool:
    """Whether the network does nothing but send its input through its base and head, one module after the other."""
    sequences = all(type(part).forward is nn.Sequential.forward for part in (network.base, network.head))
    return sequences and type(network).forward is Network.forward
