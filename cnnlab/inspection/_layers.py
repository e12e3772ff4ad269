"""What people call a layer: its label, its kind, the part of the network it belongs to."""

from torch import nn

from cnnlab.models._layers import Add

KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "convolution",
    nn.BatchNorm2d: "batch norm",
    nn.ReLU: "activation",
    nn.GELU: "activation",
    nn.MaxPool2d: "pooling",
    nn.AdaptiveAvgPool2d: "pooling",
    nn.Dropout: "dropout",
    nn.Flatten: "flatten",
    nn.Linear: "linear",
    Add: "sum",
}
"""Every kind of layer that inspection understands."""

BASE = "feature-extraction base"
HEAD = "classifier head"


def kind_of(layer: nn.Module) -> str:
    """In words. A layer of a new type must be entered in `KINDS` first: TypeError."""
    try:
        return KINDS[type(layer)]
    except KeyError:
        raise TypeError(f"Enter {type(layer).__name__} in KINDS, so that people can be told what it does.") from None


def part_of(name: str) -> str:
    """The part of the network that a layer of that full name ("base.conv1") belongs to."""
    return BASE if name.startswith("base.") else HEAD


def label_of(name: str) -> str:
    """The full name without the part: "conv1"; unique within a network."""
    return name.split(".", maxsplit=1)[1]


def leaves_of(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that compute (those without children) by full name, in the order of their registration."""
    return {name: module for name, module in model.named_modules() if name and next(module.children(), None) is None}
