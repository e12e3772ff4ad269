"""A View is one thing that can be looked at inside a network; VIEWS holds all of them, one a file in cnnlab/views/."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from streamlit.delta_generator import DeltaGenerator

from cnnlab.analysis.layers import LayerRow, Part
from cnnlab.dashboard.inspect.picture import Picture
from cnnlab.dashboard.inspect.selection import Selection
from cnnlab.data import DATASETS, DatasetInfo, DataUnavailableError
from cnnlab.data.tensors import normalisation_of, split
from cnnlab.inspection.networks import load_network
from cnnlab.inspection.summary import summarise
from cnnlab.models import Network
from cnnlab.registry import Registry
from cnnlab.runs import Checkpoint
from cnnlab.schema import TrainingConfig

Need = Literal["epoch", "layer", "channel", "picture", "set", "class"]
SetName = Literal["train sample", "validation", "test"]
Cost = Literal["instant", "seconds", "dataset"]
_FIELDS: dict[Need, tuple[str, ...]] = {
    "epoch": ("epoch", "weights", "sha256"),
    "layer": ("layer",),
    "channel": ("channel",),
    "picture": ("picture",),
    "set": ("set",),
    "class": ("class_index",),
}
"""The fields of a Subject that belong to each need."""

A = TypeVar("A")


def _silent(done: int, total: int) -> None:
    """Take progress that nobody watches."""


@dataclass(frozen=True, eq=False)
class PictureSet:
    """One of the sets of a run's pictures, as places within the dataset's files."""

    name: SetName
    file: Literal["train", "test"]
    """Which part of the dataset the pictures come from: validation is cut from its training pictures."""
    places: npt.NDArray[np.int64]
    """[N]: where each picture stands in that part."""
    images: npt.NDArray[np.uint8]
    """uint8 [all of that part, height, width, channels], a read-only memory map: picture n is images[places[n]]."""
    labels: npt.NDArray[np.int64]
    """[N]: the true class of each picture."""

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True, eq=False)
class Subject:
    """What one view is asked about. A field that the view does not need is None, so that no answer can depend on it."""

    config: TrainingConfig
    info: DatasetInfo
    data_dir: Path
    """Folder of the datasets."""
    weights: Path | None
    """File of the checkpoint."""
    sha256: str | None
    """Of that file."""
    epoch: int | None = None
    layer: str | None = None
    """Full name: "base.conv1"."""
    channel: int | None = None
    picture: npt.NDArray[np.uint8] | None = None
    """uint8 [size_px, size_px, channels]."""
    set: SetName | None = None
    class_index: int | None = None
    """The class that was asked for; None: the one that the network says."""
    progress: Callable[[int, int], None] = field(default=_silent)
    """Called with (done, total) by views of a whole dataset."""

    def only(self, needs: Collection[Need]) -> "Subject":
        """The same subject without what is not in `needs`."""
        blank: dict[str, Any] = {name: None for need, names in _FIELDS.items() if need not in needs for name in names}
        return replace(self, **blank)

    @property
    def key(self) -> str:
        """Everything that an answer can depend on but the picture's pixels: equal keys, equal answers."""
        named = (self.sha256, self.layer, self.channel, self.set, self.class_index)
        return json.dumps([self.config.model_dump_json(), *named])

    @property
    def row(self) -> LayerRow:
        """Return what is known of the chosen layer before any weight: kind, shapes, kernel."""
        return next(row for row in summarise(self.config, self.info) if row.name == self.layer)

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation a channel with which the network was trained."""
        return normalisation_of(self.config, self.info)

    def network(self) -> Network:
        """A fresh network with these weights, on the CPU and in eval mode. Raises CheckpointError."""
        if self.weights is None or self.sha256 is None:
            raise TypeError("A view that looks at a network must need the epoch.")
        return load_network(self.config, self.info, self.weights, self.sha256)

    def pictures(self) -> PictureSet:
        """The chosen set. Raises DataUnavailableError."""
        if self.set is None:
            raise TypeError("A view that looks at many pictures must need the set.")
        dataset = DATASETS.get(self.info.name)
        if self.info.download_bytes and not dataset.is_ready(self.data_dir):  # whoever looks does not download
            raise DataUnavailableError(
                f"The pictures of {self.info.name} are not on this machine. Fetch them with: "
                f"python -m cnnlab data {self.info.name}"
            )
        arrays = dataset.load(self.data_dir)
        if self.set == "test":
            places = np.arange(len(arrays.test_labels))
            return PictureSet("test", "test", places, arrays.test_images, np.array(arrays.test_labels))
        parts = split(self.config, len(arrays.train_labels))
        places = parts.validation if self.set == "validation" else parts.train_sample
        return PictureSet(self.set, "train", places, arrays.train_images, arrays.train_labels[places])


def shapes(rows: Sequence[LayerRow]) -> list[str]:
    """Return the words for the strip of layers: the network from left to right. A long strip leaves out the shapes."""
    words = [row.label for row in rows]
    if len(rows) <= 8:
        words = [f"{row.label} {'×'.join(map(str, row.output_shape))}" for row in rows]
    return [text if number == 0 else f"▸ {text}" for number, text in enumerate(words)]


def spatial(row: LayerRow) -> bool:
    """True for a layer of the base whose output is maps: (channels, height, width)."""
    return row.part is Part.BASE and len(row.output_shape) == 3


@dataclass(frozen=True)
class LayerChoice:
    """Which layers a view can show, and how the strip of buttons names them."""

    label: str = "Layer"
    among: Callable[[LayerRow], bool] = spatial
    words: Callable[[Sequence[LayerRow]], list[str]] = shapes
    """The text of each button."""
    none: str = "No layer of this network's base makes feature maps."
    """What the page says of a network that has no such layer."""


@dataclass(frozen=True)
class View(Generic[A]):
    """One thing to look at. `compute` makes arrays of a Subject, `draw` shows them; the frame does everything else."""

    name: str
    """As it stands in the address: ?view=grad_cam."""
    title: str
    page: str
    """Whose page it stands on: "kernels", "feature_maps", "predictions"."""
    compute: Callable[[Subject], A]
    """Arrays (or a frozen dataclass of arrays), never a model; with its return type written down. May raise
    CheckpointError or DataUnavailableError. It sees only what `needs` names, and so the answer is kept under that."""
    draw: "Callable[[Screen, A], None]"
    needs: frozenset[Need]
    """What the arrays depend on; the frame draws a chooser for each."""
    cost: Cost
    """instant: below 0.2 s. seconds: about one. dataset: more; a process of its own computes it when somebody asks."""
    source: str
    """The paper or formula, as Markdown: one click away on the page."""
    version: int = 1
    """One more whenever `compute` comes to give other numbers: answers that were kept on the disk are then made anew."""
    shows: frozenset[Need] = frozenset()
    """What is chosen on the page as well, but only matters to `draw`."""
    layers: LayerChoice = field(default=LayerChoice())

    @property
    def chooses(self) -> frozenset[Need]:
        """Everything that the page has a chooser for."""
        return self.needs | self.shows


@dataclass(frozen=True)
class Screen:
    """What a view is drawn with: what was chosen, and where things go."""

    selection: Selection
    subject: Subject
    picture: Picture | None
    row: LayerRow | None
    """The chosen layer."""
    above: DeltaGenerator
    """A place between the picture's chooser and the layers'."""
    controls: DeltaGenerator
    """The line of choosers: a view adds its own ones here."""
    arrays_at: Callable[[Checkpoint], Any]
    """This view's arrays for another epoch of the same run. Raises what `compute` raises."""
    address: dict[str, str | int | None]
    """What else the view wants to have in the address."""

    @property
    def layer(self) -> LayerRow:
        """The chosen layer, for views that have one."""
        if self.row is None:
            raise TypeError("A view that draws a layer must need it.")
        return self.row

    @property
    def channel(self) -> int:
        """The chosen channel of that layer; 0 for views that have none."""
        return self.subject.channel or 0

    @property
    def chosen_picture(self) -> Picture:
        """The chosen picture, for views that have one."""
        if self.picture is None:
            raise TypeError("A view that draws a picture must need it.")
        return self.picture


VIEWS: Registry[View[Any]] = Registry("view", "cnnlab.views")


def register(view: View[A]) -> View[A]:
    """Add a view to VIEWS under its own name."""
    VIEWS.register(view.name, view)
    return view


def views_of(page: str) -> list[View[Any]]:
    """The views of a page: the one of the page's own name first, the others by name."""
    return sorted((view for view in VIEWS if view.page == page), key=lambda view: (view.name != page, view.name))
