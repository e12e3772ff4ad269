"""This module loads trained networks from their checkpoints, keeps the last ones for everybody, and lends them in turn."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError, Named
from cnnlab.data import DatasetInfo
from cnnlab.inspection.capture import kept_random_state
from cnnlab.models import Network, build
from cnnlab.schema import TrainingConfig

ASK_AGAIN_S = 0.1
"""Seconds between two calls of `waiting` while somebody else has the turn."""

V = TypeVar("V")


class BusyError(Exception):
    """`BusyError` says that too many wait already; its text is one sentence for people."""


def load_network(config: TrainingConfig, info: DatasetInfo, path: Path, named: Named) -> Network:
    """Load the network whose weights lie at `path`: on the CPU, in eval mode, a fresh object at every call.

    Raises CheckpointError (a sentence) where the file is missing, torn or altered, or holds another network.
    """
    tensors, _ = checkpoints.read(path, named)
    with torch.device("meta"):  # no random weights are made, so no random state changes
        network = build(config, info)
    if _keeps_more(network):
        with kept_random_state():
            network = build(config, info)
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"The checkpoint {path.name} does not fit {config.architecture} for {info.name} as this run has it."
        ) from error
    return network.eval()


def _keeps_more(network: nn.Module) -> bool:
    """Return whether a layer has tensors that no checkpoint holds (tables it makes itself).

    Built on the meta device, those tensors would stay without numbers.
    """
    kept = {id(tensor) for tensor in network.state_dict(keep_vars=True).values()}
    tables = [value for module in network.modules() for value in vars(module).values() if isinstance(value, Tensor)]
    return bool(tables) or any(id(buffer) not in kept for buffer in network.buffers())


class InTurn:
    """An `InTurn` keeps what was read from checkpoints, for all threads, and lets one thread at a time use it.

    So a file is read once however many ask for it at the same moment, a network is never used by two threads at once, and
    memory holds `most_bytes` of networks and one thread's intermediate results, however many people look. Pictures are not
    joined to batches: the same picture would then have other last digits, depending on who else looked at that moment.
    """

    def __init__(self, most_bytes: int, most_waiting: int) -> None:
        self.most_bytes, self.most_waiting = most_bytes, most_waiting
        self._line: deque[threading.Event] = deque()  # the first one has its turn
        self._guard = threading.Lock()
        self._holder: int | None = None  # thread that has the turn
        self._kept: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()  # the one used longest ago comes first
        self._used_s: dict[Hashable, float] = {}  # when each was used last, by time.monotonic

    @property
    def kept_bytes(self) -> int:
        """Return the size of everything that is kept, as far as it was stated."""
        return sum(size for size, _ in list(self._kept.values()))

    @property
    def in_use(self) -> bool:
        """Return whether somebody has the turn or waits for it."""
        return bool(self._line)

    @contextmanager
    def turn(self, waiting: Callable[[], None] = lambda: None) -> Iterator["InTurn"]:
        """Wait for a turn, first come, first served, and have it inside the block; who has it may take it again.

        `waiting` is called again and again until then; what it raises ends the wait. Raises BusyError where `most_waiting`
        others wait already.
        """
        if self._holder == threading.get_ident():  # two networks at once, for a view that compares them
            yield self
            return
        my_turn = threading.Event()
        with self._guard:
            if len(self._line) > self.most_waiting:
                raise BusyError("Too many people look into networks at this moment. Try again in a few seconds.")
            self._line.append(my_turn)
            self._line[0].set()
        try:
            while not my_turn.wait(ASK_AGAIN_S):
                waiting()
            self._holder = threading.get_ident()
            yield self
        finally:
            with self._guard:
                if self._holder == threading.get_ident():
                    self._holder = None
                self._line.remove(my_turn)
                if self._line:
                    self._line[0].set()

    def get(self, key: Hashable, size_bytes: int, make: Callable[[], V]) -> V:
        """Return what is kept as `key`; where there is nothing, make it, of that size, and keep it. Call it in a turn.

        Whatever was used longest ago goes before anything new is made. Raises what `make` raises; nothing is kept then.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
        else:
            while self._kept and self.kept_bytes + size_bytes > self.most_bytes:
                dropped, _ = self._kept.popitem(last=False)
                del self._used_s[dropped]
            made = make()
            if size_bytes > self.most_bytes:
                return made
            self._kept[key] = size_bytes, made
        self._used_s[key] = time.monotonic()
        value: V = self._kept[key][1]
        return value

    def spare(self, size_bytes: int, unused_s: float) -> bool:
        """Return whether so much more fits beside what is kept. Call it in a turn.

        What nobody has used for `unused_s` seconds makes room for it, as far as that is needed.
        """
        for key in list(self._kept):
            if self.kept_bytes + size_bytes <= self.most_bytes:
                break
            if time.monotonic() - self._used_s[key] >= unused_s:
                del self._kept[key], self._used_s[key]
        return self.kept_bytes + size_bytes <= self.most_bytes
