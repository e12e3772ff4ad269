"""This module finds the chosen picture on a map: its own point, or where it would stand, and the pictures most like it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.dashboard.inspect.picture import Picture, named, test_set
from cnnlab.dashboard.inspect.selection import complain
from cnnlab.dashboard.inspect.view import Screen
from cnnlab.dashboard.inspect.whole_set import place_of
from cnnlab.dashboard.state import query_params as url
from cnnlab.data import DATASETS
from cnnlab.inspection.picture_map.features import Features, features_of
from cnnlab.inspection.picture_map.neighbours import COUNT, nearest_to
from cnnlab.inspection.picture_map.pictures import PictureMap

Place = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Chosen:
    """A `Chosen` is the picture that the address names, as the network on the screen sees it."""

    picture: Picture
    point: int | None
    """Its point; None where it is none of the map's pictures."""
    placed: npt.NDArray[np.float32] | None
    """[2]: where it would stand; None where it has a point."""
    said: Predictions
    """What the network says of it: one answer, whose label is 0 where nobody knows the true class."""
    near: npt.NDArray[np.int64]
    """Points of the pictures with the nearest features, the nearest first."""
    distances: npt.NDArray[np.float64]
    """Their distances."""


def chosen(screen: Screen, found: PictureMap, place: Place) -> Chosen | None:
    """Return the picture that the address names; None where it names none, or one that is not to be had.

    `place` gives the place [2] of a picture by its features [D].
    """
    key = url.asked("picture")
    dataset = DATASETS.get(screen.subject.info.name)
    picture = named(dataset, test_set(dataset), key) if key else None
    if picture is None:
        if key and url.from_outside("picture"):
            complain(f"There is no picture “{key}” here, or it is no longer kept. Pick a point of the map.")
        return None
    member = place_of(screen, picture.key)
    point = None if member is None else found.point_of(member)
    if point is None:
        seen, others = _seen(screen, picture), found.features
        near, distances = nearest_to(seen.features[0], others, COUNT)
        said = Predictions.of(np.array([picture.label or 0]), seen.logits)
        return Chosen(picture, None, place(seen.features[0]), said, near, distances)
    near = found.nearest[point].astype(np.int64)
    distances = np.linalg.norm(found.features[near].astype(np.float64) - found.features[point], axis=1)
    said = Predictions.of(found.labels[[point]], found.logits[[point]])
    return Chosen(picture, point, None, said, near, distances)


def _seen(screen: Screen, picture: Picture) -> Features:
    """Return the features and logits of one picture."""
    with screen.subject.network() as network:
        return features_of(network, picture.sized[None], np.zeros(1, np.int64), *screen.subject.normalisation)
