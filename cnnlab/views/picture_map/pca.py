"""This module is the PCA map: pictures on the plane along which their features differ most."""

from functools import lru_cache

import numpy as np

from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.picture_map import page
from cnnlab.dashboard.picture_map.page import Look
from cnnlab.data import DATASETS
from cnnlab.formatting import percent
from cnnlab.inspection.picture_map import pca
from cnnlab.inspection.picture_map.features import PICTURES
from cnnlab.inspection.picture_map.pca import PcaMap
from cnnlab.inspection.picture_map.turning import quarter_turn
from cnnlab.inspection.summary import summarise
from cnnlab.schema import TrainingConfig

MOST_MACS = 2e9
"""Multiply-adds of a pass over all pictures up to which a page makes the map itself: SimpleCNN needs 1.3e9."""
MOST_BYTES = 8 << 20
"""Size of the weights up to which it does."""


def compute(subject: Subject) -> PcaMap:
    """Compute the features of the chosen set, and its map by PCA."""
    return pca.lay_out(*page.read(subject, subject.progress))


def small(subject: Subject) -> bool:
    """Return whether the map of the chosen set takes less than a second: then a walk through the epochs shows it at once."""
    if subject.file is None or subject.set is None or subject.file.bytes > MOST_BYTES:
        return False
    return _macs(subject.config.model_dump_json()) * min(PICTURES, len(subject.pictures())) <= MOST_MACS


@lru_cache(maxsize=256)
def _macs(config_json: str) -> int:
    """Return the multiply-adds of one picture, with those of layers without a formula left out."""
    config = TrainingConfig.model_validate_json(config_json)
    return sum(row.macs or 0 for row in summarise(config, DATASETS.get(config.dataset).info))


def draw(screen: Screen, found: PcaMap) -> None:
    """Draw the map with the share of the variance that each axis holds."""
    turn, epoch = page.turn_to(screen, found, quarter_turn)
    order = np.abs(turn).argmax(axis=1)  # which component is across, and which up
    axes = tuple(f"component {component + 1}" for component in order)
    across, up = (percent(float(found.shares[component])) for component in order)
    turned_words = (
        f" A component has no direction of its own: the map is turned by quarter turns, and mirrored, to lie as at "
        f"epoch {epoch}."
        if epoch is not None
        else ""
    )
    rest = percent(max(0.0, 1.0 - float(found.shares.sum())))
    look = Look(
        axes=axes,
        sentence=f"Across: {axes[0]}, **{across}** of the variance. Up: {axes[1]}, **{up}**.",
        reading=(
            f"Both axes have one scale. Far apart here is far apart for the network; close together may still be far apart in "
            f"the {rest} that no plane can show. Before training the classes lie mixed: walk through the epochs above, "
            f"and see which part first and which do not.{turned_words}"
        ),
        place=lambda features: pca.project(features, found.mean, found.axes),
        how="By the same two components, so exactly: its features minus the mean, along each axis.",
        turn=turn,
    )
    page.draw(screen, found, look)


PCA = register(
    View(
        name="map_pca",
        title="PCA",
        page="predictions",
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "set"}),
        cost="dataset",
        source="Principal components are the directions along which the pictures' features differ most: K. Pearson, *On Lines "
        "and Planes of Closest Fit to Systems of Points in Space* (1901); here by the eigenvectors of the "
        "covariance of the features. Features: what the last fully connected layer is given. Distances: Euclidean, among all "
        "of these numbers. Kept upright over the epochs by the quarter turn, perhaps with a mirroring, that brings the "
        "pictures nearest to where they lie at the newest epoch.",
        place=6,
        family="Map",
        small=small,
        most_pictures=PICTURES,
    )
)
