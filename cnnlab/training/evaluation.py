"""One way to measure, for every set alike: eval mode, no augmentation, plain cross entropy."""

import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.data.tensors import Data, ImageSet, to_network
from cnnlab.records import FullScores, Score

BATCH = 500
"""Pictures a forward pass: large enough to be quick, small enough for a laptop's memory."""


@torch.no_grad()
def evaluate(model: nn.Module, images: ImageSet, mean: tuple[float, ...], std: tuple[float, ...]) -> Score:
    """Loss (mean cross entropy, nats) and accuracy (0 to 1) over the whole of `images`.

    Summed in double precision. The model's mode is put back; no random number is drawn.
    """
    was_training = model.training
    model.eval()
    try:
        loss, right = 0.0, 0
        for start in range(0, len(images), BATCH):
            labels = images.labels[start : start + BATCH]
            logits = model(to_network(images.images[start : start + BATCH], mean, std))
            loss += F.cross_entropy(logits, labels, reduction="sum").item()  # Python's own floats: MPS has no float64
            right += int((logits.argmax(1) == labels).sum().item())
    finally:
        model.train(was_training)
    return Score(loss=loss / len(images), accuracy=right / len(images), n=len(images))


def full_scores(model: nn.Module, data: Data, epoch: int) -> FullScores:
    """The model on the whole of each set."""

    def score(images: ImageSet) -> Score:
        return evaluate(model, images, data.mean, data.std)

    return FullScores(
        epoch=epoch,
        train=score(data.train),
        validation=score(data.validation) if data.validation else None,
        test=score(data.test),
    )
