"""This module draws a dropout mask as a training step does, and asks a network about one picture many times with dropout.

Sources: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting (JMLR 2014); Gal and
Ghahramani, Dropout as a Bayesian approximation (ICML 2016, arXiv:1506.02142).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnnlab.data.tensors import to_network
from cnnlab.inspection.training_mode.masks import draw_masks, scale_of
from cnnlab.inspection.training_mode.twin import twin_of
from cnnlab.models import Network

PASSES = 20
"""Number of times that one picture is shown with dropout on."""


@dataclass(frozen=True)
class Mask:
    """A `Mask` holds what one dropout layer did to each unit of each picture of a batch, in train mode.

    A unit is one value of a fully connected layer, or one channel of a convolution.
    """

    kept: npt.NDArray[np.float32]
    """[N, units]: share of the unit's values that were kept: 1 or 0, where a unit has one value or is dropped as a whole."""
    before: npt.NDArray[np.float32]
    """[N, units]: the unit's value before dropout; of a channel the mean of its map."""
    after: npt.NDArray[np.float32]
    """[N, units]: the same behind dropout."""
    scale: npt.NDArray[np.float64]
    """[1]: number by which kept values were multiplied: 1 / (1 - p)."""
    p: npt.NDArray[np.float64]
    """[1]: probability with which a value is dropped."""
    drawn: npt.NDArray[np.int64]
    """[1]: how many times the layer drew, once a value or once a channel."""
    dropped: npt.NDArray[np.int64]
    """[1]: how many of these were dropped."""


def mask_of(network: Network, layer: str, x: Tensor, seed: int) -> Mask:
    """Return what the dropout layer of that full name does to the batch `x` [N, channels, height, width] in train mode.

    All layers are in train mode and draw in their order, beginning with `seed`, as they would after
    `torch.manual_seed(seed)`. Leaves no trace in the network, which is on the CPU.
    """
    twin = twin_of(network).train()
    module = twin.get_submodule(layer)
    found: dict[str, tuple[Tensor, Tensor, Tensor]] = {}

    def seen(name: str, before: Tensor, kept: Tensor, after: Tensor) -> None:
        if name == layer:
            found[name] = before, kept, after

    draw_masks(twin, seed, seen)
    with torch.no_grad():
        twin(x)
    before, kept, after = found[layer]
    return Mask(
        kept=_by_unit(kept),
        before=_by_unit(before),
        after=_by_unit(after),
        scale=np.array([scale_of(module)]),
        p=np.array([float(module.p)]),  # type: ignore[arg-type]
        drawn=np.array([kept.numel()]),
        dropped=np.array([int((kept == 0).sum())]),
    )


def _by_unit(values: Tensor) -> npt.NDArray[np.float32]:
    """Return [N, units] of values [N, units, ...]: of each unit the mean."""
    return (values.flatten(2).mean(dim=2) if values.ndim > 2 else values).numpy()


@dataclass(frozen=True)
class Passes:
    """A `Passes` holds what a network says of one picture in eval mode, and many times with its dropout on."""

    eval: npt.NDArray[np.float64]
    """[num_classes]: probabilities in eval mode, where nothing is dropped."""
    dropped: npt.NDArray[np.float64]
    """[PASSES, num_classes]: probabilities of each pass with dropout on."""


def passes_of(
    network: Network,
    picture: npt.NDArray[np.uint8],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Passes:
    """Return what `network` says of a picture uint8 [size_px, size_px, channels], with and without dropout.

    Only the dropout layers are in train mode in the passes; all else, batch normalisation included, is in eval mode, so that
    nothing but the masks differs (Monte-Carlo dropout). The masks begin with `seed`. `progress(done, total)` is called before
    each pass; what it raises ends the computation. Leaves no trace in the network, which is on the CPU.
    """
    twin = twin_of(network).eval()
    x = to_network(torch.from_numpy(np.array(picture))[None], mean, std)
    with torch.no_grad():
        without, dropped = _probabilities(twin, x), []
        draw_masks(twin, seed)
        for done in range(PASSES):
            progress(done, PASSES)
            dropped.append(_probabilities(twin, x))
    return Passes(without, np.stack(dropped))


def _probabilities(network: Network, x: Tensor) -> npt.NDArray[np.float64]:
    probabilities: npt.NDArray[np.float64] = network(x)[0].double().softmax(dim=0).numpy()
    return probabilities
