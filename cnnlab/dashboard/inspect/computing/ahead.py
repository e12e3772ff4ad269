"""This module computes the arrays of the moments beside the one on the screen, while nobody waits for a network.

So a scrub to the neighbour finds its arrays in the cache. One thread serves all visitors, and only in a server. It is for one
or two people at a machine that has nothing else to do: before a class what most would never look at would take the
processor from what all have clicked on.
"""

import atexit
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cnnlab import logs
from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard.inspect import cache
from cnnlab.dashboard.inspect.selection import KeptWeights
from cnnlab.dashboard.inspect.subject import SHARED, NoRoomError, Subject
from cnnlab.dashboard.inspect.view import View
from cnnlab.data import DataUnavailableError
from cnnlab.inspection.networks import BusyError

MOST_VISITORS = 2
"""Number of visitors for whom anything is computed ahead; where more of them look, nothing is."""
PRESENT_S = 30.0
"""Seconds after a click within which a visitor counts as one who looks."""
LOOK_AGAIN_S = 0.05
"""Seconds between two looks whether a network is still in use."""


class _GaveWayError(Exception):
    """`_GaveWayError` ends a computation because a visitor came."""


class Ahead:
    """An `Ahead` computes what visitors are likely to look at next; it does nothing before `begin`."""

    def __init__(self) -> None:
        self._wishes: OrderedDict[str, list[tuple[View[Any], Subject]]] = OrderedDict()  # who moved last comes last
        self._clicked_s: dict[str, float] = {}  # when each visitor wished last, by time.monotonic
        self._guard = threading.Lock()
        self._begun = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Take wishes from now on, until `end` or the end of this process."""
        self._begun = True
        atexit.register(self.end)  # Python must not go down around a thread that is inside torch

    def end(self) -> None:
        """Take no more wishes, forget those that are left, and wait until the thread is through."""
        with self._guard:
            self._begun = False
            self._wishes.clear()
        self.join()

    def wish(self, visitor: str, view: View[Any], subjects: Sequence[Subject]) -> None:
        """Compute the arrays of `view` for these subjects soon, in this order, instead of what `visitor` wished before.

        Where more than MOST_VISITORS look, all wishes are forgotten. A network so large that it would never be kept is left
        out: there will never be room for it beside others.
        """
        subjects = [one for one in subjects if one.file is None or one.file.bytes <= SHARED.most_bytes]
        with self._guard:
            if not self._begun:
                return
            now = time.monotonic()
            self._clicked_s[visitor] = now
            self._clicked_s = {who: at for who, at in self._clicked_s.items() if now - at < PRESENT_S}
            self._wishes.pop(visitor, None)
            if subjects:
                self._wishes[visitor] = [(view, subject) for subject in subjects]
            if len(self._clicked_s) > MOST_VISITORS:
                self._wishes.clear()
            if self._wishes and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="cnnlab-ahead", daemon=True)
                self._thread.start()

    def join(self) -> None:
        """Wait until nothing is left to compute."""
        if thread := self._thread:
            thread.join()

    def _work(self) -> None:
        while wishes := self._newest():
            if SHARED.in_use:
                time.sleep(LOOK_AGAIN_S)
                continue
            view, subject = wishes[0]
            try:
                cache.arrays_apart(view, replace(subject, waiting=_give_way))
            except (_GaveWayError, NoRoomError, BusyError):
                time.sleep(LOOK_AGAIN_S)
                continue
            except (CheckpointError, DataUnavailableError):
                pass  # whoever goes to that epoch is told
            except Exception as error:
                logs.event("neighbours could not be computed", error=error, view=view.name)
            wishes.pop(0)

    def _newest(self) -> list[tuple[View[Any], Subject]] | None:
        """Return what is left of the wishes of who moved last; None, and the thread ends, where nothing is left of any."""
        with self._guard:
            while self._wishes:
                visitor = next(reversed(self._wishes))
                if self._wishes[visitor]:
                    return self._wishes[visitor]
                del self._wishes[visitor]
            self._thread = None
            return None


def _give_way() -> None:
    if SHARED.in_use:
        raise _GaveWayError


def neighbours(subject: Subject, row: Sequence[KeptWeights], stride: int = 1) -> list[Subject]:
    """Return the subject at the checkpoint `stride` after its own, then at the one just before; as far as they are.

    `row`: the run's kept checkpoints, of epochs and of steps of epoch 1, in the order of training.
    """
    place = next((place for place, kept in enumerate(row) if kept.path == subject.weights), None)
    if place is None:
        return []
    beside = [row[at] for at in (min(place + stride, len(row) - 1), place - 1) if at not in (-1, place)]
    return [replace(subject, weights=kept.path, file=kept.file, epoch=kept.epoch) for kept in beside]


AHEAD = Ahead()
