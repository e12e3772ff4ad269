"""What many look at is read once, kept within a bound, and used by one at a time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError
from cnnlab.data import DATASETS
from cnnlab.inspection import feature_maps
from cnnlab.inspection.networks import BusyError, InTurn, load_network
from cnnlab.models import build
from cnnlab.schema import TrainingConfig

INFO = DATASETS.get("CIFAR-10").info
PEOPLE = 30
PATIENCE_S = 120.0


def together(act: Callable[[int], None], people: int = PEOPLE) -> list[Exception]:
    """Have that many threads act at the same moment; what they raised."""
    ready, raised = threading.Barrier(people), []

    def one(number: int) -> None:
        ready.wait(PATIENCE_S)
        try:
            act(number)
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    return raised


def until(true: Callable[[], bool]) -> None:
    """Wait for it, however slow the machine is today."""
    waited = threading.Event()
    for _ in range(int(PATIENCE_S * 100)):
        if true():
            return
        waited.wait(0.01)
    raise AssertionError("It never came to that.")


def test_thirty_who_look_at_once_read_the_file_once_and_see_what_each_would_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One network, never used by two at a time; each has the numbers of its own picture, bit for bit."""
    config = TrainingConfig()
    path = tmp_path / "weights-0000.safetensors"
    file = checkpoints.write(path, build(config, INFO).state_dict(), {})
    pictures = np.random.default_rng(0).integers(0, 256, (PEOPLE, 32, 32, 3), dtype=np.uint8)
    alone = [feature_maps.compute(load_network(config, INFO, path, file), p, INFO.mean, INFO.std) for p in pictures]
    reads, inside, most, seen = [], [], [], {}
    real = checkpoints.read
    monkeypatch.setattr(checkpoints, "read", lambda *given: (reads.append(given), real(*given))[1])
    shared = InTurn(10**8, PEOPLE)

    def look(number: int) -> None:
        with shared.turn():
            inside.append(number)
            most.append(len(inside))
            network = shared.get("network", file.bytes, lambda: load_network(config, INFO, path, file))
            seen[number] = feature_maps.compute(network, pictures[number], INFO.mean, INFO.std)
            inside.remove(number)

    assert together(look) == []
    assert len(reads) == 1
    assert most == [1] * PEOPLE
    for number, expected in enumerate(alone):
        np.testing.assert_array_equal(seen[number].logits, expected.logits)
        for layer, same in zip(seen[number].layers, expected.layers, strict=True):
            np.testing.assert_array_equal(layer.maps, same.maps)


def test_it_never_keeps_more_than_its_bound() -> None:
    """The one used longest ago goes, before another is made; one larger than the bound is not kept."""
    shared = InTurn(100, 1)
    seen: list[int] = []

    def make(name: str) -> Callable[[], str]:
        return lambda: (seen.append(shared.kept_bytes), name)[1]

    with shared.turn():
        for name in ("a", "b", "a", "c"):  # b has not been used for longest when c comes
            assert shared.get(name, 40, make(name)) == name
        assert seen == [0, 40, 40]
        assert shared.get("a", 40, make("a again")) == "a"
        assert shared.get("b", 40, make("b again")) == "b again"
        assert shared.get("large", 101, make("large")) == "large"
        assert shared.get("large", 101, make("large again")) == "large again"
        assert shared.kept_bytes == 0


def test_they_come_in_the_order_in_which_they_asked() -> None:
    """First come, first served."""
    shared, order, threads = InTurn(1, PEOPLE), [], []

    def one(number: int) -> None:
        with shared.turn():
            order.append(number)

    with shared.turn():
        for number in range(PEOPLE):
            threads.append(threading.Thread(target=one, args=(number,)))
            threads[-1].start()
            until(lambda number=number: len(shared._line) == number + 2)
    for thread in threads:
        thread.join(PATIENCE_S)

    assert order == list(range(PEOPLE))


def test_the_line_is_bounded_and_can_be_left() -> None:
    """Whoever finds it full hears a sentence; who leaves it makes room, and nobody's turn is lost."""
    shared = InTurn(1, 1)
    left = threading.Event()

    def leave() -> None:
        if left.is_set():
            raise InterruptedError

    def wait() -> None:
        with pytest.raises(InterruptedError), shared.turn(leave):
            raise AssertionError("It had a turn.")

    def find_it_full() -> None:
        with pytest.raises(BusyError, match="Try again"), shared.turn():
            raise AssertionError("It had a turn.")

    with shared.turn():
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: len(shared._line) == 2)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(find_it_full).result(PATIENCE_S)
        left.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    with shared.turn():
        pass


def test_after_an_exception_the_next_one_finds_all_as_it_was(tmp_path: Path) -> None:
    """A pass that raises midway leaves mode, hooks, gradients and random state, and the turn; a failed load is not kept."""
    config = TrainingConfig()
    network = build(config, INFO).eval()
    shared = InTurn(100, PEOPLE)
    gone = checkpoints.WrittenFile("weights-0000.safetensors", "0" * 64, 8)
    with pytest.raises(CheckpointError), shared.turn():
        shared.get("network", 1, lambda: load_network(config, INFO, tmp_path / gone.name, gone))
    random = torch.get_rng_state()

    def wrong_size(number: int) -> None:
        with shared.turn():
            kept = shared.get("network", 1, lambda: network)
            feature_maps.compute(kept, np.zeros((5, 5, 3), dtype=np.uint8), INFO.mean, INFO.std)

    raised = together(wrong_size)

    assert len(raised) == PEOPLE
    assert all(isinstance(error, RuntimeError) for error in raised)
    assert torch.equal(random, torch.get_rng_state())
    assert not any(module.training for module in network.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
    with shared.turn():
        assert shared.get("network", 1, lambda: None) is network


def test_who_has_the_turn_may_take_it_again() -> None:
    """A view that compares two networks has both in one turn; the next in line comes after the outer block."""
    kept, seen = InTurn(most_bytes=10, most_waiting=5), []
    asks = threading.Event()

    def other() -> None:
        asks.set()
        with kept.turn():
            seen.append("the next")

    with kept.turn():
        visitor = threading.Thread(target=other)
        visitor.start()
        asks.wait(PATIENCE_S)
        with kept.turn(lambda: pytest.fail("it waits for itself")):
            seen.append("both")
        seen.append("one")
    visitor.join(PATIENCE_S)
    assert seen == ["both", "one", "the next"]
    assert not kept.in_use
