"""This module lays pictures out by t-SNE, with openTSNE, which is installed on its own.

van der Maaten and Hinton, Visualizing Data using t-SNE (JMLR 9, 2008). Poličar, Stražar and Zupan, openTSNE: A Modular
Python Library for t-SNE Dimensionality Reduction and Embedding (Journal of Statistical Software 109(3), 2024).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from cnnlab.inspection.picture_map.features import Features
from cnnlab.inspection.picture_map.neighbours import nearest, nearest_to
from cnnlab.inspection.picture_map.pca import principal, project
from cnnlab.inspection.picture_map.pictures import PictureMap

PERPLEXITY = 30.0
"""About how many neighbours each picture is drawn to; with fewer than 91 pictures a third of the others."""
EARLY, LATE = 250, 500
"""Steps with the attraction exaggerated twelvefold, and steps after them: openTSNE's own numbers."""
ASKED = 15
"""Neighbours that say where a picture that is not on the map would stand."""
_FIRST_SPREAD = 1e-4
"""Standard deviation of the places across before the first step."""
_EVERY = 10


@dataclass(frozen=True, eq=False)
class TsneMap(PictureMap):
    """A `TsneMap` is a `PictureMap` on which pictures with like features stand close together; its axes mean nothing."""

    perplexity: npt.NDArray[np.float64]
    """[1]: the perplexity it was made with."""


def installed() -> bool:
    """Return whether openTSNE is on this machine."""
    try:
        return find_spec("openTSNE") is not None
    except ValueError:  # what is loaded under that name came from no file
        return False


def perplexity_of(pictures: int) -> float:
    """Return the perplexity for a map of so many pictures."""
    return min(PERPLEXITY, max(1.0, (pictures - 1) / 3))


def lay_out(
    members: npt.NDArray[np.int64],
    labels: npt.NDArray[np.integer],
    seen: Features,
    progress: Callable[[int, int], None],
) -> TsneMap:
    """Lay the pictures at the places `members` [N] of a set out by t-SNE; `labels` [N] are their true classes.

    It begins at the pictures' places by PCA, and uses one thread and exact neighbours, so that the same features give
    the same map. `progress(done, total)` is called with steps. Raises ImportError where openTSNE is not installed.
    """
    perplexity = perplexity_of(len(members))
    return TsneMap(
        members=members.astype(np.int32),
        labels=labels.astype(np.int16),
        logits=seen.logits,
        features=seen.features,
        nearest=nearest(seen.features),
        points=embed(seen.features, perplexity, progress),
        perplexity=np.array([perplexity]),
    )


def embed(
    features: npt.NDArray[np.float32], perplexity: float, progress: Callable[[int, int], None]
) -> npt.NDArray[np.float32]:
    """Return the places float32 [N, 2] of pictures with `features` [N, D]; all at the origin where none differ."""
    from openTSNE import TSNE

    mean, axes, _ = principal(features)
    start = project(features, mean, axes).astype(np.float64)
    spread = start[:, 0].std()
    if not spread or len(features) < 3:
        return np.zeros((len(features), 2), np.float32)
    done = 0

    def step(number: int, error: float, places: object) -> None:
        nonlocal done
        del number, error, places
        done += _EVERY
        progress(min(done, EARLY + LATE), EARLY + LATE)

    progress(0, EARLY + LATE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its advice on settings, of which none is the reader's
        places = TSNE(
            perplexity=perplexity,
            early_exaggeration_iter=EARLY,
            n_iter=LATE,
            initialization=start / spread * _FIRST_SPREAD,
            neighbors="exact",
            negative_gradient_method="bh",
            n_jobs=1,
            random_state=0,
            callbacks=step,
            callbacks_every_iters=_EVERY,
        ).fit(features)
    return np.asarray(places, dtype=np.float32)


def place(one: npt.NDArray[np.float32], found: TsneMap) -> npt.NDArray[np.float32]:
    """Return where a picture with the features `one` [D] would stand: the median place of its nearest neighbours.

    openTSNE's `transform` begins there too, and then moves the point; that takes most of a second for every picture.
    """
    order, _ = nearest_to(one, found.features, ASKED)
    return np.median(found.points[order], axis=0).astype(np.float32)
