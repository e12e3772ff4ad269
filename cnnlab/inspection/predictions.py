"""This module computes what a network says of every picture of a set."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.models import Network

BATCH = 500
"""Number of pictures in a forward pass, the same as where a run measures its accuracy."""


def predict(
    network: Network,
    images: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    progress: Callable[[int, int], None],
) -> Predictions:
    """Compute the logits of each picture images[places]; `images` uint8 [all, size_px, size_px, channels], `places` [N].

    `labels` [N] are the true classes. `progress(done, total)` is called after each batch, in pictures. The network
    stays as it was.
    """
    device = next(network.parameters()).device
    logits = []
    with capture(network, []):
        for start in range(0, len(places), BATCH):
            pixels = torch.from_numpy(np.ascontiguousarray(images[places[start : start + BATCH]])).to(device)
            logits.append(network(to_network(pixels, mean, std)).float().cpu())
            progress(min(start + BATCH, len(places)), len(places))
    return Predictions.of(labels, torch.cat(logits).numpy(), device=device.type)
