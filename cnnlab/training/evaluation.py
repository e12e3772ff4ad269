"""This module measures a network's loss and accuracy in one way for every set: eval mode and plain cross entropy.

Pictures are not augmented, unless a caller asks for test-time augmentation by name.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.analysis.significance.answers import Answers
from cnnlab.data.tensors import Data, ImageSet, to_network
from cnnlab.records import FullScores, Score
from cnnlab.schema import VIEWS, PrecisionName, ViewsName
from cnnlab.training.engine.precision import arithmetic

BATCH = 500
"""Number of pictures in one forward pass of measuring: large enough to be quick, small enough for a laptop's memory."""
Tell = Callable[[str, int, int, int], None]
"""Function that is told how far a measuring is: the name of the set, views of each picture, pictures done, pictures in all.

It is told of 0 pictures first, and of all once their answers are there: on a GPU the batches before are only asked for.
"""


class Measured(NamedTuple):
    """A `Measured` holds a network's scores on the whole of each set, and what it says of each test picture."""

    scores: FullScores
    answers: Answers
    test: Predictions


def evaluate(
    model: nn.Module,
    images: ImageSet,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    precision: PrecisionName = "float32",
    views: ViewsName = "none",
    tell: Tell = lambda *_: None,
) -> Score:
    """Return the loss (mean cross entropy, nats) and accuracy (0 to 1) of `model` over the whole of `images`.

    Losses are summed in double precision. The model's mode (train or eval) is put back; no random number is drawn. With
    `views`, each picture's logits are the weighted mean over its views: `views_of`.
    """
    return _evaluated(model, images, mean, std, precision, views, tell)[0]


def answered(
    model: nn.Module,
    images: ImageSet,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    precision: PrecisionName = "float32",
    tell: Tell = lambda *_: None,
) -> tuple[Score, Predictions]:
    """Return the score that `evaluate` returns, and what `model` says of each picture, of one and the same pass."""
    score, logits = _evaluated(model, images, mean, std, precision, "none", tell)
    return score, _predictions(images, logits, precision)


@torch.no_grad()
def _evaluated(
    model: nn.Module,
    images: ImageSet,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    precision: PrecisionName,
    views: ViewsName,
    tell: Tell,
) -> tuple[Score, Tensor]:
    """Return the score that `evaluate` returns, and the logits [N, classes], on the device."""
    was_training = model.training
    model.eval()
    try:
        losses, right, said = [], [], []
        for start in range(0, len(images), BATCH):
            tell(images.name, VIEWS[views], start, len(images))
            labels = images.labels[start : start + BATCH]
            pictures = to_network(images.images[start : start + BATCH], mean, std)
            logits = torch.zeros((), device=pictures.device)
            for weight, view in views_of(pictures, views):
                with arithmetic(precision, pictures.device):
                    logits = logits + weight * model(view).float()
            losses.append(F.cross_entropy(logits, labels, reduction="sum"))
            right.append((logits.argmax(1) == labels).sum())
            said.append(logits)
    finally:
        model.train(was_training)
    loss = math.fsum(torch.stack(losses).tolist())  # Python's own floats: MPS has no float64; one wait for the device
    tell(images.name, VIEWS[views], len(images), len(images))
    score = Score(
        loss=loss / len(images),
        accuracy=int(torch.stack(right).sum().item()) / len(images),
        n=len(images),
        views=VIEWS[views],
    )
    return score, torch.cat(said)


def views_of(pictures: Tensor, views: ViewsName) -> Iterator[tuple[float, Tensor]]:
    """Yield the views of pictures [N, C, H, W] that test-time augmentation averages, each with its weight.

    The weights add up to 1. none: the pictures as they are. mirror: as they are and mirrored. mirror_shift: half the
    weight for these two, and a quarter each for the same two moved by one pixel towards the upper left and the lower
    right, with the edge mirrored outwards (Jordan 2024).
    """
    if views == "none":
        yield 1.0, pictures
        return
    moved = [(1.0, pictures)]
    if views == "mirror_shift":
        height, width = pictures.shape[2:]
        padded = F.pad(pictures, (1, 1, 1, 1), mode="reflect")
        moved = [(0.5, pictures), (0.25, padded[:, :, :height, :width]), (0.25, padded[:, :, 2:, 2:])]
    for weight, view in moved:
        yield weight / 2, view
        yield weight / 2, view.flip(3)


def full_scores(
    model: nn.Module,
    data: Data,
    epoch: int,
    precision: PrecisionName = "float32",
    views: ViewsName = "none",
    tell: Tell = lambda *_: None,
) -> Measured:
    """Return the scores of `model` on the whole of the training, validation and test set, and what it says of the test.

    With `views`, the test set is measured once more with that test-time augmentation; what it says is without.
    """

    def score(images: ImageSet) -> Score:
        return evaluate(model, images, data.mean, data.std, precision, tell=tell)

    augmented = evaluate(model, data.test, data.mean, data.std, precision, views, tell) if views != "none" else None

    train, validation = score(data.train), score(data.validation) if data.validation else None
    test, said = answered(model, data.test, data.mean, data.std, precision, tell)
    scores = FullScores(epoch=epoch, train=train, validation=validation, test=test, test_augmented=augmented)
    answers = Answers(
        labels=said.labels,
        predicted=said.predicted.astype(np.int16),
        probability=said.probability,
        pictures=np.frombuffer(data.test.sha256, dtype=np.uint8),
    )
    return Measured(scores, answers, said)


def _predictions(images: ImageSet, logits: Tensor, precision: PrecisionName) -> Predictions:
    """Return what a run says of `images` with these logits [N, classes]."""
    labels = images.labels.to(torch.int16).cpu().numpy()
    return Predictions.of(labels, logits.cpu().numpy(), precision, logits.device.type, by_run=True)
