"""This module describes a network's layers as plain numbers, for pages, figures and tables that import no torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum

from cnnlab.formatting import count


class LayerKind(StrEnum):
    """A `LayerKind` is what a layer does.

    Code asks for the kind; people read `words`.
    """

    CONVOLUTION = "convolution"
    TRANSPOSED_CONVOLUTION = "transposed_convolution"
    POOLING = "pooling"
    UPSAMPLING = "upsampling"
    BATCH_NORM = "batch_norm"
    NORMALISATION = "normalisation"
    ACTIVATION = "activation"
    DROPOUT = "dropout"
    FLATTEN = "flatten"
    LINEAR = "linear"
    SUM = "sum"
    OTHER = "other"
    """A layer that cnnlab has no name for, an architecture's own for instance."""

    @property
    def words(self) -> str:
        """Return the kind of layer as people read it."""
        return "a layer of its own kind" if self is LayerKind.OTHER else self.value.replace("_", " ")


class Part(StrEnum):
    """A `Part` is one of the two parts of every network."""

    BASE = "base"
    HEAD = "head"

    @property
    def words(self) -> str:
        """Return the part of the network as people read it."""
        return "feature-extraction base" if self is Part.BASE else "classifier head"


class Sees(Enum):
    """A `Sees` stands in the place of a receptive field that is no window of the picture."""

    EVERYTHING = "everything"
    """From flatten on a value depends on the whole picture."""
    NO_FORMULA = "no formula"
    """The layer, or one before it, is of a kind whose window cnnlab does not know."""


Pair = tuple[int, int]
"""Two numbers, the first along the height of a feature map and the second along its width."""
KERNELS = (LayerKind.CONVOLUTION, LayerKind.TRANSPOSED_CONVOLUTION)


@dataclass(frozen=True)
class LayerRow:
    """A `LayerRow` is one layer of a network, in numbers; None stands where a layer has no such number."""

    name: str
    """Full name: "base.block1.conv1"."""
    label: str
    """Name within the network, unique there: "block1.conv1"."""
    kind: LayerKind
    word: str
    """What people call the operation, in a word: relu, bn, dropout; the class's name where cnnlab has no word."""
    part: Part
    output_shape: tuple[int, ...]
    """Shape of the output for one picture: (channels, height, width), or (features,)."""
    receptive_field_px: Pair | Sees
    """Height and width of the rectangle of the picture that one output value can see, the padding around the picture
    included (so it may exceed the picture); that of the widest value where they differ."""
    macs: int | None
    """Multiply-adds for one picture in convolutions and fully connected layers, as papers count them; 0 in other layers
    that cnnlab knows; None where it has no formula."""
    parameters: int = 0
    terms: tuple[tuple[int, ...], ...] = ()
    """How the parameters come about: a sum of products. ((5, 5, 3, 6), (6,)) is 5 · 5 · 3 · 6 + 6."""
    inputs: tuple[str, ...] = ()
    """Full names of the layers whose outputs this layer takes; "" is the picture."""
    window: Pair | None = None
    """How many neighbouring values of its input one output value is made from; None where that is no window."""
    kernel: Pair | None = None
    stride: Pair | None = None
    padding: Pair | None = None
    """Rows of padding at the top and columns of padding on the left."""
    dilation: Pair | None = None
    groups: int | None = None
    in_channels: int | None = None
    """Channels of a convolution's input, features of a fully connected layer's."""
    out_channels: int | None = None
    bias: bool | None = None
    """Whether the layer adds trained numbers to its outputs."""
    on_shortcut: bool = False
    """Whether the layer stands on a path beside the main path of a residual block."""
    skips_from: str | None = None
    """Full name of the layer where the paths parted that this layer joins, "" for the picture; else None."""

    @property
    def has_kernels(self) -> bool:
        """Return whether the layer's weights are kernels that slide over its input."""
        return self.kind in KERNELS

    @property
    def arithmetic(self) -> str:
        """Return how the number of parameters comes about: "5×5×3×6 + 6 = 456"; empty where the layer has none."""
        sides = ["×".join(map(str, factors)) for factors in self.terms]
        return f"{' + '.join(sides)} = {count(self.parameters)}" if sides else ""


@dataclass(frozen=True)
class Totals:
    """A `Totals` counts the parameters and multiply-adds of all layers of a network together."""

    parameters: int
    base_parameters: int
    head_parameters: int
    macs: int
    """Multiply-adds for one picture, forward, of all layers that have a formula."""
    uncounted: tuple[str, ...]
    """Labels of the layers whose multiply-adds have no formula."""


def totals(rows: Iterable[LayerRow]) -> Totals:
    """Sum the parameters and multiply-adds of all layers of a network."""
    rows = list(rows)
    base = sum(row.parameters for row in rows if row.part is Part.BASE)
    everything = sum(row.parameters for row in rows)
    uncounted = tuple(row.label for row in rows if row.macs is None)
    return Totals(everything, base, everything - base, sum(row.macs or 0 for row in rows), uncounted)
