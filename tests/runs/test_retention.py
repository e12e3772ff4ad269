"""Which epochs stay when the bytes do not suffice for all."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cnnlab.runs.retention import thin

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
