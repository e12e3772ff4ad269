"""This module says what every architecture builds, and holds the table they register in."""

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from cnnlab.registry import Registry
from cnnlab.schema import SETTINGS


class Network(nn.Module):
    """A `Network` is a feature-extraction base followed by a classifier head.

    Every operation is a module with a name of its own, none works in place, and none runs twice in one
    forward pass: so a hook sees every value, and what it saw stays what it was.

    The modules may be of any kind, an architecture's own included: each takes and gives tensors with the batch first, and
    computes on torch's meta device too, where nothing has a value (no `if x.max() > 1`). Numbers that it keeps and does
    not train are buffers. `cnnlab.inspection._formulas` need not know them.
    """

    shift_scale: float = 1.0
    """With the optimizer muon: learning rate of biases and of batch normalisation, as a multiple of the kernels'."""
    linear_scale: float = 1.0
    """With the optimizer muon: learning rate of fully connected layers, as a multiple of the kernels'."""

    def __init__(self, base: nn.Sequential, head: nn.Sequential) -> None:
        super().__init__()
        self.base = base
        self.head = head

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits [N, num_classes] of normalised pictures [N, in_channels, size_px, size_px]."""
        logits: Tensor = self.head(self.base(pictures))
        return logits

    def fit_to_data(self, pictures: Tensor) -> None:
        """Set before the first step what depends on the training pictures; here nothing does.

        `pictures`: normalised training pictures [N, in_channels, size_px, size_px].
        """


class Builder(Protocol):
    """A `Builder` builds a network with fresh weights from torch's global random state."""

    def __call__(
        self, in_channels: int, size_px: int, num_classes: int, dropout: float, batch_norm: bool
    ) -> Network: ...


@dataclass(frozen=True)
class Architecture:
    """An `Architecture` is a named kind of network, with the dropout and batch normalisation that are its own."""

    name: str
    summary: str
    """One or two sentences for people who choose."""
    source: str
    """Where it comes from: paper, tutorial."""
    dropout: float
    batch_norm: bool
    build: Builder

    def own(self, setting: str) -> Any:
        """Its value of a setting that follows the architecture: zero or off where it has no field of that name."""
        return getattr(self, setting, SETTINGS[setting].kind(0))


ARCHITECTURES: Registry[Architecture] = Registry("architecture", "cnnlab.models")
"""Every architecture by the name people choose it by."""
