"""This module gives the views of the Predictions page what they share: a network's answers, and pictures to pick."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.analysis.intervals import interval95
from cnnlab.analysis.predictions import kept
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.data.picture_sets import HELD_OUT, PictureSet
from cnnlab.dashboard.inspect.view import Screen, Subject, View
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.data import DataUnavailableError
from cnnlab.formatting import NARROW, count, percent, percent_range
from cnnlab.inspection.predictions import predict
from cnnlab.runs import Checkpoint

MOST_PICTURES = 24
"""Number of pictures that are drawn at a time."""
LETTERS = 10
"""Number of letters that a label below a picture has room for; a longer name is cut."""
_DEVICES = {"cpu": "the CPU", "cuda": "the GPU", "mps": "the GPU"}


def predictions_of(subject: Subject) -> Predictions:
    """Compute what the network says of every picture of the chosen set."""
    pictures = subject.pictures()
    where = pictures.images, pictures.places, pictures.labels
    with subject.network() as network:
        return predict(network, *where, *subject.normalisation, progress=subject.progress)


def kept_by_run(subject: Subject) -> Predictions | None:
    """Return what the network said of the chosen set when its run measured it; None where that is not kept."""
    if subject.weights is None or subject.file is None or subject.set is None:
        return None
    return kept.read(subject.weights, subject.file.sha256, subject.set)


def set_view(
    name: str,
    title: str,
    place: int,
    draw: Callable[[Screen, Predictions], None],
    source: str,
    difference: Callable[[Screen, Screen, Predictions, Predictions], None] | None = None,
) -> View[Predictions]:
    """Make a view of the page that draws `Predictions`; all such views share one measuring."""
    return View(
        name=name,
        title=title,
        page="predictions",
        place=place,
        compute=predictions_of,
        draw=draw,
        needs=frozenset({"epoch", "set"}),
        cost="dataset",
        work=lambda subject: "The network answers each picture once; most views of this page then share the result.",
        source=source,
        kept=kept_by_run,
        shared="predictions",
        difference=difference,
    )


def headline(screen: Screen, said: Predictions) -> str:
    """Return the sentence on the accuracy of the chosen set, with its interval where the set was held out, as Markdown."""
    interval = (
        f"; 95{NARROW}% interval {percent_range(*interval95(said.accuracy, len(said)))}" if is_new(screen) else ""
    )
    return (
        f"**{escape((screen.subject.set or '').capitalize())} accuracy {percent(said.accuracy)}**: "
        f"{count(int(said.right.sum()))} of {count(len(said))} right, {screen.selection.when}{interval}. {how(screen, said)}"
    )


def how(screen: Screen, said: Predictions) -> str:
    """Return the sentences that say how these predictions were measured: mode, number format, device, by whom."""
    fast = said.device == "cuda" and said.precision == "float32" and screen.subject.config.mode == "fast"
    precision = "TensorFloat-32" if fast and said.by_run else said.precision
    by_run = ", measured by the run itself" if said.by_run else ""
    rough = " bfloat16 keeps 8 bits of a number, so a probability is rough in its third digit."
    return (
        f"Each picture once, as it is: eval mode, {precision} on {_DEVICES[said.device]}, no augmentation{by_run}."
        f"{rough if precision == 'bfloat16' else ''}"
    )


def is_new(screen: Screen) -> bool:
    """Return whether the network was trained on no picture of the chosen set: only then an interval says something."""
    return screen.subject.set in HELD_OUT


def measured_at(screen: Screen, saved: Sequence[Checkpoint]) -> dict[int, Predictions]:
    """Return what the network said of the chosen set at those of the checkpoints where it was measured, by epoch.

    Where the same set holds other pictures, as that of an altered dataset would, its answers are left out.
    """
    found = {weights.epoch: screen.arrays_at(weights) for weights in saved}
    known = {epoch: said for epoch, said in found.items() if said is not None}
    return {epoch: said for epoch, said in known.items() if np.array_equal(said.labels, known[max(known)].labels)}


def draw_pictures(
    screen: Screen, said: Predictions, members: npt.NDArray[np.int64], labels: Sequence[str], key: str, description: str
) -> None:
    """Draw pictures of the chosen set, each with its label; a click on one opens its feature maps.

    `members`: their places in the set, as in `said`. Raises DataUnavailableError where the pictures are not those that
    were measured, or none.
    """
    if not len(members):
        return
    pictures = screen.subject.pictures()
    if not np.array_equal(pictures.labels, said.labels):
        raise DataUnavailableError("The pictures on this machine are not those that were measured.")
    colours = pictures.images[pictures.places[members]]
    picked = tiles(
        key=key,
        values=np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:3], 3))),
        limits=(0.0, 255.0),
        palette="viridis",
        labels=[label if len(label) <= LETTERS else f"{label[: LETTERS - 1]}…" for label in labels],
        tile_px=72,
        hint="",
        description=description,
    )
    if picked is not None:
        open_feature_maps(pictures, int(members[picked]))
    alone = len(members) == 1  # one tile alone cannot be picked
    if alone and st.button("Its feature maps", key=side.key(f"{key}_open"), icon=":material/grid_view:"):
        open_feature_maps(pictures, int(members[0]))


def open_feature_maps(pictures: PictureSet, member: int) -> None:
    """Leave for the feature maps of one picture of a set, at the same run and epoch."""
    address = url.view() | {"view": None, "picture": f"{pictures.file}:{pictures.places[member]}"}
    url.go(navigation.feature_maps(), **address)


def place_of(screen: Screen, key: str | None) -> int | None:
    """Return the place in the chosen set of the picture that an address names, "train:77"; None where it is not in it."""
    kind, _, which = (key or "").partition(":")
    number = url.whole(which)
    pictures = screen.subject.pictures()
    if number is None or kind != pictures.file:
        return None
    found = np.flatnonzero(pictures.places == number)
    return int(found[0]) if len(found) else None


def shown(number: int, what: str = "picture") -> str:
    """Return a number of things in words: "1 picture", "24 pictures"."""
    return f"{count(number)} {what}{'' if number == 1 else 's'}"
