"""This module holds the optimizer Muon: orthogonal steps for convolution kernels, Nesterov's momentum for the rest."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd quintic polynomial that takes singular values in (0, 1] near 1 (Jordan 2024)."""
ROUNDS = 3
"""Number of rounds of the polynomial: three are enough, as a singular value between 0.5 and 1.5 serves as well as 1."""


class Muon(Optimizer):
    """`Muon` moves each convolution kernel by the orthogonal matrix nearest to its momentum.

    Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024 (kellerjordan.github.io/posts/muon).

    A group of parameters carries `orthogonal`. Where it is True, each parameter is seen as the matrix [out_channels,
    everything else]; it is scaled to the norm √out_channels, and its step is lr times the orthogonal matrix nearest to
    its Nesterov momentum: every direction is learned equally quickly, however small its gradient. Where it is False,
    the step is that of SGD with Nesterov's momentum, and weight decay is decoupled from the gradient: lr · weight_decay
    of the value goes at each step (Loshchilov & Hutter 2017). An `orthogonal` parameter has a fixed norm, so decay
    would do nothing to it.

    A group's lr may be a number or a tensor on the parameters' device. A step never waits for the device.
    """

    def __init__(
        self, groups: list[dict[str, Any]], lr: float | Tensor, momentum: float, dtype: torch.dtype = torch.float32
    ) -> None:
        """Make the optimizer for `groups` of parameters; `dtype` is the number format of the orthogonal step.

        bfloat16 is accurate enough where it is quicker.
        """
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "orthogonal": False})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient by one step. Takes no closure."""
        assert closure is None
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            updates = [self._nesterov(p, group["momentum"]) for p in parameters]
            if group["orthogonal"]:
                self._step_orthogonal(parameters, updates, group["lr"])
                continue
            for parameter, update in zip(parameters, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update * group["lr"])

    def _nesterov(self, parameter: Tensor, momentum: float) -> Tensor:
        """Update the parameter's momentum and return Nesterov's step (Sutskever et al. 2013).

        The step is the momentum as it will be after one more gradient like this one.
        """
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer: Tensor = state["momentum_buffer"]
        buffer.mul_(momentum).add_(gradient)
        return gradient.add(buffer, alpha=momentum)

    def _step_orthogonal(self, parameters: list[Tensor], updates: list[Tensor], lr: float | Tensor) -> None:
        """Move kernels by orthogonal steps, all kernels of one shape together: fewer, larger multiplications."""
        alike: dict[torch.Size, list[int]] = defaultdict(list)
        for index, update in enumerate(updates):
            alike[update.flatten(1).shape].append(index)
        for indices in alike.values():
            matrices = torch.stack([updates[i].flatten(1) for i in indices])
            for i, matrix in zip(indices, orthogonalised(matrices.to(self.dtype)), strict=True):
                parameter = parameters[i]
                parameter.mul_(len(parameter) ** 0.5 / parameter.norm())
                parameter.sub_(matrix.view(parameter.shape) * lr)


def orthogonalised(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices [N, rows, columns] near 1 and keep their directions.

    Gives U·Vᵀ of U·S·Vᵀ, roughly, by Newton and Schulz's iteration with COEFFICIENTS, which needs matrix products only.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.flatten(1).norm(dim=1).view(-1, 1, 1) + 1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.mT if tall else x
