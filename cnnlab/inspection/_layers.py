"""This module finds the layers of a model by name, and the part of the network that each layer belongs to."""

from torch import nn

from cnnlab.analysis.layers import Part


def part_of(name: str) -> Part:
    """Return the part of the network that a layer of that full name ("base.conv1") belongs to."""
    return Part.BASE if name.startswith("base.") else Part.HEAD


def label_of(name: str) -> str:
    """Return a layer's full name without the part: "conv1", which is unique within a network."""
    return name.partition(".")[2] or name


def leaves_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return the modules without children, which do the computing, by full name, in the order of their registration."""
    return {name: module for name, module in model.named_modules() if name and next(module.children(), None) is None}
