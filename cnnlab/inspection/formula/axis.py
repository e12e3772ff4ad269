"""This module tells, along one side of a map, from which input positions each output position is made, and how much of each.

It knows sizes only, no weights: convolutions, pooling and resizing differ in nothing but these tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor
from typing import NamedTuple


class Source(NamedTuple):
    """A `Source` is one input position of one output position."""

    at: int
    """Input position; below zero or beyond the last one it is padding, whose value is zero."""
    tap: int
    """Place in the kernel whose weight it is multiplied with."""
    factor: float = 1.0
    """Further factor: the 1/n of a mean, the share of a resizing."""


@dataclass(frozen=True)
class Axis:
    """An `Axis` holds the sources of every output position along one side."""

    sources: tuple[tuple[Source, ...], ...]

    def __len__(self) -> int:
        return len(self.sources)


def one_to_one(size: int) -> Axis:
    """Return the axis of a layer that makes each output from the one input in the same place."""
    return Axis(tuple((Source(n, 0),) for n in range(size)))


def only(position: int) -> Axis:
    """Return the axis of a single output that is one of the inputs."""
    return Axis(((Source(position, 0),),))


def everything(inputs: int) -> Axis:
    """Return the axis of a single output that is made from all inputs, each with a weight of its own."""
    return Axis((tuple(Source(n, n) for n in range(inputs)),))


def sliding(outputs: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """Return the axis of a convolution with `padding` positions before the first input."""
    return Axis(
        tuple(tuple(Source(n * stride - padding + k * dilation, k) for k in range(kernel)) for n in range(outputs))
    )


def transposed(inputs: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """Return the axis of a transposed convolution: input i adds to the outputs i · stride - padding + k · dilation."""

    def sources(output: int) -> Iterable[Source]:
        for k in range(kernel):
            place, rest = divmod(output + padding - k * dilation, stride)
            if rest == 0 and 0 <= place < inputs:
                yield Source(place, k)

    return Axis(tuple(tuple(sorted(sources(n))) for n in range(outputs)))


def largest(inputs: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """Return the axis of a max pooling. Padding never wins, so it is left out."""
    windows = (range(n * stride - padding, n * stride - padding + kernel * dilation, dilation) for n in range(outputs))
    return Axis(tuple(tuple(Source(at, 0) for at in window if 0 <= at < inputs) for window in windows))


def mean(inputs: int, outputs: int, kernel: int, stride: int, padding: int, padding_counts: bool) -> Axis:
    """Return the axis of a mean pooling; with `padding_counts` the zeros of the padding are part of the mean.

    What a window reaches beyond the padding (torch's ceil_mode) never counts.
    """

    def sources(output: int) -> tuple[Source, ...]:
        start = output * stride - padding
        window = range(start, min(start + kernel, inputs + padding))
        counted = window if padding_counts else [at for at in window if 0 <= at < inputs]
        return tuple(Source(at, 0, 1 / len(counted)) for at in counted)

    return Axis(tuple(sources(n) for n in range(outputs)))


def adaptive(inputs: int, outputs: int, is_mean: bool) -> Axis:
    """Return the axis of an adaptive pooling: output n is made from the inputs ⌊n · I/O⌋ to ⌈(n + 1) · I/O⌉ - 1."""
    windows = (range(n * inputs // outputs, -(-(n + 1) * inputs // outputs)) for n in range(outputs))
    return Axis(tuple(tuple(Source(at, 0, 1 / len(window) if is_mean else 1.0) for at in window) for window in windows))


def nearest(inputs: int, outputs: int) -> Axis:
    """Return the axis of a resizing that repeats or leaves out values."""
    return Axis(tuple((Source(n * inputs // outputs, 0),) for n in range(outputs)))


def bilinear(inputs: int, outputs: int, align_corners: bool) -> Axis:
    """Return the axis of a resizing that mixes the two nearest inputs, as torch's documentation of Upsample has it."""

    def sources(output: int) -> tuple[Source, ...]:
        if align_corners:
            place = output * (inputs - 1) / (outputs - 1) if outputs > 1 else 0.0
        else:
            place = max(0.0, (output + 0.5) * inputs / outputs - 0.5)
        left = min(floor(place), inputs - 1)
        right, share = min(left + 1, inputs - 1), place - left
        if right == left or share == 0:
            return (Source(left, 0),)
        return Source(left, 0, 1 - share), Source(right, 0, share)

    return Axis(tuple(sources(n) for n in range(outputs)))
