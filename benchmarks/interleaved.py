"""Which of several ways to train is faster, and by how much: they take turns, so that a busy moment hits all alike.

On a shared machine the same code takes half as long again from one minute to the next, so timing one variant after the
other compares moments, not code. torch.utils.benchmark and pyperf time one statement at a time; neither takes turns, and
neither keeps a training run's own random state from turn to turn. Hence these few lines.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch

from cnnlab.training.seeding import random_state, restore_random_state


class Turn(NamedTuple):
    """What a variant did with its turn."""

    pictures: int
    seconds: float


class Variant(Protocol):
    """One way to train, in the midst of a run of its own."""

    def turn(self, pictures: int) -> Turn:
        """Train on about so many pictures more (never fewer), by the variant's own clock: only what is compared counts."""


@dataclass(frozen=True)
class Comparison:
    """How many times faster than another a variant is."""

    best: float
    """Best round against best round."""
    median: float
    """Median of the ratios within each round."""

    def reaches(self, bar: float) -> bool:
        """By both measures."""
        return min(self.best, self.median) >= bar

    def __str__(self) -> str:
        return f"{self.best:.2f}× ({self.median:.2f}×)"


def take_turns(
    makers: Mapping[str, Callable[[], Variant]],
    rounds: int,
    pictures: int,
    device: torch.device | None = None,
) -> tuple[dict[str, Variant], dict[str, list[float]]]:
    """The variants after their turns, and for each its seconds a picture in each round.

    One more round comes first and is not counted: caches fill, kernels are chosen. Who begins changes from round to
    round. Each variant has torch's random state to itself, so that it computes what it would compute alone.
    """
    device = device or torch.device("cpu")
    variants: dict[str, Variant] = {}
    states = {}
    for name, make in makers.items():
        variants[name] = make()
        states[name] = random_state(device)
    times: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for number in range(rounds + 1):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            restore_random_state(states[name], device)
            turn = variants[name].turn(pictures)
            states[name] = random_state(device)
            if number:
                times[name].append(turn.seconds / turn.pictures)
    return variants, times


def compare(base: Sequence[float], variant: Sequence[float]) -> Comparison:
    """Times of the same rounds, seconds a picture."""
    ratios = [b / v for b, v in zip(base, variant, strict=True)]
    return Comparison(best=min(base) / min(variant), median=statistics.median(ratios))


class Stopwatch:
    """Seconds spent inside `with`, summed."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> "Stopwatch":
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._started
