"""Promises 1 and 2: nothing that was shown is lost by kill -9, and a continued run is the run it would have been."""

import random

import pytest

from cnnlab.failpoints import FAILPOINTS
from cnnlab.runs import Store
from tests.reliability import faults
from tests.reliability.kills import Tally, Whole, killed_at_random, left_alone
from tests.reliability.runs import EAGER, LAZY, recipe
from tests.reliability.stops import stopped_at_random
from tests.reliability.workers import Workers

PER_CHANGE = 25


def test_killed_at_random_moments(workers: Workers, store: Store) -> None:
    """25 kills: no epoch lost or trained again, no gap, no stray file; at the end every bit is as without them."""
    chance, tally = random.Random(25), Tally()
    whole = left_alone(workers, store, recipe("adam", epochs=30))
    for writer in (None, EAGER, LAZY):
        tally += killed_at_random(workers, store, whole, chance, most=PER_CHANGE - tally.kills, writer=writer)
    while tally.kills < PER_CHANGE:
        tally += killed_at_random(workers, store, whole, chance, most=PER_CHANGE - tally.kills)

    assert tally.kills == PER_CHANGE
    assert tally.shown > 0


@pytest.mark.parametrize("name", FAILPOINTS)
def test_killed_at_the_worst_moments(workers: Workers, store: Store, whole: Whole, name: str) -> None:
    """Twice at each of them, early and late; what had been committed counts, also when nobody had been told yet."""
    faults.killed_at(workers, store, name, occurrences=[2, 5], whole=whole)


def test_stopped_at_random_moments(workers: Workers, store: Store, whole: Whole) -> None:
    """Ten clicks on Stop: heard soon, every bit as without them. (The promise is 2 s; a loaded machine is slower.)"""
    assert max(stopped_at_random(workers, store, whole, random.Random(13), n=10)) < 20
