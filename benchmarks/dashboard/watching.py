"""What a viewer costs the training that is watched: `python -m benchmarks.dashboard.watching [--n 5] [--epochs 2]`.

One run of the tutorial's SimpleCNN on CIFAR-10 by the dashboard's own worker, on this machine's own cores. In turns, nobody
looks, or one Chromium on the same machine has the run's page open, which asks the store once a second. A phase lasts whole
epochs, from commit to commit, measuring and checkpoints included, after a part of an epoch in which the page has loaded.
"""

import argparse
import re
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.dashboard.first_point import started
from benchmarks.datasets import shared_data
from benchmarks.interleaved import compare
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.models import complete
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig

BAR, AIM = 0.08, 0.03
CHART = re.compile(r"the smoothed training loss is \d")
"""What the chart says once it shows anything."""
POLL_S = 0.1
PATIENCE_S = 180


def main() -> None:
    """Start a server and a run, let phases take turns, print the slow-down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=5, help="phases of each kind")
    parser.add_argument("--epochs", type=int, default=2, help="whole epochs a phase")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, sync_playwright() as playwright:
        app_config = AppConfig(home=Path(home), **shared_data())
        server, url = started(app_config)
        try:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
            page = browser.new_page()
            page.set_default_timeout(PATIENCE_S * 1000)
            times = phases(page, url, Store(app_config), asked.n, asked.epochs)
        finally:
            server.terminate()
            server.wait(PATIENCE_S)
    slower = compare(times["alone"], times["watched"])
    print(f"{machine()}; SimpleCNN, batch 64, fast; n = {asked.n} phases of {asked.epochs} epochs of each kind")
    for name, seconds in times.items():
        print(f"{name:8} pictures/s, each phase: {' '.join(f'{1 / s:,.0f}' for s in seconds)}")
    best, median = 1 - slower.best, 1 - slower.median
    verdict = "reached" if max(best, median) <= BAR else "MISSED"
    print(f"slowed by {best:.1%} (best), {median:.1%} (median); bar {BAR:.0%}, aim {AIM:.0%}: {verdict}")


def phases(page: Page, url: str, store: Store, n: int, epochs: int) -> dict[str, list[float]]:
    """Seconds a picture, of the wall clock, in each phase."""
    run = store.create(complete(TrainingConfig(epochs=1000, validation_size=0)))
    until(store, run.id, 1)
    page.goto(f"{url}/train?run={run.id}")  # the server's first page is slow, and not what is measured
    page.get_by_text(CHART).wait_for(state="attached")
    times: dict[str, list[float]] = {"alone": [], "watched": []}
    for number in range(n):
        order = ["alone", "watched"] if number % 2 == 0 else ["watched", "alone"]
        for kind in order:
            page.goto(f"{url}/train?run={run.id}" if kind == "watched" else "about:blank")
            if kind == "watched":
                page.get_by_text(CHART).wait_for(state="attached")
            begun_epoch, begun = until(store, run.id, epochs_done(store, run.id) + 1)
            _, ended = until(store, run.id, begun_epoch + epochs)
            times[kind].append((ended - begun) / (epochs * 50_000))
            print(f"{kind}: {1 / times[kind][-1]:,.0f} pictures/s", flush=True)
    store.request(run.id, "stop")
    while store.get(run.id).status.active:
        time.sleep(POLL_S)
    return times


def until(store: Store, id: str, epoch: int) -> tuple[int, float]:
    """Wait for that epoch's commit: the newest epoch then, and when it was seen."""
    while (done := epochs_done(store, id)) < epoch:
        time.sleep(POLL_S)
    return done, time.perf_counter()


def epochs_done(store: Store, id: str) -> int:
    """Committed epochs. Ends with the run's own sentence where it has ended."""
    run = store.get(id)
    if not run.status.active:
        raise SystemExit(f"The run ended: {run.message}")
    return run.last_epoch.epoch if run.last_epoch else 0


if __name__ == "__main__":
    main()
