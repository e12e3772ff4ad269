"""This module defines `View`, one thing to look at inside a network; VIEWS holds all, one a file in cnnlab/views/."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from streamlit.delta_generator import DeltaGenerator

from cnnlab.analysis.layers import LayerRow
from cnnlab.checkpoints import Named
from cnnlab.dashboard.inspect.picture import Picture
from cnnlab.dashboard.inspect.selection import KeptWeights, Other, Selection
from cnnlab.data import DATASETS, DatasetInfo, DataUnavailableError
from cnnlab.data.tensors import normalisation_of, split
from cnnlab.data_folders import DataFolders
from cnnlab.inspection.kernels import kernels_of
from cnnlab.inspection.layer_choice import LayerChoice
from cnnlab.inspection.networks import InTurn, load_network
from cnnlab.inspection.summary import summarise
from cnnlab.models import Network
from cnnlab.registry import Registry
from cnnlab.runs import Checkpoint
from cnnlab.schema import TrainingConfig

Need = Literal["epoch", "layer", "channel", "picture", "set", "class", "options", "start", "history", "beside"]
SetName = Literal["train sample", "validation", "test"]
HELD_OUT: frozenset[SetName] = frozenset(("validation", "test"))
"""Sets of which a network was trained on no picture: only what it gets right of these says something of others."""
Cost = Literal["instant", "seconds", "dataset"]
Options = tuple[tuple[str, str | int], ...]
"""Names and values of what only one view has choosers for."""
_FIELDS: dict[Need, tuple[str, ...]] = {
    "epoch": ("epoch", "weights", "file"),
    "layer": ("layer",),
    "channel": ("channel",),
    "picture": ("picture",),
    "set": ("set",),
    "class": ("class_index",),
    "options": ("options",),
    "start": ("start",),
    "history": ("history",),
    "beside": ("beside",),
}
"""The fields of a Subject that belong to each need."""

SHARED = InTurn(most_bytes=288 << 20, most_waiting=100)
"""The networks and kernels of all visitors: two of VGGishCNN's networks (141 MB each) fit."""

A = TypeVar("A")


@dataclass(frozen=True, eq=False)
class PictureSet:
    """A `PictureSet` is one of a run's sets (train sample, validation, test), as places in the dataset's files."""

    name: SetName
    file: Literal["train", "test"]
    """Part of the dataset that holds the pictures: the validation set is cut from the training pictures."""
    places: npt.NDArray[np.int64]
    """[N]: index of each picture in that part."""
    images: npt.NDArray[np.uint8]
    """uint8 [all of that part, height, width, channels], a read-only memory map: picture n is images[places[n]]."""
    labels: npt.NDArray[np.int64]
    """[N]: the true class of each picture."""

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True, eq=False)
class Subject:
    """A `Subject` is what a view computes arrays of.

    A field that the view does not need is None, so that no array can depend on it.
    """

    config: TrainingConfig
    info: DatasetInfo
    folders: DataFolders
    """Folder that holds the datasets' files."""
    weights: Path | None
    """File of the checkpoint whose network is looked at."""
    file: Named | None
    """What the store knows of that file: SHA-256 and size."""
    epoch: int | None = None
    layer: str | None = None
    """Full name of the layer: "base.conv1"."""
    channel: int | None = None
    picture: npt.NDArray[np.uint8] | None = None
    """Picture to look at, uint8 [size_px, size_px, channels]."""
    set: SetName | None = None
    class_index: int | None = None
    """Index of the class to explain; None: the class with the largest logit."""
    options: Options = ()
    """What was chosen in the view's own choosers."""
    start: KeptWeights | None = None
    """Checkpoint of epoch 0; None also where it is not kept."""
    history: tuple[KeptWeights, ...] = ()
    """All kept checkpoints, in the order of their epochs."""
    beside: Other | None = None
    """Network to compare with."""
    progress: Callable[[int, int], None] = field(default=lambda done, total: None)
    """Function that views of a whole dataset call with (done, total), in pictures."""
    waiting: Callable[[], None] = field(default=lambda: None)
    """Function that is called again and again while others have their turn; what it raises ends the wait."""

    def only(self, needs: Collection[Need]) -> "Subject":
        """Return the same subject with nothing (None, no options) in the fields that belong to no need in `needs`."""
        without = Subject(self.config, self.info, self.folders, None, None)
        gone = [name for need, names in _FIELDS.items() if need not in needs for name in names]
        blank: dict[str, Any] = {name: getattr(without, name) for name in gone}
        return replace(self, **blank)

    @property
    def key(self) -> str:
        """Return, as JSON, all that a view's arrays depend on except the picture's pixels: equal keys, equal arrays."""
        named = (self.file and self.file.sha256, self.layer, self.channel, self.set, self.class_index)
        others = [(kept.epoch, kept.file.sha256) for kept in (self.start, *self.history) if kept]
        other = [self.beside.config.model_dump_json(), self.beside.file.sha256] if self.beside else []
        return json.dumps([self.config.model_dump_json(), *named, *self.options, *others, *other])

    def option(self, name: str) -> str | int | None:
        """Return the value of the view's own option `name`; None where nothing was chosen."""
        return dict(self.options).get(name)

    @property
    def row(self) -> LayerRow:
        """Return what is known of the chosen layer without its weights: kind, shapes, kernel."""
        return next(row for row in summarise(self.config, self.info) if row.name == self.layer)

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the mean and the standard deviation of each channel with which the network was trained."""
        return normalisation_of(self.config, self.info)

    @contextmanager
    def network(self) -> Iterator[Network]:
        """Lend the network with the subject's weights for the block, on the CPU and in eval mode; leave it as it is.

        It is everybody's, so only one thread has one at a time. Raises CheckpointError, and BusyError where too many wait.
        """
        path, file = self._checkpoint()
        key = ("network", path, file.sha256, self.config.model_dump_json(), self.info.name)
        load = partial(load_network, self.config, self.info, path, file)
        with SHARED.turn(self.waiting):
            yield SHARED.get(key, file.bytes, load)

    def kernels(self) -> npt.NDArray[np.float32]:
        """Return the kernels of the chosen layer: float32 [out, in, height, width], read-only.

        Whoever is first reads those of all layers. Raises as `network` does.
        """
        path, file = self._checkpoint()
        rows = [row for row in summarise(self.config, self.info) if row.has_kernels]
        size_bytes = 4 * sum(row.parameters for row in rows)
        load = partial(kernels_of, path, file, rows)
        with SHARED.turn(self.waiting):
            kernels = SHARED.get(("kernels", path, file.sha256, tuple(row.name for row in rows)), size_bytes, load)
        chosen = kernels[self.row.name]
        chosen.flags.writeable = False
        return chosen

    def _checkpoint(self) -> tuple[Path, Named]:
        if self.weights is None or self.file is None:
            raise TypeError("A view that looks at a network must need the epoch.")
        return self.weights, self.file

    def pictures(self) -> PictureSet:
        """Read the chosen set of pictures. Raises DataUnavailableError."""
        if self.set is None:
            raise TypeError("A view that looks at many pictures must need the set.")
        dataset = DATASETS.get(self.info.name)
        if self.info.download_bytes and not dataset.is_ready(self.folders):  # a view does not download
            raise DataUnavailableError(
                f"The pictures of {self.info.name} are not on this machine. Fetch them with: "
                f"python -m cnnlab data {self.info.name}"
            )
        arrays = dataset.load(self.folders)
        if self.set == "test":
            places = np.arange(len(arrays.test_labels))
            return PictureSet("test", "test", places, arrays.test_images, np.array(arrays.test_labels))
        parts = split(self.config, len(arrays.train_labels))
        places = parts.validation if self.set == "validation" else parts.train_sample
        return PictureSet(self.set, "train", places, arrays.train_images, arrays.train_labels[places])


@dataclass(frozen=True)
class View(Generic[A]):
    """A `View` is one thing to look at: `compute` makes arrays of a Subject, and `draw` shows the arrays.

    The frame (page.py) does everything else.
    """

    name: str
    """Name of the view in the address: ?view=grad_cam."""
    title: str
    page: str
    """Name of the page that shows the view: "kernels", "feature_maps", "predictions"."""
    compute: Callable[[Subject], A]
    """Function that makes arrays (or a frozen dataclass of arrays), never a model; its return type is written down. May
    raise CheckpointError or DataUnavailableError. It sees only what `needs` names: so its arrays are kept by that."""
    draw: "Callable[[Screen, A], None]"
    needs: frozenset[Need]
    """Choices that the arrays depend on; the frame draws a chooser for each."""
    cost: Cost
    """Time of `compute`. instant: below 0.2 s. seconds: about one. dataset: more, so a process of its own computes."""
    source: str
    """Paper or formula of the view, as Markdown: one click away on the page."""
    version: int = 1
    """One more whenever `compute` comes to give other numbers: answers that were kept on the disk are then made anew."""
    shows: frozenset[Need] = frozenset()
    """Choices on the page that only matter to `draw`: the arrays do not depend on them."""
    layers: LayerChoice = field(default=LayerChoice())
    family: str = ""
    """Question that several views of a page answer, each in its own way: they share one button, and have a line of theirs."""
    choose: "Callable[[Screen], Options] | None" = None
    """Function that draws the view's own choosers and returns what was chosen, for `Subject.options`."""
    kept: Callable[[Subject], A | None] = field(default=lambda subject: None)
    """Function that reads the arrays where the run itself has kept them when it measured; None where it has not."""
    counts: str = "pictures"
    """What `Subject.progress` counts."""
    small: Callable[[Subject], bool] = field(default=lambda subject: False)
    """Function that says where a view of cost "dataset" is so little work that a page may compute it all the same."""
    shared: str = ""
    """Name under which the arrays are kept on the disk, for views that draw the same ones; else they have the view's."""
    difference: "Callable[[Screen, Screen, A, A], None] | None" = None
    """Function that draws how the arrays of two networks differ, below the view that stands twice."""

    def in_a_page(self, subject: Subject) -> bool:
        """Return whether a page computes the view's arrays of `subject`; else a process of its own does."""
        return self.cost != "dataset" or self.small(subject)

    @property
    def chooses(self) -> frozenset[Need]:
        """Return everything that the page has a chooser for while it shows this view."""
        return self.needs | self.shows


@dataclass(frozen=True)
class Screen:
    """A `Screen` tells a view's `draw` what was chosen on the page, and in which containers to draw."""

    selection: Selection
    subject: Subject
    picture: Picture | None
    row: LayerRow | None
    """Chosen layer; None where the view has no chooser for layers."""
    above: DeltaGenerator
    """Container between the picture's chooser and the layers' chooser."""
    controls: DeltaGenerator
    """Container of the choosers' line, where a view adds choosers of its own."""
    arrays_at: Callable[[Checkpoint], Any]
    """Function that returns the view's arrays for another checkpoint of the same run. Raises what `compute` raises; None
    where the arrays are of a whole dataset and nobody has measured them there."""
    arrays_with: Callable[..., Any]
    """Function that returns the view's arrays with other values in the fields of the subject that are given by name."""
    address: dict[str, str | int | None]
    """Further names and values of the view that the page puts into the address."""
    other: Any = None
    """Arrays of the network beside, where the view stands twice: both sides have one scale."""

    @property
    def layer(self) -> LayerRow:
        """Return the chosen layer. Raises TypeError where the view has no chooser for layers."""
        if self.row is None:
            raise TypeError("A view that draws a layer must need it.")
        return self.row

    @property
    def channel(self) -> int:
        """Return the chosen output channel of the chosen layer; 0 for views that have no chooser for channels."""
        return self.subject.channel or 0

    @property
    def chosen_picture(self) -> Picture:
        """Return the chosen picture. Raises TypeError where the view has no chooser for pictures."""
        if self.picture is None:
            raise TypeError("A view that draws a picture must need it.")
        return self.picture


VIEWS: Registry[View[Any]] = Registry("view", "cnnlab.views", nested=True)


def register(view: View[A]) -> View[A]:
    """Add a view to VIEWS under its own name, and return the view."""
    VIEWS.register(view.name, view)
    return view


def views_of(page: str) -> list[View[Any]]:
    """Return the views of a page: first the view that has the page's name, then the others by name."""
    return sorted((view for view in VIEWS if view.page == page), key=lambda view: (view.name != page, view.name))
