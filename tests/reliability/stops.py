"""Stop at random moments."""

import random
import time

from cnnlab.records import RunStatus
from cnnlab.runs import Store, StoreError
from tests.reliability.kills import HASTE, LEAST_S, Whole
from tests.reliability.runs import must_be_equal, must_hold
from tests.reliability.workers import Workers
from tests.waiting import eventually


def stopped_at_random(workers: Workers, store: Store, whole: Whole, chance: random.Random, n: int) -> list[float]:
    """Stop runs n times, each continued by the next worker and compared bit for bit; seconds from the click to the end."""
    seconds: list[float] = []
    expected, longest_s = whole.facts, max(LEAST_S, HASTE * whole.seconds)
    while len(seconds) < n:
        run, shown = store.create(whole.run.config), []
        while store.get(run.id).status is not RunStatus.FINISHED:
            worker = workers.start(store.app_config)
            if len(seconds) < n:
                time.sleep(chance.uniform(0, longest_s))
                clicked = time.monotonic()
                try:
                    store.request(run.id, "stop")
                except StoreError:
                    pass  # it had just finished
                else:
                    _until_it_has_ended(store, run.id)
                    seconds.append(time.monotonic() - clicked)
            worker.end()
            must_hold(store, run, shown, expected)
            shown = store.epochs(run.id)
            if store.get(run.id).status is RunStatus.STOPPED:
                store.resume(run.id)
        must_be_equal(store, run, whole.store, whole.run)
        store.delete(run.id)
    return seconds


def _until_it_has_ended(store: Store, id: str) -> None:
    eventually(lambda: store.get(id).status is not RunStatus.RUNNING)
