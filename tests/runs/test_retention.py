"""Which epochs stay when the bytes do not suffice for all."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cnnlab.runs.retention import EARLY_PART, early_steps, thin

EPOCHS = st.dictionaries(st.integers(0, 200), st.integers(1, 1_000), max_size=60)


@given(EPOCHS, st.sets(st.integers(0, 200), max_size=3), st.integers(0, 20_000))
def test_what_must_stay_stays_and_the_rest_fits(epochs: dict[int, int], keep: set[int], budget: int) -> None:
    """First, last and best are never dropped; nothing else is kept above the budget, nothing dropped below it."""
    dropped = thin(epochs, keep, budget)

    sacred = {min(epochs), max(epochs)} | (keep & set(epochs)) if epochs else set()
    assert set(dropped) <= set(epochs) - sacred
    assert len(dropped) == len(set(dropped))
    left = set(epochs) - set(dropped)
    assert sum(epochs[e] for e in left) <= budget or left == sacred
    if dropped:
        before = left | {dropped[-1]}
        assert sum(epochs[e] for e in before) > budget, "one more than needed was dropped"


@given(st.integers(5, 30), st.integers(40, 150))
def test_what_stays_is_spread_evenly_when_thinned_epoch_by_epoch(room: int, last: int) -> None:
    """Thinned after each epoch, as a run is, no gap grows beyond four times the even one."""
    kept: set[int] = set()
    for epoch in range(last + 1):
        kept.add(epoch)
        kept -= set(thin(dict.fromkeys(kept, 1), [], room))
    ordered = sorted(kept)

    assert len(ordered) == room
    assert max(b - a for a, b in itertools.pairwise(ordered)) <= 4 * last / (room - 1)


def test_of_eleven_epochs_in_room_for_six_every_second_stays() -> None:
    """The plain case, by hand."""
    dropped = thin(dict.fromkeys(range(11), 100), [], 600)

    assert sorted(set(range(11)) - set(dropped)) == [0, 2, 4, 6, 8, 10]


@given(st.integers(1, 100_000), st.integers(1, 10_000), st.integers(0, 1_000_000))
def test_early_weights_fit_their_part_of_the_budget(steps: int, size: int, budget: int) -> None:
    """Powers of two below the epoch's end; all of them where they fit, else evenly spread ones up to the last."""
    found = early_steps(steps, size, budget)

    powers = [2**n for n in range(20) if 2**n < steps]
    assert set(found) <= set(powers)
    assert EARLY_PART * size * len(found) <= budget
    if EARLY_PART * size * len(powers) <= budget:
        assert found == powers
    if found:
        assert found[-1] == powers[-1]
        assert len({b // a for a, b in itertools.pairwise(found)}) <= 1


def test_early_weights_of_the_networks_that_are_shipped() -> None:
    """An epoch of CIFAR-10 in batches of 64, and the budget that runs have unless somebody sets another."""
    sizes = {"SimpleCNN": 248_024, "SpeedNet": 7_900_336, "VGGishCNN": 141_356_328}
    found = {name: early_steps(782, size, 2_000_000_000) for name, size in sizes.items()}

    assert found["SimpleCNN"] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert found["SpeedNet"] == [2, 8, 32, 128, 512]
    assert found["VGGishCNN"] == []
