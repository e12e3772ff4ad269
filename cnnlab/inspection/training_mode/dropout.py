"""This module draws a dropout mask as a training step does, and asks a network about one picture many times with dropout.

Sources: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting (JMLR 2014); Gal and
Ghahramani, Dropout as a Bayesian approximation (ICML 2016, arXiv:1506.02142).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cnnlab.data.tensors import to_network
from cnnlab.inspection.training_mode.twin import seeded, twin_of
from cnnlab.models import Network

PASSES = 20
"""Number of times that one picture is shown with dropout on."""
_WHOLE_CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout)
_KINDS = (nn.Dropout, nn.AlphaDropout, *_WHOLE_CHANNELS)


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
    `torch.manual_seed(seed)`. Where a value is zero already, dropping it shows in no output: so the mask is read from what
    the layer makes of ones and of zeros in the same draw. Leaves no trace in the network, which is on the CPU.
    """
    twin = twin_of(network).train()
    module = twin.get_submodule(layer)
    seen: dict[str, Tensor] = {}

    def draw(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        state = torch.get_rng_state()
        ones = layer.forward(torch.ones_like(inputs[0]))
        torch.set_rng_state(state)
        zeros = layer.forward(torch.zeros_like(inputs[0]))
        torch.set_rng_state(state)  # the layer itself now draws the same
        seen.update(factor=ones - zeros, before=inputs[0])

    def note(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        seen["after"] = output

    module.register_forward_pre_hook(draw)
    module.register_forward_hook(note)
    with torch.no_grad(), seeded(seed):
        twin(x)
    factor = seen["factor"]
    draws = factor.flatten(2)[:, :, :1] if isinstance(module, _WHOLE_CHANNELS) and factor.ndim > 2 else factor
    return Mask(
        kept=_by_unit((factor != 0).float()),
        before=_by_unit(seen["before"]),
        after=_by_unit(seen["after"]),
        scale=np.array([float(factor.max())]),
        p=np.array([float(module.p)]),  # type: ignore[arg-type]
        drawn=np.array([draws.numel()]),
        dropped=np.array([int((draws == 0).sum())]),
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
    network: Network, picture: npt.NDArray[np.uint8], mean: tuple[float, ...], std: tuple[float, ...], seed: int
) -> Passes:
    """Return what `network` says of a picture uint8 [size_px, size_px, channels], with and without dropout.

    Only the dropout layers are in train mode in the passes; all else, batch normalisation included, is in eval mode, so that
    nothing but the masks differs (Monte-Carlo dropout). The masks begin with `seed`. Leaves no trace in the network, which
    is on the CPU.
    """
    twin = twin_of(network).eval()
    x = to_network(torch.from_numpy(np.array(picture))[None], mean, std)
    with torch.no_grad(), seeded(seed):
        without = _probabilities(twin, x)
        for module in twin.modules():
            if isinstance(module, _KINDS):
                module.train()
        return Passes(without, np.stack([_probabilities(twin, x) for _ in range(PASSES)]))


def _probabilities(network: Network, x: Tensor) -> npt.NDArray[np.float64]:
    probabilities: npt.NDArray[np.float64] = network(x)[0].double().softmax(dim=0).numpy()
    return probabilities
