"""The layers of a model by name: which modules they are, and which part of the network each belongs to."""

from torch import nn

from cnnlab.analysis.layers import Part


def part_of(name: str) -> Part:
    """The part of the network that a layer of that full name ("base.conv1") belongs to."""
    return Part.BASE if name.startswith("base.") else Part.HEAD


def label_of(name: str) -> str:
    """The full name without the part: "conv1"; unique within a network."""
    return name.partition(".")[2] or name


def leaves_of(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that compute (those without children) by full name, in the order of their registration."""
    return {name: module for name, module in model.named_modules() if name and next(module.children(), None) is None}
