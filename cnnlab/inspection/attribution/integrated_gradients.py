"""This module computes integrated gradients, which divide the rise of a class's logit among the pixels.

Source: Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks", arXiv:1703.01365.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnnlab.data.tensors import to_network
from cnnlab.inspection.attribution.answer import (
    Attribution,
    Floats,
    input_gradients,
    logits_of,
    question_of,
    received,
    silent,
)
from cnnlab.models import Network
from cnnlab.registry import UnknownNameError

STEPS = 32
"""Points on the way from the baseline to the picture where the gradient is taken."""
BASELINES = ("black", "grey", "white")
"""Pictures from which the way begins: all pixels 0, the colour that the network receives as 0, all pixels 255."""


@dataclass(frozen=True)
class IntegratedGradients(Attribution):
    """An `IntegratedGradients` holds what each pixel adds to the logit of one class, on the way from a baseline.

    Its map is the sum over the colour channels of `shares`.
    """

    shares: Floats
    """[channels, size_px, size_px]: the part of the rise of the logit that each value of the network's input has."""
    baseline_logit: float
    """Logit of the class for the baseline."""

    @property
    def total(self) -> float:
        """Return the sum of all shares."""
        return float(self.shares.sum(dtype=np.float64))

    @property
    def rise(self) -> float:
        """Return the logit of the class for the picture minus that for the baseline: what the sum should be."""
        return float(self.logits[self.class_index]) - self.baseline_logit


def compute(
    network: Network,
    picture: npt.NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    class_index: int | None = None,
    baseline: str = BASELINES[0],
    progress: Callable[[int, int], None] = silent,
) -> IntegratedGradients:
    """Compute the integrated gradients of a picture uint8 [size_px, size_px, channels].

    With x the network's input, x0 that of the baseline and z_c the logit of the class, the share of each value is
    (x - x0) times the mean of dz_c / dx on the straight way from x0 to x. The mean is taken at STEPS points by
    Gauss and Legendre's rule, so the sum of the shares is z_c(x) - z_c(x0) up to what lies between the points.
    `class_index` None: the class with the largest logit. `progress` is called before each batch with
    (done, total). Leaves no trace.
    Raises UnknownNameError where there is no such baseline.
    """
    x = received(network, picture, mean, std)
    begin = baseline_of(baseline, x, mean, std)
    question = question_of(network, x, class_index)
    points, weights = (torch.from_numpy(one).float().to(x.device).view(-1, 1, 1, 1) for one in _rule(STEPS))
    gradients = input_gradients(network, begin + points * (x - begin), question.class_index, progress)
    shares = (x - begin)[0] * (weights * gradients).sum(dim=0)
    return IntegratedGradients(
        **vars(question.answered(shares.sum(dim=0))),
        shares=shares.cpu().numpy(),
        baseline_logit=float(logits_of(network, begin)[0, question.class_index]),
    )


def baseline_of(name: str, x: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Return the baseline of that name as the network receives it, shaped like `x` [1, channels, size_px, size_px].

    Raises UnknownNameError for a name that is not in BASELINES.
    """
    if name not in BASELINES:
        raise UnknownNameError(f"There is no baseline {name!r}. Choose one of: {', '.join(BASELINES)}.")
    if name == "grey":
        return torch.zeros_like(x)
    value = {"black": 0, "white": 255}[name]
    pixels = torch.full((1, *x.shape[2:], x.shape[1]), value, dtype=torch.uint8, device=x.device)
    return to_network(pixels, mean, std)


def _rule(steps: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return Gauss and Legendre's points between 0 and 1 and their weights, which add up to 1."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    return (points + 1) / 2, weights / 2
