"""This module lays pictures out by PCA: the two directions along which their features differ most.

Pearson, On Lines and Planes of Closest Fit to Systems of Points in Space (1901).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnnlab.inspection.picture_map.features import Features
from cnnlab.inspection.picture_map.neighbours import nearest
from cnnlab.inspection.picture_map.pictures import PictureMap

_NOTHING = 1e-12
"""Share of the variance below which a component is what is left of computing."""


@dataclass(frozen=True, eq=False)
class PcaMap(PictureMap):
    """A `PcaMap` is a `PictureMap` whose plane is that of the first two principal components."""

    mean: npt.NDArray[np.float64]
    """[D]: mean of the features, which stands at the origin."""
    axes: npt.NDArray[np.float64]
    """[2, D]: unit vectors of the two components; zeros where the features do not differ so far."""
    shares: npt.NDArray[np.float64]
    """[2]: share of the features' variance along each component, 0 to 1."""


def principal(
    features: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean [D], axes [2, D] and shares [2] of the variance, of features [N, D], in double precision.

    A component's sign means nothing; here its largest weight is positive, so that the same features give the same map.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    away = features - mean
    wide = away.shape[1] > len(away)  # then the products of the pictures are the smaller matrix
    sizes, directions = np.linalg.eigh(away @ away.T if wide else away.T @ away)
    axes, shares = np.zeros((2, away.shape[1])), np.zeros(2)
    whole = float(sizes.clip(min=0).sum())
    for component, place in enumerate(range(len(sizes) - 1, max(-1, len(sizes) - 3), -1)):
        if sizes[place] <= whole * _NOTHING:
            break
        axis = away.T @ directions[:, place] if wide else directions[:, place]
        axes[component] = axis / np.linalg.norm(axis) * np.sign(axis[np.abs(axis).argmax()])
        shares[component] = sizes[place] / whole
    return mean, axes, shares


def project(
    features: npt.NDArray[np.float32], mean: npt.NDArray[np.float64], axes: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Return the places float32 [N, 2] of pictures with `features` [N, D] on the plane of `axes` [2, D] through `mean`."""
    return ((features - mean) @ axes.T).astype(np.float32)


def lay_out(members: npt.NDArray[np.int64], labels: npt.NDArray[np.integer], seen: Features) -> PcaMap:
    """Lay the pictures at the places `members` [N] of a set out by PCA; `labels` [N] are their true classes."""
    mean, axes, shares = principal(seen.features)
    return PcaMap(
        members=members.astype(np.int32),
        labels=labels.astype(np.int16),
        logits=seen.logits,
        features=seen.features,
        nearest=nearest(seen.features),
        points=project(seen.features, mean, axes),
        mean=mean,
        axes=axes,
        shares=shares,
    )
