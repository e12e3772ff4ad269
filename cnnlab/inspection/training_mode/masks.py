"""This module draws the masks of dropout layers by random numbers of their own, as torch draws them from the same seed.

Torch's layers draw from the random state of the whole process, which other threads use at the same time.
"""

from collections.abc import Callable
from functools import partial
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.models import Network

WHOLE_CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout)
ALPHA = (nn.AlphaDropout, nn.FeatureAlphaDropout)
DROPOUTS = (nn.Dropout, nn.AlphaDropout, *WHOLE_CHANNELS)
ALPHA_PRIME = -1.7580993408473766
"""Value to which alpha dropout sets what it drops, before it scales (Klambauer et al. 2017, Self-normalizing networks)."""

Seen = Callable[[str, Tensor, Tensor, Tensor], None]


def _unseen(name: str, before: Tensor, kept: Tensor, after: Tensor) -> None:
    """Look at nothing."""


def draw_masks(twin: Network, seed: int, seen: Seen = _unseen) -> None:
    """Let each dropout layer of `twin` drop values in each forward pass from now on, in whatever mode the other layers are.

    The masks are those of torch's own layers in train mode after `torch.manual_seed(seed)`; torch's random state is not
    touched. `seen(name, before, kept, after)` is called at each layer: what goes in, 1 or 0 for each value or for each
    channel [N, C, 1, ...] where it is kept as a whole, and what comes out. Layers of an architecture's own kind are not known.
    """
    random = torch.Generator().manual_seed(seed)
    for name, module in twin.named_modules():
        if isinstance(module, DROPOUTS):
            module.eval()  # torch's own mask is not drawn
            module.register_forward_hook(partial(_drop, name, random, seen))


def scale_of(module: nn.Module) -> float:
    """Return the number by which a dropout layer multiplies what it keeps; 0 where it keeps nothing."""
    p: float = module.p  # type: ignore[assignment]
    if p >= 1:
        return 0.0
    return 1 / sqrt((1 - p) * (1 + p * ALPHA_PRIME**2)) if isinstance(module, ALPHA) else 1 / (1 - p)


def _drop(
    name: str, random: torch.Generator, seen: Seen, module: nn.Module, inputs: tuple[Tensor, ...], output: Any
) -> Tensor:
    (before,) = inputs
    p: float = module.p  # type: ignore[assignment]
    whole = isinstance(module, WHOLE_CHANNELS)
    shape = (*before.shape[:2], *(1,) * (before.ndim - 2))
    kept = (before.new_empty(shape) if whole else torch.empty_like(before)).bernoulli_(1 - p, generator=random)
    after = before * (kept * scale_of(module))
    if isinstance(module, ALPHA):
        after = after + scale_of(module) * ALPHA_PRIME * (1 - kept - p)
    seen(name, before, kept, after)
    return after
