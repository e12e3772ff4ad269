"""This module computes saliency: how strongly the logit of a class changes with each pixel.

Source: Simonyan, Vedaldi and Zisserman 2014, "Deep Inside Convolutional Networks", arXiv:1312.6034.
"""

import numpy as np
import numpy.typing as npt

from cnnlab.inspection.attribution.answer import Attribution, input_gradients, question_of, received
from cnnlab.models import Network


def compute(
    network: Network,
    picture: npt.NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    class_index: int | None = None,
) -> Attribution:
    """Compute the saliency of a picture uint8 [size_px, size_px, channels].

    With x the network's input and z_c the logit of the class, the map is |dz_c / dx|, of the channels the largest.
    `class_index` None: the class with the largest logit. Leaves no trace in the network.
    """
    x = received(network, picture, mean, std)
    question = question_of(network, x, class_index)
    size = input_gradients(network, x, question.class_index)[0].abs()
    return question.answered(size.amax(dim=0))
