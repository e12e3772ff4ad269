"""This module sums what the correlations between the answers of channels are made of, a batch of pictures at a time."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Moments:
    """A `Moments` sums what the correlations of channels are made of, about the means of the first batch.

    Sums about zero would lose their digits where a mean is large.
    """

    def __init__(self) -> None:
        self._about: Tensor | None = None
        self._n = 0
        self._sum = self._products = torch.zeros(())

    def add(self, maps: Tensor) -> None:
        """Take in maps [N, channels, height, width]."""
        by_channel = maps.transpose(0, 1).flatten(1)
        if self._about is None:
            self._about = by_channel.mean(dim=1, keepdim=True)
        away = by_channel - self._about
        self._n += away.shape[1]
        self._sum = self._sum + away.double().sum(dim=1).cpu()
        self._products = self._products + (away @ away.T).double().cpu()

    def correlation(self) -> npt.NDArray[np.float32]:
        """Return Pearson's correlation of each pair of channels: [channels, channels]."""
        spread = self._products - torch.outer(self._sum, self._sum) / self._n
        size = spread.diagonal().clamp(min=0).sqrt()
        both = torch.outer(size, size)
        found = torch.where(both > 0, spread / both.clamp(min=torch.finfo(torch.float64).tiny), 0.0)
        return found.clamp(-1, 1).float().numpy()
