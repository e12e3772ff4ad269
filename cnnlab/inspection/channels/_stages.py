"""This module cuts a network at a layer, so that what lies before or behind it can be run alone."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.models import Network


@dataclass(frozen=True)
class Cut:
    """A `Cut` holds the stages of a network, as they run one after another, around the one that holds a layer.

    A stage is a child of the base or of the head: a single layer, or a block of several.
    """

    before: tuple[nn.Module, ...]
    stage: nn.Module
    after: tuple[nn.Module, ...]

    @property
    def until(self) -> tuple[nn.Module, ...]:
        """Return the stages up to the layer's own, which is the last of them."""
        return *self.before, self.stage


def cut_at(network: Network, layer: str) -> Cut:
    """Cut `network` at the layer of that full name ("base.conv1"). Raises LookupError where there is none."""
    part, _, rest = layer.partition(".")
    name = f"{part}.{rest.partition('.')[0]}"
    stages = {
        f"{part}.{child}": module
        for part in ("base", "head")
        for child, module in getattr(network, part).named_children()
    }
    if name not in stages:
        raise LookupError(f"There is no layer {layer!r}. The stages are: {', '.join(stages)}.")
    place = list(stages).index(name)
    modules = tuple(stages.values())
    return Cut(modules[:place], modules[place], modules[place + 1 :])


def run(stages: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Return what the stages make of `x`, one after another."""
    for stage in stages:
        x = stage(x)
    return x


def as_maps(output: Tensor) -> Tensor:
    """Return a layer's output as [N, channels, height, width]; a unit of a fully connected layer is a map of one place."""
    return output[:, :, None, None] if output.ndim == 2 else output


def batches(places: int, size: int) -> Iterable[tuple[int, int]]:
    """Return the first and the last place (not included) of each batch of `size`."""
    return ((start, min(start + size, places)) for start in range(0, places, size))


def device_of(network: nn.Module) -> torch.device:
    """Return the device on which the network computes."""
    return next(network.parameters()).device
