"""This module reads a network's features: the numbers that its last fully connected layer is given for each picture."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cnnlab.analysis.layers import LayerKind, LayerRow
from cnnlab.checkpoints import CheckpointError
from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.models import Network

BATCH = 500
"""Number of pictures in a forward pass, the same as where a run measures its accuracy."""
PICTURES = 2_000
"""Most pictures on a map: of a larger set, so many are taken, evenly spread. More points hide each other."""


@dataclass(frozen=True, eq=False)
class Features:
    """`Features` are what the last fully connected layer is given for each of N pictures, and what it answers."""

    features: npt.NDArray[np.float32]
    """[N, features]."""
    logits: npt.NDArray[np.float32]
    """[N, classes]."""


def reader_of(rows: Sequence[LayerRow]) -> LayerRow | None:
    """Return the last fully connected layer, whose input is a network's features; None where there is none.

    `rows`: the layers in the order of execution. Without such a layer the logits themselves are taken as features.
    """
    return next((row for row in reversed(rows) if row.kind is LayerKind.LINEAR), None)


def features_of(
    network: Network,
    images: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Features:
    """Compute the features and the logits of the pictures images[places], in eval mode.

    `images`: uint8 [all, size_px, size_px, channels]. `progress(done, total)` is called after each batch, in pictures. The
    network stays as it was. Raises CheckpointError where an answer is no finite number: such pictures have no place.
    """
    device = next(network.parameters()).device
    features, logits = [], []
    with capture(network, []), _inputs(network) as given:
        for start in range(0, len(places), BATCH):
            given.clear()
            pixels = torch.from_numpy(np.ascontiguousarray(images[places[start : start + BATCH]])).to(device)
            answer = network(to_network(pixels, mean, std))
            logits.append(answer.float().cpu())
            features.append((given[-1] if given else answer).detach().flatten(1).float().cpu())
            progress(min(start + BATCH, len(places)), len(places))
    seen = Features(torch.cat(features).numpy(), torch.cat(logits).numpy())
    if not (np.isfinite(seen.features).all() and np.isfinite(seen.logits).all()):
        raise CheckpointError("The answers of this network are not finite numbers: its training had failed.")
    return seen


@contextmanager
def _inputs(network: nn.Module) -> Iterator[list[Tensor]]:
    """Note, while the context lasts, the input of each fully connected layer that runs, in the order of execution."""
    given: list[Tensor] = []

    def note(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        del layer
        given.append(inputs[0])

    hooks = [layer.register_forward_pre_hook(note) for layer in network.modules() if isinstance(layer, nn.Linear)]
    try:
        yield given
    finally:
        for hook in hooks:
            hook.remove()
