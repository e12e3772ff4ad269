"""What a long curve costs: `python -m benchmarks.dashboard.long_curve [--records 1000000] [--n 20]`.

A run of that many records of one step each, in a store of its own. Processor time of this process, in milliseconds, n
times: from the store to the message that the browser is sent (the bar is 50), the same read from the records as the
store had to before it kept points, and what writing three steps takes with and without keeping the points.
"""

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import streamlit as st

from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.run.curve_feed import chart_data
from cnnlab.dashboard.widgets import live_chart
from cnnlab.records import StepRecord
from cnnlab.runs import Run, Store
from cnnlab.runs.store import curves
from cnnlab.schema import TrainingConfig

BAR_MS = 50
BATCH = 50_000


def main() -> None:
    """Fill the store, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--n", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        store = Store(AppConfig(home=Path(home), runs_dir=None, database_url=None))
        run = store.create(TrainingConfig(), mine=True)
        store.start(run.id, "CPU", {}, asked.records)
        for first in range(1, asked.records + 1, BATCH):
            store.add_steps(run.id, [record(step) for step in range(first, min(first + BATCH, asked.records + 1))])
        run = store.get(run.id)
        print(f"{machine()}; {asked.records:,} records, {len(store.curve(run.id).step):,} points; n = {asked.n}")
        page = measured(lambda: message(store, run), asked.n)
        tell("store to message", page)
        tell("from the records alone", measured(lambda: curves_anew(store, run), min(3, asked.n)))
        steps = iter(range(run.step + 1, run.step + 10_000))
        for what, thin in (("three steps written", curves.thin), ("three steps, no points", lambda *_: None)):
            with mock.patch.object(curves, "thin", thin):
                tell(what, measured(lambda: store.add_steps(run.id, [record(next(steps)) for _ in range(3)]), asked.n))
        print(f"bar {BAR_MS} ms: {'reached' if statistics.median(page) <= BAR_MS else 'MISSED'}")


def record(step: int) -> StepRecord:
    """A record of one step."""
    loss = 2.3 / step**0.1 + 0.1 * math.sin(step)
    return StepRecord(step=step, epoch=1 + step // 10_000, loss=loss, accuracy=0.5, lr=0.001, elapsed_s=step / 99)


def message(store: Store, run: Run) -> str:
    """The whole curve as the browser is sent it."""
    sent: dict[str, object] = {}
    with (
        mock.patch.object(st, "session_state", {}),
        mock.patch.object(live_chart, "_chart", lambda **given: sent.update(given)),
    ):
        live_chart.live_chart(key="chart", **chart_data(store, run, key="chart"))
    return json.dumps(sent["data"])


def curves_anew(store: Store, run: Run) -> None:
    """The points made of all records."""
    with store.database.writing() as connection:
        curves.thin(connection, run.number, 0)


def measured(act: Callable[[], object], n: int) -> list[float]:
    """Milliseconds of the processor, each time; the first call, which builds statements, is not counted."""
    act()
    taken = []
    for _ in range(n):
        begun = time.process_time()
        act()
        taken.append(1e3 * (time.process_time() - begun))
    return taken


def tell(what: str, taken: list[float]) -> None:
    """A line of the table."""
    print(f"{what:24} median {statistics.median(taken):8.1f} ms, worst {max(taken):8.1f} ms")


if __name__ == "__main__":
    main()
