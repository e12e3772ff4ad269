"""This module defines `Subject`, what a view computes its arrays of, and lends the networks of all visitors in turn."""

import json
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.layers import LayerRow
from cnnlab.checkpoints import Named
from cnnlab.dashboard.data.picture_sets import PictureSet, SetName, read_set
from cnnlab.dashboard.inspect.selection import KeptWeights, Other
from cnnlab.data import DatasetInfo
from cnnlab.data.tensors import normalisation_of
from cnnlab.data_folders import DataFolders
from cnnlab.inspection.kernels import kernels_of
from cnnlab.inspection.networks import InTurn, load_network
from cnnlab.inspection.summary import summarise
from cnnlab.models import Network
from cnnlab.schema import TrainingConfig

Need = Literal[
    "epoch", "layer", "channel", "picture", "set", "class", "options", "start", "history", "settings", "beside"
]
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

_OF_A_RUN: frozenset[Need] = frozenset(("epoch", "layer", "channel", "set", "start", "history", "settings"))
"""Needs with which arrays depend on the run's settings; without any of them, on the dataset's name alone."""

SHARED = InTurn(most_bytes=288 << 20, most_waiting=100)
"""The networks and kernels of all visitors: two of VGGishCNN's networks (141 MB each) fit."""
UNUSED_S = 1.0
"""Seconds after which a kept network that nobody uses makes room for a subject apart."""

V = TypeVar("V")


class NoRoomError(Exception):
    """`NoRoomError` says that visitors use so much memory that nothing can be read apart from theirs."""


def _silent(done: int, total: int) -> None:
    """Ignore progress that nobody watches."""


def _nothing() -> None:
    """Go on waiting."""


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
    """Number of epochs that the checkpoint was trained for; 0 also within epoch 1."""
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
    """All kept checkpoints of epochs, in their order."""
    beside: Other | None = None
    """Network to compare with."""
    progress: Callable[[int, int], None] = field(default=_silent)
    """Function that views of a whole dataset call with (done, total), in pictures."""
    waiting: Callable[[], None] = field(default=_nothing)
    """Function that is called again and again while others have their turn; what it raises ends the wait."""
    apart: bool = False
    """True: what is read of a checkpoint is read for this subject alone. Nobody waits for it, and nothing that visitors have
    just used makes room for it."""

    def only(self, needs: Collection[Need]) -> "Subject":
        """Return the same subject with nothing (None, no options) in the fields that belong to no need in `needs`."""
        without = Subject(self.config, self.info, self.folders, None, None)
        gone = [name for need, names in _FIELDS.items() if need not in needs for name in names]
        blank: dict[str, Any] = {name: getattr(without, name) for name in gone}
        if not _OF_A_RUN & set(needs):
            blank["config"] = TrainingConfig(dataset=self.config.dataset)
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
    def chosen_picture(self) -> npt.NDArray[np.uint8]:
        """Return the picture to look at. Raises TypeError where the view does not need one."""
        if self.picture is None:
            raise TypeError("A view that looks at one picture must need it.")
        return self.picture

    @property
    def chosen_layer(self) -> str:
        """Return the full name of the chosen layer. Raises TypeError where the view does not need one."""
        if self.layer is None:
            raise TypeError("A view that looks at a layer must need it.")
        return self.layer

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
        with self._turn():
            yield self._read(key, file.bytes, load)

    def kernels(self) -> npt.NDArray[np.float32]:
        """Return the kernels of the chosen layer: float32 [out, in, height, width], read-only.

        Whoever is first reads those of all layers. Raises as `network` does.
        """
        path, file = self._checkpoint()
        rows = [row for row in summarise(self.config, self.info) if row.has_kernels]
        size_bytes = 4 * sum(row.parameters for row in rows)
        load = partial(kernels_of, path, file, rows)
        with self._turn():
            kernels = self._read(("kernels", path, file.sha256, tuple(row.name for row in rows)), size_bytes, load)
        chosen = kernels[self.row.name]
        chosen.flags.writeable = False
        return chosen

    def _turn(self) -> AbstractContextManager[object]:
        """Wait for a turn among all visitors, which a subject apart does not take."""
        return nullcontext() if self.apart else SHARED.turn(self.waiting)

    def _read(self, key: Hashable, size_bytes: int, load: Callable[[], V]) -> V:
        """Return what `load` reads; for a subject apart never what is kept for all, and `waiting` may end it afterwards.

        Raises NoRoomError where a subject apart would take more memory than visitors leave.
        """
        if not self.apart:
            return SHARED.get(key, size_bytes, load)
        self.waiting()
        with SHARED.turn(self.waiting):  # for no longer than a look
            if not SHARED.spare(size_bytes, UNUSED_S):
                raise NoRoomError
        own = load()
        self.waiting()
        return own

    def _checkpoint(self) -> tuple[Path, Named]:
        if self.weights is None or self.file is None:
            raise TypeError("A view that looks at a network must need the epoch.")
        return self.weights, self.file

    def pictures(self) -> PictureSet:
        """Read the chosen set of pictures. Raises DataUnavailableError."""
        if self.set is None:
            raise TypeError("A view that looks at many pictures must need the set.")
        return read_set(self.config, self.info, self.folders, self.set)
