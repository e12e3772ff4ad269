"""This module covers a picture with a window, place by place, and notes how far the logit of a class falls.

Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", arXiv:1311.2901, section 4.2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnnlab.inspection.attribution.answer import Attribution, Floats, logits_of, question_of, received, silent
from cnnlab.models import Network

WINDOW_PX, STRIDE_PX = 8, 4
"""Side of the square window, and its step: a quarter of a 32-pixel picture, so that it hides a thing and not an edge."""


@dataclass(frozen=True)
class Occlusion(Attribution):
    """An `Occlusion` holds what covering each part of a picture does to the logit of one class.

    Its map says for each pixel how far the logit falls, on average over the windows that cover the pixel; below zero
    where it rises.
    """

    drops: Floats
    """[rows, columns]: how far the logit of the class falls with the window in each of its places."""
    said: npt.NDArray[np.int64]
    """[rows, columns]: the class of the largest logit with the window in that place."""


def compute(
    network: Network,
    picture: npt.NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    class_index: int | None = None,
    progress: Callable[[int, int], None] = silent,
) -> Occlusion:
    """Compute the occlusion map of a picture uint8 [size_px, size_px, channels].

    The window covers all channels with the colour that the network receives as 0. `class_index` None: the class with the
    largest logit. `progress` is called before each batch with (done, total). Leaves no trace in the network.
    """
    x = received(network, picture, mean, std)
    question = question_of(network, x, class_index)
    chosen = question.class_index
    covers = windows(x.shape[2], x.shape[3], WINDOW_PX, STRIDE_PX).to(x.device)
    rows, columns = covers.shape[:2]
    masks = covers.flatten(0, 1)[:, None]
    covered = logits_of(network, x * ~masks, progress)
    drops = question.logits[chosen] - covered[:, chosen]
    total = (drops[:, None, None] * masks[:, 0]).sum(dim=0)
    return Occlusion(
        **vars(question.answered(total / masks[:, 0].sum(dim=0))),
        drops=drops.view(rows, columns).cpu().numpy(),
        said=covered.argmax(dim=1).view(rows, columns).cpu().numpy(),
    )


def windows(height: int, width: int, window_px: int, stride_px: int) -> Tensor:
    """Return which pixels each window covers: bool [rows, columns, height, width].

    The last window of a row or column ends with the picture where the steps do not come out even. A picture that is no
    larger than the window has one.
    """
    down, across = _covers(height, window_px, stride_px), _covers(width, window_px, stride_px)
    return down[:, None, :, None] & across[None, :, None, :]


def _covers(size_px: int, window_px: int, stride_px: int) -> Tensor:
    """Return which pixels of a line each window covers: bool [windows, size_px]."""
    starts = torch.arange(0, max(size_px - window_px, 0) + stride_px, stride_px)
    starts = starts[: -(-max(size_px - window_px, 0) // stride_px) + 1]
    pixels = torch.arange(size_px)
    return (pixels >= starts[:, None]) & (pixels < starts[:, None] + window_px)
