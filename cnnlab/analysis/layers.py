"""This module describes a network's layers in plain numbers: pages, figures and tables need no torch for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum

from cnnlab.analysis.receptive_field import Box, Sources, bounding, inputs_of
from cnnlab.formatting import count


class LayerKind(StrEnum):
    """A `LayerKind` says what a layer does. Code compares the kind; people read `words`."""

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
        """Return the kind's name as people read it on a page."""
        return "a layer of its own kind" if self is LayerKind.OTHER else self.value.replace("_", " ")


class Part(StrEnum):
    """A `Part` is one of the two parts of every network: feature-extraction base or classifier head."""

    BASE = "base"
    HEAD = "head"

    @property
    def words(self) -> str:
        """Return the part's name as people read it on a page."""
        return "feature-extraction base" if self is Part.BASE else "classifier head"


class Sees(Enum):
    """A `Sees` stands in place of a receptive field where the receptive field is no window of the picture."""

    EVERYTHING = "everything"
    """One value depends on the whole picture, as every value does from the flatten layer on."""
    NO_FORMULA = "no formula"
    """The layer, or one before it, is of a kind whose window cnnlab does not know."""


Pair = tuple[int, int]
"""Two numbers of a window or of its steps: down (rows) and across (columns)."""
KERNELS = (LayerKind.CONVOLUTION, LayerKind.TRANSPOSED_CONVOLUTION)
_UNTIL_ACTIVATION = (LayerKind.BATCH_NORM, LayerKind.NORMALISATION, LayerKind.POOLING, LayerKind.DROPOUT)


@dataclass(frozen=True)
class LayerRow:
    """A `LayerRow` describes one layer of a network in numbers; None stands where a layer has no such number."""

    name: str
    """Full name of the layer: "base.block1.conv1"."""
    label: str
    """Name of the layer without its part, unique within the network: "block1.conv1"."""
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
    frozen: int = 0
    """Number of these parameters that training never moves."""
    terms: tuple[tuple[int, ...], ...] = ()
    """Products that add up to the number of parameters: ((5, 5, 3, 6), (6,)) is 5 · 5 · 3 · 6 + 6."""
    inputs: tuple[str, ...] = ()
    """Full names of the layers whose outputs the layer takes; "" is the picture."""
    window: Pair | None = None
    """Number of neighbouring input values, down and across, that make one output value; None without a window."""
    kernel: Pair | None = None
    stride: Pair | None = None
    padding: Pair | None = None
    """Padding at the top and on the left."""
    dilation: Pair | None = None
    groups: int | None = None
    in_channels: int | None = None
    """Channels of a convolution's input, features of a fully connected layer's."""
    out_channels: int | None = None
    bias: bool | None = None
    """Whether the layer adds trained numbers to its outputs."""
    on_shortcut: bool = False
    """Whether the layer stands on a path beside the main one, in a residual block."""
    skips_from: str | None = None
    """Full name of the layer where the paths that this layer joins parted, "" for the picture; None without paths."""
    is_relu: bool = False
    sources: tuple[Sources, Sources] | Sees = Sees.NO_FORMULA
    """Input positions that make each output value, down and across."""

    @property
    def has_kernels(self) -> bool:
        """Return whether the layer's weights are kernels that slide over their input."""
        return self.kind in KERNELS

    @property
    def arithmetic(self) -> str:
        """Return the sum of the layer's parameters for people: "5×5×3×6 + 6 = 456"; empty where there are none."""
        sides = ["×".join(map(str, factors)) for factors in self.terms]
        return f"{' + '.join(sides)} = {count(self.parameters)}" if sides else ""


def heard_at(rows: Iterable[LayerRow], name: str) -> LayerRow:
    """Return the layer whose output is the answer of the channels of layer `name`: the last one before the activation.

    Batch normalisation can turn a channel's sign around, so what a kernel finds counts behind it. Where no activation
    follows directly (a residual sum comes first, or nothing), it is the normalisation that follows, else the layer
    itself.
    """
    known = list(rows)
    heard = row = next(row for row in known if row.name == name)
    while (after := _only_next(known, row)) and after.kind in _UNTIL_ACTIVATION:
        row = after
        if row.kind in (LayerKind.BATCH_NORM, LayerKind.NORMALISATION):
            heard = row
    return row if after and after.kind is LayerKind.ACTIVATION else heard


def relu_behind(rows: Iterable[LayerRow], name: str) -> LayerRow | None:
    """Return the ReLU that takes the answers of the channels of layer `name`; None where another layer takes them."""
    known = list(rows)
    after = _only_next(known, heard_at(known, name))
    return after if after and after.is_relu else None


def _only_next(rows: list[LayerRow], row: LayerRow) -> LayerRow | None:
    """Return the only layer that takes the output of `row`; None where there are several, or none."""
    takers = [other for other in rows if row.name in other.inputs]
    return takers[0] if len(takers) == 1 and len(takers[0].inputs) == 1 else None


def box_of(rows: Iterable[LayerRow], name: str, place: Pair, picture_px: Pair) -> Box | Sees | None:
    """Return the smallest box of the picture that holds all pixels on which a value of layer `name` depends.

    `place`: row and column of the value in the layer's maps. Exact at the edges too: what lies in the padding of the
    picture, or of a layer on the way, is left out. None where the value depends on no pixel; Sees.EVERYTHING for the
    whole picture; Sees.NO_FORMULA where a layer on the way has no formula.
    """
    known = {row.name: row for row in rows}
    wanted: dict[str, tuple[set[int], set[int]]] = {name: ({place[0]}, {place[1]})}
    for row in reversed(list(known.values())):
        if row.name not in wanted:
            continue
        if isinstance(row.sources, Sees):
            return row.sources
        for source in row.inputs:
            sides = known[source].output_shape[1:] if source else picture_px
            both = wanted.setdefault(source, (set(), set()))
            for kept, mine, sources, side in zip(both, wanted[row.name], row.sources, sides, strict=True):
                kept |= inputs_of(sources, mine, side)
    return bounding(wanted.get("", (set(), set())))


@dataclass(frozen=True)
class Totals:
    """A `Totals` holds the parameters and multiply-adds of all layers of a network together."""

    parameters: int
    frozen: int
    """Number of the parameters that training never moves."""
    base_parameters: int
    head_parameters: int
    macs: int
    """Multiply-adds for one picture, forward, of all layers that have a formula."""
    uncounted: tuple[str, ...]
    """Labels of the layers whose multiply-adds have no formula."""


def totals(rows: Iterable[LayerRow]) -> Totals:
    """Return the sums of the parameters and multiply-adds of the layers `rows`."""
    rows = list(rows)
    base = sum(row.parameters for row in rows if row.part is Part.BASE)
    everything = sum(row.parameters for row in rows)
    uncounted = tuple(row.label for row in rows if row.macs is None)
    frozen = sum(row.frozen for row in rows)
    return Totals(everything, frozen, base, everything - base, sum(row.macs or 0 for row in rows), uncounted)
