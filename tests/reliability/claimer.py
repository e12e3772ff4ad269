"""A process that claims at a given moment, again and again: python -m tests.reliability.claimer.

A line in is `<moment> <id>`: at that moment of the monotonic clock it tries to start a run, with `take` as the command
line does where an id is given, else with `claim` as a warm worker does. A line out is the number of the run, or 0.
"""

import sys
import time

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, StoreError


def main() -> None:
    """Until there are no more lines."""
    store = Store(AppConfig())
    store.list()
    print("ready", flush=True)
    for line in sys.stdin:
        moment, _, id = line.strip().partition(" ")
        run = _started(store, float(moment), id)
        print(run.number if run else 0, flush=True)
        sys.stdin.readline()  # until all have answered: who ended it at once would let another one have it
        if run:
            store.finish(run.id, RunStatus.FINISHED, "Done.")
        print("given back", flush=True)


def _started(store: Store, moment: float, id: str) -> Run | None:
    time.sleep(max(0.0, moment - time.monotonic() - 0.0005))
    while time.monotonic() < moment:
        pass
    try:
        return store.take(id) if id else store.claim()
    except StoreError as error:
        if "cannot be trained now" not in str(error):
            raise
        return None


if __name__ == "__main__":
    main()
