"""This module computes a network's answer to every picture of a set, and the confusion matrix of the answers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.models import Network

BATCH = 500
"""Number of pictures in a forward pass, the same as where a run measures its accuracy."""


@dataclass(frozen=True)
class Predictions:
    """A `Predictions` holds a network's answer to each picture of a set, in eval mode and without augmentation."""

    labels: npt.NDArray[np.int64]
    """[N]: the true class of each picture."""
    predicted: npt.NDArray[np.int64]
    """[N]: the class of the largest logit."""
    probability: npt.NDArray[np.float32]
    """[N]: the softmax of that logit, 0 to 1: how sure the network was."""

    @property
    def right(self) -> int:
        """Return the number of answers that are the true class."""
        return int((self.predicted == self.labels).sum())

    @property
    def accuracy(self) -> float:
        """Return the share of right answers, 0 to 1."""
        return self.right / len(self.labels)


def predict(
    network: Network,
    images: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    progress: Callable[[int, int], None],
) -> Predictions:
    """Predict the class of each picture images[places]; `images` uint8 [all, size_px, size_px, channels], `places` [N].

    `labels` [N] are the true classes. `progress(done, total)` is called after each batch, in pictures. The network
    stays as it was.
    """
    device = next(network.parameters()).device
    predicted, probability = [], []
    with capture(network, []):
        for start in range(0, len(places), BATCH):
            pixels = torch.from_numpy(np.ascontiguousarray(images[places[start : start + BATCH]])).to(device)
            logits = network(to_network(pixels, mean, std)).float()
            said = logits.argmax(dim=1)
            predicted.append(said.cpu())
            probability.append(logits.softmax(dim=1).gather(1, said[:, None])[:, 0].cpu())
            progress(min(start + BATCH, len(places)), len(places))
    return Predictions(np.asarray(labels, dtype=np.int64), torch.cat(predicted).numpy(), torch.cat(probability).numpy())


def confusion_matrix(
    labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], num_classes: int
) -> npt.NDArray[np.int64]:
    """Count the pictures of each true class (row) and predicted class (column): int64 [num_classes, num_classes]."""
    pairs = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes)
