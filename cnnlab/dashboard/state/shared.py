"""This module has a thing computed once for all visitors: who comes first computes it, and the others wait for it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

MOST = 64


class Shared:
    """A `Shared` keeps what visitors have in common, up to `most` things; what was asked for longest ago goes first.

    Thirty who ask for the same thing at one moment have it computed once. What raises is not kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.RLock()  # of a thread that computes one thing from another

    def once(self, what: Hashable, compute: Callable[[], T]) -> T:
        """Return what `compute` returned when `what` was asked for first. `compute` draws nothing: it may be cut short."""
        with self._lock:
            if what not in self._kept:
                self._kept[what] = compute()
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(what)
            found: T = self._kept[what]
            return found
