"""This module computes SmoothGrad, the mean saliency of many copies of a picture with noise on them.

Source: Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise", arXiv:1706.03825.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnnlab.inspection.attribution.answer import Attribution, input_gradients, question_of, received, silent
from cnnlab.models import Network

COPIES = 24
"""Number of copies with noise. The paper finds little change beyond 50; the map is much the same from 20 on."""
NOISE = 0.15
"""Standard deviation of the noise as a share of the range of the network's input; the paper has 0.1 to 0.2."""
SEED = 0


def compute(
    network: Network,
    picture: npt.NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    class_index: int | None = None,
    progress: Callable[[int, int], None] = silent,
) -> Attribution:
    """Compute the SmoothGrad of a picture uint8 [size_px, size_px, channels].

    With x the network's input and z_c the logit of the class, the map is the mean over copies of |dz_c / dx| at x + noise,
    of the channels the largest. `class_index` None: the class with the largest logit for the picture without noise.
    `progress` is called before each batch with (done, total). The noise is the same at each call. Leaves no trace.
    """
    x = received(network, picture, mean, std)
    question = question_of(network, x, class_index)
    size = input_gradients(network, x + noise(x), question.class_index, progress).abs().mean(dim=0)
    return question.answered(size.amax(dim=0))


def noise(x: Tensor) -> Tensor:
    """Return the noise for COPIES copies of the input `x` [1, channels, size_px, size_px]: Gaussian, by a fixed seed."""
    random = torch.Generator().manual_seed(SEED)
    drawn = torch.randn((COPIES, *x.shape[1:]), generator=random).to(x.device)
    return drawn * (NOISE * (x.max() - x.min()))
