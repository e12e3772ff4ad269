"""This module holds what every way of asking "why this class?" answers with, and the gradients the ways are made of."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.models import Network

Floats = npt.NDArray[np.float32]

BATCH = 16
"""Number of changed pictures in a pass. Between two passes a page may say that nobody waits any more."""


def silent(done: int, total: int) -> None:
    """Go on: nobody watches, or asks to stop."""


@dataclass(frozen=True)
class Attribution:
    """An `Attribution` says how much each place of a picture, or of a layer, speaks for one class."""

    network_input: Floats
    """[channels, size_px, size_px]: the picture as the network receives it, after normalisation."""
    map: Floats
    """[height, width]: one number a place."""
    class_index: int
    """Index of the class that was explained."""
    logits: Floats
    """[num_classes]: the network's numbers for the picture, before the softmax."""

    @property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """Return the softmax of the logits: [num_classes]."""
        shares: npt.NDArray[np.float64] = torch.from_numpy(self.logits).double().softmax(dim=0).numpy()
        return shares


@dataclass(frozen=True)
class Question:
    """A `Question` holds a picture as the network receives it, what the network says of it, and the class to explain."""

    x: Tensor
    """[1, channels, size_px, size_px]"""
    logits: Tensor
    """[num_classes]"""
    class_index: int

    def answered(self, values: Tensor) -> Attribution:
        """Return the attribution whose map is `values` [height, width]."""
        return Attribution(
            network_input=self.x[0].cpu().numpy(),
            map=values.cpu().numpy(),
            class_index=self.class_index,
            logits=self.logits.cpu().numpy(),
        )


@dataclass(frozen=True)
class LayerGradient:
    """A `LayerGradient` holds a layer's maps for one picture, and how the logit of a class grows with each value."""

    question: Question
    maps: Tensor
    """[K, height, width]: A^k, the layer's output."""
    gradient: Tensor
    """[K, height, width]: dz_c / dA^k."""


def received(
    network: Network, picture: npt.NDArray[np.uint8], mean: tuple[float, ...], std: tuple[float, ...]
) -> Tensor:
    """Return a picture uint8 [size_px, size_px, channels] as the network receives it: [1, channels, size_px, size_px]."""
    device = next(network.parameters()).device
    pixels = torch.from_numpy(np.array(picture)).to(device)  # a copy: memory-mapped pictures are read-only
    return to_network(pixels[None], mean, std)


def logits_of(network: Network, x: Tensor, progress: Callable[[int, int], None] = silent) -> Tensor:
    """Return the logits [N, num_classes] of pictures [N, channels, size_px, size_px], a batch at a time.

    `progress` is called before each batch with (done, total), in pictures; what it raises ends the computation.
    """
    parts = []
    with capture(network, []):
        for done, part in enumerate(torch.split(x, BATCH)):
            progress(done * BATCH, len(x))
            parts.append(network(part))
    return torch.cat(parts)


def question_of(network: Network, x: Tensor, class_index: int | None) -> Question:
    """Return the question about a picture [1, channels, size_px, size_px]; without a class, about that of the largest logit."""
    logits = logits_of(network, x)[0]
    return Question(x, logits, chosen_of(logits, class_index))


def chosen_of(logits: Tensor, class_index: int | None) -> int:
    """Return the class to explain: the asked one, else that of the largest logit."""
    return int(logits.argmax()) if class_index is None else class_index


def input_gradients(
    network: Network, x: Tensor, class_index: int, progress: Callable[[int, int], None] = silent
) -> Tensor:
    """Return dz_c / dx for each of the pictures [N, channels, size_px, size_px], of the same shape.

    z_c is the logit of the class. In eval mode no picture of a batch changes what another one gives, so the gradient of
    the sum of logits is that of each. Leaves no trace in the network.
    """
    parts = []
    with capture(network, [], gradients=True):
        for done, part in enumerate(torch.split(x, BATCH)):
            progress(done * BATCH, len(x))
            asked = part.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(network(asked)[:, class_index].sum(), asked)
            parts.append(gradient)
    return torch.cat(parts)


def layer_gradient(network: Network, x: Tensor, layer: str, class_index: int | None) -> LayerGradient:
    """Return the maps of the layer `layer` ("base.relu2") for a picture [1, channels, size_px, size_px], and dz_c / dA.

    `class_index` None: the class with the largest logit. Leaves no trace in the network.
    Raises LookupError where there is no such layer, ValueError where its output is no maps.
    """
    with capture(network, [layer], gradients=True) as seen:
        logits = network(x)[0]
        maps = seen[layer]
        if maps.ndim != 4:
            raise ValueError(f"The output of {layer} is no maps: a map needs places.")
        chosen = chosen_of(logits, class_index)
        (gradient,) = torch.autograd.grad(logits[chosen], maps)
    return LayerGradient(Question(x, logits.detach(), chosen), maps[0].detach(), gradient[0])


def stretched(values: Floats, size_px: int) -> Floats:
    """Stretch a map [height, width] over the picture: [size_px, size_px], bilinear between the places' centres."""
    wide = F.interpolate(
        torch.from_numpy(values)[None, None], size=(size_px, size_px), mode="bilinear", align_corners=False
    )
    over: Floats = wide[0, 0].numpy()
    return over
