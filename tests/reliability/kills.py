"""Train a run with a worker that is killed again and again, each time continued by the next."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cnnlab.records import EpochRecord, RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig
from tests.reliability.runs import must_be_equal, must_hold
from tests.reliability.workers import Death, Workers
from tests.worker.helpers import facts

HASTE = 0.15
"""A worker is killed at a moment between 0 and this share of the time that the run takes, all equally likely …"""
LEAST_S = 0.3
"""… and not sooner than a worker can begin …"""
PATIENCE = 1.3
"""… and so many times as long after each kill before it has got on: the last scores take a while."""


@dataclass
class Tally:
    """What was done."""

    kills: int = 0
    runs: int = 0
    epochs: int = 0
    shown: int = 0
    """Epochs that could be read from the store before a kill, each counted at the first kill after it."""
    landed: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: "Tally") -> "Tally":
        self.kills, self.runs, self.epochs = (
            self.kills + other.kills,
            self.runs + other.runs,
            self.epochs + other.epochs,
        )
        self.shown += other.shown
        self.landed += other.landed
        return self


@dataclass(frozen=True)
class Whole:
    """A run that was left alone, its store, and how long it took."""

    store: Store
    run: Run
    seconds: float

    @property
    def facts(self) -> list[dict[str, Any]]:
        """Its records without the clock."""
        return facts(self.store, self.run)


def left_alone(workers: Workers, store: Store, config: TrainingConfig) -> Whole:
    """The run as it is without any fault."""
    run, began = store.create(config), time.monotonic()
    assert workers.start(store.app_config).end().code == 0
    return Whole(store, store.get(run.id), time.monotonic() - began)


def killed_at_random(
    workers: Workers,
    store: Store,
    whole: Whole,
    chance: random.Random,
    most: int,
    writer: dict[str, Any] | None = None,
) -> Tally:
    """Kill the run that `whole` was left alone with until it is finished, or `most` times; compare them bit for bit."""
    config, expected, usual_s = whole.run.config, whole.facts, max(LEAST_S, HASTE * whole.seconds)
    longest_s = usual_s
    run, tally, shown = store.create(config), Tally(runs=1, epochs=config.epochs), list[EpochRecord]()
    while tally.kills < most:
        worker = workers.start(store.app_config, writer=writer)
        time.sleep(chance.uniform(0, longest_s))
        now = store.epochs(run.id)
        worker.kill()
        death = worker.end()
        assert now[: len(shown)] == shown
        tally.shown += len(now) - len(shown)
        longest_s = usual_s if len(now) > len(shown) else PATIENCE * longest_s
        shown = now
        if not recovered(store, run, death, shown, expected):
            break
        tally.kills += 1
        tally.landed[death.where] += 1
    else:
        assert workers.start(store.app_config).end().code == 0
    must_hold(store, run, shown, expected)
    must_be_equal(store, run, whole.store, whole.run)
    store.delete(run.id)
    return tally


def recovered(store: Store, run: Run, death: Death, shown: list[EpochRecord], expected: list[dict[str, Any]]) -> bool:
    """Do as a server does after a death: true where the run waits again, false where it had finished."""
    if store.get(run.id).status is RunStatus.FINISHED:
        return False
    assert death.killed, death
    interrupted = store.recover()
    now = store.get(run.id)
    if now.status is RunStatus.QUEUED:  # killed before it had claimed it
        assert not interrupted
    else:
        assert [run.id for run in interrupted] == [run.id], now.message
        must_hold(store, run, shown, expected)
        store.resume(run.id)
    return True
