"""This module computes what a batch normalisation does to each channel: by the batch's statistics, and by the running ones.

Source: Ioffe and Szegedy, Batch normalization: accelerating deep network training by reducing internal covariate shift
(ICML 2015, arXiv:1502.03167).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cnnlab.inspection.training_mode.masks import draw_masks
from cnnlab.inspection.training_mode.twin import twin_of
from cnnlab.models import Network

BINS = 40
"""Number of bars of a histogram."""
TRAIN, EVAL = 0, 1
"""Places of the two modes in the arrays: train mode (batch statistics), eval mode (running statistics)."""
BEFORE, AFTER = 0, 1
"""Places of the two sides in the arrays: what goes into the layer, and what comes out."""

Floats = npt.NDArray[np.float64]
Normalisation = nn.BatchNorm1d | nn.BatchNorm2d


@dataclass(frozen=True)
class Normalised:
    """A `Normalised` holds what a batch normalisation did to each of C channels over one batch, in both modes."""

    mean: Floats
    """[2 modes, 2 sides, C]: mean of the channel's values over the batch."""
    var: Floats
    """[2 modes, 2 sides, C]: variance of the same, divided by the number of values (not by one less)."""
    edges: Floats
    """[2 sides, C, BINS + 1]: ends of the bars, from the smallest to the largest value of both modes."""
    counts: npt.NDArray[np.int64]
    """[2 modes, 2 sides, C, BINS]: number of values in each bar; a bar holds its lower end, the last one both ends."""
    running_mean: Floats
    """[C]: the running mean of the checkpoint, by which eval mode normalises."""
    running_var: Floats
    """[C]"""
    updated_mean: Floats
    """[C]: the running mean as the layer itself has it after this batch in train mode."""
    updated_var: Floats
    """[C]"""
    gamma: Floats
    """[C]: the trained scale; 1 where the layer trains none."""
    beta: Floats
    """[C]: the trained shift; 0 where the layer trains none."""
    eps: Floats
    """[1]: number added to the variance."""
    momentum: Floats
    """[1]: weight of this batch in the running statistics."""
    keeps_running: npt.NDArray[np.bool_]
    """[1]: False where the layer keeps no running statistics, and takes the batch's in eval mode as well."""

    @property
    def values(self) -> int:
        """Return how many values of each channel there are: pictures times places of a map."""
        return int(self.counts[0, 0, 0].sum())


def normalised_by(network: Network, layer: str, x: Tensor, progress: Callable[[int, int], None]) -> Normalised:
    """Return what the batch normalisation of that full name does to the batch `x` [N, channels, height, width].

    In train mode all layers are in train mode, so that what reaches the layer is what reached it in a training step on these
    pictures; in eval mode all are in eval mode. `progress(done, total)` is called after each mode, in pictures. Leaves no
    trace in the network, which is on the CPU.
    """
    twin = twin_of(network)
    module = _layer(twin, layer)
    keeps = module.running_mean is not None
    old_mean, old_var = _running(module)
    seen: list[tuple[Tensor, Tensor]] = []
    for mode in (EVAL, TRAIN):  # train mode comes last: it changes the running statistics
        twin.train(mode == TRAIN)
        if mode == TRAIN:
            draw_masks(twin, seed=0)
        seen.insert(0, _both_sides(twin, module, x))
        progress(len(seen) * len(x), 2 * len(x))
    new_mean, new_var = _running(module)
    mean = np.stack([[side.double().mean(dim=1).numpy() for side in sides] for sides in seen])
    var = np.stack([[side.double().var(dim=1, correction=0).numpy() for side in sides] for sides in seen])
    if not keeps:
        old_mean, old_var, new_mean, new_var = (mean[EVAL, BEFORE], var[EVAL, BEFORE]) * 2
    edges = [_edges(seen[TRAIN][side], seen[EVAL][side]) for side in (BEFORE, AFTER)]
    counts = [[_counts(values, ends) for values, ends in zip(sides, edges, strict=True)] for sides in seen]
    channels = len(mean[TRAIN, BEFORE])
    return Normalised(
        mean=mean,
        var=var,
        edges=torch.stack(edges).numpy(),
        counts=np.array(counts, np.int64),
        running_mean=old_mean,
        running_var=old_var,
        updated_mean=new_mean,
        updated_var=new_var,
        gamma=np.ones(channels) if module.weight is None else module.weight.detach().double().numpy(),
        beta=np.zeros(channels) if module.bias is None else module.bias.detach().double().numpy(),
        eps=np.array([module.eps]),
        momentum=np.array([_momentum(module)]),
        keeps_running=np.array([keeps]),
    )


def _layer(network: Network, name: str) -> Normalisation:
    module = network.get_submodule(name)
    if not isinstance(module, Normalisation):
        raise LookupError(f"The layer {name!r} is no batch normalisation.")
    return module


def _both_sides(network: Network, module: Normalisation, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return what goes into `module` and what comes out while `network` sees `x`: [C, values of the channel]."""
    sides: list[Tensor] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        sides.extend(values.transpose(0, 1).flatten(1) for values in (inputs[0], output))

    hook = module.register_forward_hook(note)
    with torch.no_grad():
        network(x)
    hook.remove()
    before, after = sides
    return before, after


def _running(module: Normalisation) -> tuple[Floats, Floats]:
    """Return copies of the running mean and variance; empty arrays where the layer keeps none."""
    if module.running_mean is None or module.running_var is None:
        return np.zeros(0), np.zeros(0)
    return module.running_mean.clone().double().numpy(), module.running_var.clone().double().numpy()


def _momentum(module: Normalisation) -> float:
    """Return the weight that the last batch got: without a momentum of its own, torch takes the mean over all batches."""
    if module.momentum is not None:
        return module.momentum
    return 1.0 if module.num_batches_tracked is None else 1 / float(module.num_batches_tracked)


def _edges(first: Tensor, second: Tensor) -> Tensor:
    """Return the ends of BINS bars of equal width around the values [C, n] of both: [C, BINS + 1]."""
    low = torch.minimum(first.amin(dim=1), second.amin(dim=1)).double()
    high = torch.maximum(first.amax(dim=1), second.amax(dim=1)).double()
    alike = high <= low  # a channel that always says the same gets bars around it
    low, high = torch.where(alike, low - 0.5, low), torch.where(alike, high + 0.5, high)
    steps = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)
    edges = low[:, None] + (high - low)[:, None] * steps
    edges[:, -1] = high
    return edges


def _counts(values: Tensor, edges: Tensor) -> npt.NDArray[np.int64]:
    """Return how many of the values [C, n] each bar holds: [C, BINS]."""
    bars = torch.searchsorted(edges[:, 1:-1].contiguous(), values.double().contiguous(), right=True)
    return torch.zeros(len(values), BINS, dtype=torch.int64).scatter_add_(1, bars, torch.ones_like(bars)).numpy()
