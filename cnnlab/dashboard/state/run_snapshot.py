"""This module shares what a live run's page asks the store: one reading, half a second old at most, serves every
visitor of that run.

Thirty visitors ask once a second each. Without this the store would be read 120 times a second for the same numbers,
which took a third of the server's time.
"""

import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from cnnlab.records import EpochRecord, StepRecord
from cnnlab.runs import Checkpoint, Curve, Run, Store

FRESH_S = 0.5

T = TypeVar("T")


class Reading:
    """A `Reading` is a run as it stood at one moment, with the part of the store that belongs to it, asked once for
    each thing.

    Its methods are the store's own of these names, and raise what those raise.
    """

    def __init__(self, store: Store, id: str) -> None:
        self.made_s = time.monotonic()
        self.run: Run = store.get(id)
        self._store = store
        self._answers: dict[Hashable, Any] = {}
        self._lock = threading.Lock()

    def curve(self, id: str, after: int = 0) -> Curve:
        """Return the curve up to the run's step in this reading: whoever asks with its last step goes on from the same
        place, and shares again.
        """
        return self._once(("curve", after), lambda: self._store.curve(id, after, until=self.run.step))

    def steps(self, id: str, until: int) -> list[StepRecord]:
        """Return the step records up to step `until`."""
        return self._once(("steps", until), lambda: self._store.steps(id, until=until))

    def epochs(self, id: str) -> list[EpochRecord]:
        """Return the epoch records in order, from epoch 1."""
        return self._once("epochs", lambda: self._store.epochs(id))

    def weights(self, id: str) -> list[Checkpoint]:
        """Return the weights to look inside, in the order of their epochs."""
        return self._once("weights", lambda: self._store.weights(id))

    def path(self, checkpoint: Checkpoint) -> Path:
        """Return the path of a checkpoint's file."""
        return self._store.path(checkpoint)

    def _once(self, what: Hashable, ask: Callable[[], T]) -> T:
        with self._lock:
            if what not in self._answers:
                self._answers[what] = ask()
            answer: T = self._answers[what]
            return answer


def of(store: Store, id: str, fresh_s: float = FRESH_S) -> Reading:
    """Return the reading of a run that all visitors share, at most `fresh_s` old (FRESH_S or less). Raises StoreError."""
    reading = _reading(store.app_config.model_dump_json(), id, store)
    if time.monotonic() - reading.made_s > fresh_s:
        renew(store, id)
        reading = _reading(store.app_config.model_dump_json(), id, store)
    return reading


def renew(store: Store, id: str) -> None:
    """Have the next look at a run read the store afresh: after a person's own click, which must show at once."""
    _reading.clear(store.app_config.model_dump_json(), id)


def is_fresh(reading: Reading) -> bool:
    """Return True while a reading is young enough. Takes the place of Streamlit's ttl, whose cache looks whether an
    entry is there and then takes it: in between it may expire.
    """
    return time.monotonic() - reading.made_s <= FRESH_S


@st.cache_resource(show_spinner=False, max_entries=64, validate=is_fresh)
def _reading(app_config: str, id: str, _store: Store) -> Reading:
    return Reading(_store, id)
