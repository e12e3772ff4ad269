"""The harness: who trains when, what is counted, and that nobody notices the others."""

import os

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.elsewhere import Elsewhere
from benchmarks.interleaved import Comparison, Turn, compare, take_turns
from benchmarks.training.variants import Engine, Reference
from cnnlab.data.tensors import Data
from cnnlab.schema import TrainingConfig

CPU = torch.device("cpu")
TIMES = st.lists(st.floats(1e-6, 10), min_size=1, max_size=9)


class Talker:
    """A variant that writes down when it was called, and draws a random number as training does."""

    def __init__(self, name: str, calls: list[str]) -> None:
        torch.manual_seed(3)
        self.name, self.calls, self.drawn = name, calls, list[float]()

    def turn(self, pictures: int) -> Turn:
        """Half a second a picture, and twice as many pictures as asked for."""
        self.calls.append(self.name)
        self.drawn.append(torch.rand(()).item())
        return Turn(2 * pictures, float(pictures))


def test_turns_are_taken_in_rounds() -> None:
    """Each variant once a round, another one first in each, the first round not counted, seconds a picture."""
    calls: list[str] = []
    makers = {name: lambda name=name: Talker(name, calls) for name in "ab"}
    _, times = take_turns(makers, rounds=3, pictures=10)

    assert calls == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert times == {"a": [0.5] * 3, "b": [0.5] * 3}


def test_each_has_its_own_random_numbers() -> None:
    """Two variants that draw alike draw the same numbers as one alone."""
    variants, _ = take_turns({name: lambda: Talker("", []) for name in "ab"}, rounds=4, pictures=1)
    alone, _ = take_turns({"a": lambda: Talker("", [])}, rounds=4, pictures=1)

    assert variants["a"].drawn == variants["b"].drawn == alone["a"].drawn  # type: ignore[attr-defined]
    assert len(set(alone["a"].drawn)) == 5  # type: ignore[attr-defined]


@given(base=TIMES, factor=st.floats(0.1, 10))
def test_a_constant_factor_is_found(base: list[float], factor: float) -> None:
    """Whatever the rounds were like, a variant that always takes the same share is found to by both measures."""
    ratio = compare(base, [t / factor for t in base])

    assert ratio.best == pytest.approx(factor)
    assert ratio.median == pytest.approx(factor)


def test_best_and_median_are_what_they_say() -> None:
    """By hand: best 2 against best 1; the rounds' ratios are 4, 1 and 2."""
    ratio = compare([4.0, 2.0, 4.0], [1.0, 2.0, 2.0])

    assert ratio == Comparison(best=2.0, median=2.0)
    assert ratio.reaches(2.0)
    assert not Comparison(best=2.0, median=1.9).reaches(2.0)
    assert not Comparison(best=1.9, median=2.0).reaches(2.0)


def test_the_engine_and_the_reference_take_turns_undisturbed(small_data: Data) -> None:
    """In turns, over several epochs, `exact` ends with the weights of the reference loop, bit for bit."""
    config = TrainingConfig(mode="exact", epochs=100, validation_size=0)
    variants, times = take_turns(
        {
            "reference": lambda: Reference("SimpleCNN", small_data, CPU),
            "exact": lambda: Engine(config, small_data, CPU, steps_per_record=1),
        },
        rounds=2,
        pictures=250,
    )
    reference, engine = variants["reference"], variants["exact"]
    assert isinstance(reference, Reference)
    assert isinstance(engine, Engine)
    pairs = zip(reference.loop.net.parameters(), engine.fit.model.parameters(), strict=True)

    assert reference.pictures_seen == engine.fit.images_seen == 750
    assert all(torch.equal(a, b) for a, b in pairs)
    assert all(t > 0 for both in times.values() for t in both)


class Counting:
    """Says in which process it lives, and how often it has had its turn."""

    def __init__(self) -> None:
        self.turns = 0

    def turn(self, pictures: int) -> Turn:
        """A picture more each time; the "seconds" are the process."""
        self.turns += 1
        if pictures == 13:
            raise RuntimeError("broken")
        return Turn(pictures + self.turns, os.getpid())


@pytest.mark.slow
def test_a_variant_elsewhere_has_a_process_of_its_own() -> None:
    """The same one for all its turns, and none after the block; where it breaks, nobody waits for ever."""
    with Elsewhere(Counting) as one, Elsewhere(Counting) as other:
        first, second, third = one.turn(10), one.turn(10), other.turn(10)
        assert (first.pictures, second.pictures, third.pictures) == (11, 12, 11)
        assert first.seconds == second.seconds
        assert len({first.seconds, third.seconds, os.getpid()}) == 3
        with pytest.raises(EOFError):
            other.turn(13)
    for process in (first.seconds, third.seconds):
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)
