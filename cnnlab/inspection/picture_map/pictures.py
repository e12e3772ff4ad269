"""This module defines `PictureMap`, the pictures of a set as points on a plane, with all that is said of each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.predictions.of_set import Predictions


@dataclass(frozen=True, eq=False)
class PictureMap:
    """A `PictureMap` holds the features of N pictures of a set, and where each stands on the plane."""

    members: npt.NDArray[np.int32]
    """[N]: place of each picture in the set, ascending."""
    labels: npt.NDArray[np.int16]
    """[N]: the true class of each picture."""
    logits: npt.NDArray[np.float32]
    """[N, classes]."""
    features: npt.NDArray[np.float32]
    """[N, D]: what the last fully connected layer is given."""
    nearest: npt.NDArray[np.int32]
    """[N, neighbours]: points of the nearest pictures by the distance of the features, the nearest first."""
    points: npt.NDArray[np.float32]
    """[N, 2]: place on the plane, across and up."""

    def __len__(self) -> int:
        return len(self.members)

    @cached_property
    def said(self) -> Predictions:
        """Return what the network says of each picture."""
        return Predictions.of(self.labels, self.logits)

    @cached_property
    def kinship(self) -> npt.NDArray[np.float64]:
        """Return of each picture the share of its neighbours that are of its own class: [N], 0 to 1."""
        if not self.nearest.shape[1]:
            return np.zeros(len(self))
        same: npt.NDArray[np.float64] = (self.labels[self.nearest] == self.labels[:, None]).mean(axis=1)
        return same

    def point_of(self, member: int) -> int | None:
        """Return the point of the picture at that place in the set; None where it is not on the map."""
        place = int(np.searchsorted(self.members, member))
        return place if place < len(self) and self.members[place] == member else None


def luck(labels: npt.NDArray[np.integer]) -> float:
    """Return the share of other pictures that are of a picture's own class, over all pictures: kinship by luck, 0 to 1."""
    of_class = np.bincount(labels)
    pairs = len(labels) * (len(labels) - 1)
    return float((of_class * (of_class - 1)).sum() / pairs) if pairs else 0.0
