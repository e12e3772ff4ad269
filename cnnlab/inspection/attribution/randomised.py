"""This module gives layers of a network fresh weights, and says how alike two maps are: the sanity check of attributions.

A map that stays the same without what the network learnt shows the picture, not the network. Source: Adebayo et al. 2018,
"Sanity Checks for Saliency Maps", arXiv:1810.03292.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from cnnlab.analysis.layers import LayerRow
from cnnlab.data import DatasetInfo
from cnnlab.inspection.capture import kept_random_state
from cnnlab.inspection.summary import summarise
from cnnlab.models import Network, build
from cnnlab.registry import UnknownNameError
from cnnlab.schema import TrainingConfig

SEED = 20181008


def learnt(layers: Sequence[LayerRow]) -> list[LayerRow]:
    """Return those of a network's layers, in the order of execution, that have weights: from the logits down."""
    return [row for row in reversed(layers) if row.parameters]


def randomise(network: Network, config: TrainingConfig, info: DatasetInfo, last: str, seed: int = SEED) -> Network:
    """Return a network with fresh weights from the logits down to the layer `last` ("base.conv1": all of them), in eval mode.

    The fresh weights are those with which the architecture begins a training; batch normalisation forgets its means too.
    The layers below `last` keep the very weights of `network`, which stays as it was, as does torch's random state.
    Raises UnknownNameError where no layer of that name has weights.
    """
    names = [row.name for row in learnt(summarise(config, info))]
    if last not in names:
        raise UnknownNameError(f"There is no layer with weights {last!r}. There are: {', '.join(names)}.")
    with kept_random_state():
        torch.manual_seed(seed)
        fresh = build(config, info)
    forgotten = tuple(f"{name}." for name in names[: names.index(last) + 1])
    kept = {name: value for name, value in network.state_dict().items() if not name.startswith(forgotten)}
    fresh.load_state_dict(kept, strict=False, assign=True)
    return fresh.eval()


def rank_correlation(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float | None:
    """Return Spearman's rank correlation of two maps of the same shape: 1 where both put all places in the same order.

    0: the order of one says nothing of the other's; -1: the reverse order. None where a map is the same everywhere (or no
    numbers), since it then has no order.
    """
    if one.size < 2 or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return None
    if (one == one.flat[0]).all() or (other == other.flat[0]).all():
        return None
    from scipy.stats import spearmanr  # 50 MB: here, so that only a server that is asked for it holds them

    return float(spearmanr(one, other, axis=None).statistic)
