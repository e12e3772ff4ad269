"""The optimizers a config can name."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from cnnlab.schema import TrainingConfig


def make_optimizer(config: TrainingConfig, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Adam (Kingma & Ba 2014), AdamW (Loshchilov & Hutter 2017) or SGD with momentum (Polyak 1964).

    `fast` takes the fused kernels (one pass over memory; another order of rounding), `exact` torch's defaults, as
    the tutorial does.
    """
    fused = True if config.mode == "fast" else None
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=fused
        )
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=fused)
