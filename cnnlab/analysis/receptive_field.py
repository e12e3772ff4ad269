"""This module works out exactly which pixels of the picture one value of a layer depends on, one side at a time.

Layers repeat themselves along a side: a convolution of stride 2 does at every position what it does at position 0, two
inputs further on; a transposed one of stride 2 does the same at every second position. So a few positions tell of all
(after Araujo, Norris & Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import gcd, lcm

Span = tuple[int, int]
"""First and last pixel, both included; below zero or beyond the picture: in the padding around it."""
Box = tuple[Span, Span]
"""First and last row, and first and last column, of a part of the picture."""


@dataclass(frozen=True)
class Sources:
    """A `Sources` tells from which input positions a layer makes each of its output positions, along one side.

    Output position n is made from `positions[n % len(positions)]`, each moved by `shift` once for every
    `len(positions)` outputs before it.
    """

    positions: tuple[Sequence[int], ...]
    shift: int

    @property
    def window(self) -> int:
        """Return how many neighbouring inputs the widest output is made from, holes included."""
        return max((max(mine) - min(mine) + 1 for mine in self.positions if mine), default=0)


def same() -> Sources:
    """Return the sources of a layer that makes each output from the input of the same position."""
    return Sources(((0,),), 1)


def sliding(kernel: int, stride: int, padding: int, dilation: int) -> Sources:
    """Return the sources of a convolution or a pooling with `padding` positions before the first input."""
    last = (kernel - 1) * dilation - padding
    return Sources((range(-padding, last + 1, dilation),), stride)


def transposed(kernel: int, stride: int, padding: int, dilation: int) -> Sources:
    """Return the sources of a transposed convolution.

    Its input i adds to the outputs i * stride - padding + k * dilation, for k below kernel.
    """

    def inputs_of(output: int) -> list[int]:
        reached = (output + padding - k * dilation for k in range(kernel))
        return sorted(place // stride for place in reached if place % stride == 0)

    return Sources(tuple(inputs_of(output) for output in range(stride)), 1)


def everything(inputs: int) -> Sources:
    """Return the sources of a layer that makes each output from all inputs: statistics of a whole feature map."""
    return Sources((range(inputs),), 0)


def adaptive(inputs: int, outputs: int) -> Sources:
    """Return the sources of an adaptive pooling.

    Its output n is made from the inputs ⌊n · inputs / outputs⌋ to ⌈(n + 1) · inputs / outputs⌉ - 1.
    """
    common = gcd(inputs, outputs)
    windows = (range(n * inputs // outputs, -(-(n + 1) * inputs // outputs)) for n in range(outputs // common))
    return Sources(tuple(windows), inputs // common)


def nearest(inputs: int, outputs: int) -> Sources:
    """Return the sources of a resizing that repeats or leaves out values: output n is input ⌊n · inputs / outputs⌋."""
    common = gcd(inputs, outputs)
    return Sources(tuple((n * inputs // outputs,) for n in range(outputs // common)), inputs // common)


def bilinear(inputs: int, outputs: int, align_corners: bool) -> Sources:
    """Return the sources of a resizing that mixes the two nearest inputs.

    At the border the outermost input counts as its own neighbour.
    """
    if outputs == 1 and align_corners:
        return Sources(((0,),), 0)
    over, under = (inputs - 1, outputs - 1) if align_corners else (inputs, outputs)
    common = gcd(over, under)

    def mixed(n: int) -> tuple[int, ...]:
        twice = 2 * n * over if align_corners else (2 * n + 1) * over - under  # place in the input, times 2 · under
        left, rest = divmod(twice, 2 * under)
        return (left, left + 1) if rest else (left,)

    return Sources(tuple(mixed(n) for n in range(under // common)), over // common)


@dataclass(frozen=True)
class Field:
    """A `Field` tells which pixels of the picture each value of a layer depends on, along one side.

    The value at position n looks at `spans[n % len(spans)]`, moved by `shift_px` once for every `len(spans)` values
    before it; None: at nothing at all, as between the outputs of a transposed convolution whose stride is wider than
    its kernel.
    """

    spans: tuple[Span | None, ...]
    shift_px: int

    def at(self, position: int) -> Span | None:
        """Return the pixels that the value at that position depends on; None where the value depends on no pixel."""
        turns, place = divmod(position, len(self.spans))
        span = self.spans[place]
        return None if span is None else (span[0] + turns * self.shift_px, span[1] + turns * self.shift_px)

    def through(self, sources: Sources) -> "Field":
        """Return the field of a layer that makes its values from this field's layer as `sources` tells."""
        period = len(self.spans)
        turns = period // gcd(sources.shift, period)
        spans = tuple(
            _around(self.at(position + turn * sources.shift) for position in mine)
            for turn in range(turns)
            for mine in sources.positions
        )
        return Field(spans, self.shift_px * sources.shift * turns // period)

    def beside(self, other: "Field", values: int) -> "Field | None":
        """Return the field of the sum of two layers with `values` values a side; None where their strides differ."""
        period = lcm(len(self.spans), len(other.spans))
        steps = [field.shift_px * period // len(field.spans) for field in (self, other)]
        if steps[0] == steps[1]:
            return Field(tuple(_around((self.at(n), other.at(n))) for n in range(period)), steps[0])
        if 0 in steps:  # one of the two looks at the same pixels from every position
            return Field((_around(field.at(n) for field in (self, other) for n in range(values)),), 0)
        return None

    def extent_px(self, values: int) -> int:
        """Return how many pixels the widest of the first `values` positions spans, holes and padding included."""
        seen = [span for n in range(min(values, len(self.spans))) if (span := self.spans[n])]
        return max((last - first + 1 for first, last in seen), default=0)


PICTURE = Field(((0, 0),), 1)
"""The picture itself: each value is its own pixel."""


def inputs_of(sources: Sources, outputs: Iterable[int], inputs: int) -> set[int]:
    """Return the positions, of `inputs` from 0 on, from which these output positions are made; padding is left out."""
    found: set[int] = set()
    for output in outputs:
        turns, place = divmod(output, len(sources.positions))
        found.update(position + turns * sources.shift for position in sources.positions[place])
    return {position for position in found if 0 <= position < inputs}


def bounding(sides: tuple[set[int], set[int]]) -> Box | None:
    """Return the smallest box that holds these rows and columns; None where there are none."""
    down, across = sides
    return ((min(down), max(down)), (min(across), max(across))) if down and across else None


def _around(spans: Iterable[Span | None]) -> Span | None:
    """Return the smallest span that holds all `spans`; None where every span is None."""
    found = [span for span in spans if span]
    return (min(first for first, _ in found), max(last for _, last in found)) if found else None
