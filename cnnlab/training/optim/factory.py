"""This module makes the optimizer that a config names."""

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from cnnlab.models import Network
from cnnlab.schema import TrainingConfig
from cnnlab.training.optim.muon import Muon

KERNEL, MATRIX, REST = range(3)


def make_optimizer(config: TrainingConfig, model: nn.Module, capturable: bool = False) -> Optimizer:
    """Return the optimizer that `config` names, for the parameters of `model` that are trained.

    adam (Kingma & Ba 2014), adamw (Loshchilov & Hutter 2017), sgd with momentum (Polyak 1964), nesterov (the same with
    Nesterov's momentum: Sutskever et al. 2013) and muon (`cnnlab.training.optim.muon`).

    `fast` mode takes the fused kernels (one pass over memory; another order of rounding), `exact` mode torch's
    defaults, as the tutorial does. `capturable`: for a step inside a CUDA graph; every group's lr is then a tensor on
    the device, to be changed in place. A group with a "scale" wants the schedule's rate times that scale.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if config.optimizer == "muon":
        return _muon(config, model, parameters, capturable)
    lr = torch.tensor(config.lr, device=parameters[0].device) if capturable else config.lr
    options: dict[str, Any] = {"lr": lr, "weight_decay": config.weight_decay}
    options["fused"] = True if config.mode == "fast" else None
    if config.optimizer in ("sgd", "nesterov"):
        nesterov = config.optimizer == "nesterov" and config.momentum > 0  # without momentum the two are one
        return torch.optim.SGD(parameters, momentum=config.momentum, nesterov=nesterov, **options)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, capturable=capturable, **options)


def _muon(config: TrainingConfig, model: nn.Module, parameters: list[nn.Parameter], capturable: bool) -> Muon:
    """Return Muon for the model: kernels step orthogonally with lr, all other parameters by Nesterov's momentum.

    The others step with lr times a scale; the network says which scales suit it (`Network.shift_scale`,
    `Network.linear_scale`). Kernels are the weights of convolutions. The rest are shifts, the scales of a normalisation,
    and whatever else an architecture's own layers have: a table [1, channels, 1, 1] is no kernel, and could not be made
    orthogonal. Weight decay is lr · weight_decay a step in both groups, whatever their scale.
    """
    scales = (model.shift_scale, model.linear_scale) if isinstance(model, Network) else (1.0, 1.0)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]
    kernels = {id(module.weight) for module in convolutions}
    groups: list[dict[str, Any]] = []
    for role, scale in ((KERNEL, 1.0), (REST, scales[0]), (MATRIX, scales[1])):
        members = [p for p in parameters if role == (KERNEL if id(p) in kernels else MATRIX if p.ndim == 2 else REST)]
        if members:
            lr = config.lr * scale
            groups.append(
                {
                    "params": members,
                    "orthogonal": role == KERNEL,
                    "scale": scale,
                    "lr": torch.tensor(lr, device=parameters[0].device) if capturable else lr,
                    "weight_decay": config.weight_decay / scale,
                }
            )
    on_gpu = parameters[0].device.type == "cuda"
    dtype = torch.bfloat16 if on_gpu and config.precision == "bfloat16" else torch.float32
    return Muon(groups, config.lr, config.momentum, dtype)
