"""A thing is computed once for all who want it, is kept within a bound, and a fault of one is not the fault of the next."""

import threading
import time

import pytest

from cnnlab.dashboard.state.shared import Shared


def test_thirty_at_one_moment_have_it_computed_once() -> None:
    shared, computed, seen = Shared(), [], []
    begin = threading.Barrier(30)

    def compute() -> object:
        computed.append(1)
        time.sleep(0.05)  # time for the others to come
        return object()

    def ask() -> None:
        begin.wait()
        seen.append(shared.once("table", compute))

    visitors = [threading.Thread(target=ask) for _ in range(30)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()

    assert len(computed) == 1
    assert len(seen) == 30
    assert len(set(map(id, seen))) == 1


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    shared = Shared(most=2)
    for what in ("a", "b", "a", "c"):
        shared.once(what, lambda what=what: what * 2)  # type: ignore[misc]

    assert shared.once("a", lambda: "computed anew") == "aa"
    assert shared.once("c", lambda: "computed anew") == "cc"
    assert shared.once("b", lambda: "computed anew") == "computed anew"


def test_a_fault_is_not_kept_and_one_thing_may_need_another() -> None:
    shared = Shared()
    with pytest.raises(ZeroDivisionError):
        shared.once("ratio", lambda: 1 / 0)

    assert shared.once("ratio", lambda: shared.once("half", lambda: 0.5) * 2) == 1.0
