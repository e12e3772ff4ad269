"""A class looks at feature maps: `python -m benchmarks.crowd.maps [--tabs 30] [--rounds 10] [--minutes 2]`.

One server, started as the README says; a VGGishCNN run of three epochs, whose weights are random, because time and memory
do not depend on what they are; 500 other runs in the store; one run of the tutorial's SimpleCNN in training. Tabs that
speak Streamlit's own protocol look at VGGishCNN's feature maps. First all press Next at the same moment, again and again,
each from a test picture of its own, so that nobody finds an answer that was computed for another. Then each presses at
moments of its own, every 3 to 9 seconds, as ten people do. `--kernels` has every third tab look at kernels instead, each
of a layer and an epoch of its own. Memory is the server's, over what it held before the first tab came.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.crowd import filled
from benchmarks.dashboard.classroom import WHOLE_PAGE, cpu_s, memory_mib
from benchmarks.dashboard.first_point import ROOT, started
from benchmarks.dashboard.streamlit_client import Tab
from benchmarks.datasets import shared_data
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.models import complete
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig

P95_BAR_S, MEMORY_BAR_MIB = 1.0, 400
SETTLED_S = 12.0
"""After which a server has loaded torch and its first worker waits."""
PATIENCE_S = 120.0
SAMPLE_S = 0.1
EPOCHS, BATCH = 3, 64
PAUSE_S = (3.0, 9.0)
APART = 100
"""Test pictures between the first ones of two tabs."""


@dataclass
class Measured:
    """What was measured."""

    together_s: list[float] = field(default_factory=list)
    """How long each press took of those at the same moment."""
    alone_s: list[float] = field(default_factory=list)
    """How long each press took of those at moments of their own."""
    rest_mib: float = 0.0
    come_mib: float = 0.0
    """When all tabs had loaded the page."""
    peak_mib: float = 0.0
    """The most while anybody pressed."""
    cpu_s: float = 0.0
    """Of the server, while all pressed together."""
    trained: int = 0
    """Pictures a second that the run trained with meanwhile."""
    errors: list[str] = field(default_factory=list)


def main() -> None:
    """Fill a store, start a server and a run, let the class press, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tabs", type=int, default=30, help="that press at the same moment")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--people", type=int, default=10, help="who then press at moments of their own")
    parser.add_argument("--minutes", type=float, default=2.0, help="of pressing at moments of one's own")
    parser.add_argument("--runs", type=int, default=500, help="other runs in the store")
    parser.add_argument("--kernels", action="store_true", help="every third tab looks at kernels")
    parser.add_argument("--epochs", action="store_true", help="every tab looks at the next of the three epochs")
    parser.add_argument("--at", type=Path, default=ROOT, help="the checkout whose server is measured")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        app_config = AppConfig(home=Path(home), **shared_data())
        store = Store(app_config)
        filled.fill(store, asked.runs, with_steps=0)
        large = filled.untrained(store, "VGGishCNN", EPOCHS)
        server, url = started(app_config, asked.at)
        try:
            measured = asyncio.run(hold(url, server.pid, store, large, asked))
        finally:
            server.terminate()
            server.wait(60)
        report(measured, asked)
        if measured.errors:
            print(f"\nThe server's last words:\n{(Path(home) / 'server.log').read_text()[-8_000:]}")


async def hold(url: str, server: int, store: Store, large: Run, asked: argparse.Namespace) -> Measured:
    """Let the class come, press together, press alone, beside a run in training."""
    measured = Measured()
    print("waiting for the run to train", flush=True)
    training = store.create(complete(TrainingConfig(epochs=1000, validation_size=0)))
    while not store.get(training.id).step:
        await asyncio.sleep(0.5)
    await asyncio.sleep(SETTLED_S)
    measured.rest_mib = memory_mib(server)
    print(f"{measured.rest_mib:.0f} MiB at rest; {asked.tabs} tabs come", flush=True)
    tabs = [Tab(url, *place(large, number, asked)) for number in range(asked.tabs)]
    sampling = asyncio.create_task(sample(measured, server))
    await asyncio.gather(*(tab.open() for tab in tabs))
    await answered(tabs, measured)
    measured.come_mib = memory_mib(server)
    print(f"{measured.come_mib:.0f} MiB; they press", flush=True)
    begun, cpu, step = time.perf_counter(), cpu_s(server), store.get(training.id).step
    for _ in range(asked.rounds):
        for tab in tabs:
            press(tab)
        await answered(tabs, measured)
    spent = time.perf_counter() - begun
    measured.trained = round(BATCH * (store.get(training.id).step - step) / spent)
    measured.together_s = pages_since(tabs, begun)
    measured.cpu_s = (cpu_s(server) - cpu) / max(1, len(measured.together_s))
    begun = time.perf_counter()
    await asyncio.gather(
        *(at_leisure(tab, n, begun + 60 * asked.minutes) for n, tab in enumerate(tabs[: asked.people]))
    )
    await answered(tabs, measured)
    measured.alone_s = pages_since(tabs, begun)
    sampling.cancel()
    with suppress(asyncio.CancelledError):
        await sampling
    for tab in tabs:
        measured.errors += tab.errors
        await tab.close()
    measured.errors += await asyncio.to_thread(end, store, training)
    return measured


def end(store: Store, training: Run) -> list[str]:
    """Stop the run; what went wrong with it."""
    if store.get(training.id).status.active:
        store.request(training.id, "stop")
    while (now := store.get(training.id)).status.active:
        time.sleep(0.5)
    return [] if now.status is RunStatus.STOPPED else [f"the run ended: {now.message}"]


def pages_since(tabs: list[Tab], begun: float) -> list[float]:
    """How long each whole page took that was asked for since then; fragments that look by themselves do not count."""
    return [a.seconds for tab in tabs for a in tab.answers if a.sent >= begun and a.fragment == WHOLE_PAGE]


def place(large: Run, number: int, asked: argparse.Namespace) -> tuple[str, str]:
    """Return page and query of a tab."""
    epoch = number % (EPOCHS + 1) if asked.epochs else EPOCHS
    if asked.kernels and number % 3 == 2:
        return "kernels", f"run={large.id}&epoch={epoch}&layer=conv{1 + number % 7}"
    return "feature_maps", f"run={large.id}&epoch={epoch}&picture=test:{APART * number}"


def press(tab: Tab) -> None:
    """Press Next; on a page without pictures, load it again."""
    if "Next" in tab.buttons:
        tab.press("Next")
    else:
        tab.ask()


async def at_leisure(tab: Tab, number: int, until_s: float) -> None:
    """Press again and again, each time after a pause."""
    moment = random.Random(number)
    while time.perf_counter() < until_s:
        await asyncio.sleep(moment.uniform(*PAUSE_S))
        press(tab)


async def answered(tabs: list[Tab], measured: Measured) -> None:
    """Wait until every page is drawn."""
    deadline = time.perf_counter() + PATIENCE_S
    while any(WHOLE_PAGE in tab.unanswered(0.0) for tab in tabs):
        if time.perf_counter() > deadline:
            measured.errors.append(f"no answer within {PATIENCE_S:.0f} s")
            return
        await asyncio.sleep(0.01)


async def sample(measured: Measured, server: int) -> None:
    """Note the most memory, for as long as it is let."""
    while True:
        measured.peak_mib = max(measured.peak_mib, memory_mib(server))
        await asyncio.sleep(SAMPLE_S)


def report(measured: Measured, asked: argparse.Namespace) -> None:
    """Print the table, with the bars."""
    over = measured.peak_mib - measured.rest_mib
    print(f"{machine()}; {os.cpu_count()} cores, VGGishCNN, {asked.runs} other runs")
    print(
        f"CPU of the server a press: {1000 * measured.cpu_s:.0f} ms; trained meanwhile: {measured.trained:,} pictures/s"
    )
    print(f"memory: {measured.rest_mib:.0f} MiB at rest, {measured.come_mib:.0f} with {asked.tabs} tabs that have come")
    rows = [("errors", f"{len(measured.errors)}", "0", not measured.errors)]
    for what, seconds in (
        (f"{asked.tabs} press together", measured.together_s),
        (f"{asked.people} press alone", measured.alone_s),
    ):
        if seconds:
            p50, p95 = np.percentile(seconds, (50, 95))
            said = f"n = {len(seconds)}: p50 {p50:.2f} s, p95 {p95:.2f} s, worst {max(seconds):.2f} s"
            rows.append((what, said, f"p95 ≤ {P95_BAR_S} s", p95 <= P95_BAR_S))
    rows.append(("most memory over rest", f"{over:+.0f} MiB", f"≤ +{MEMORY_BAR_MIB} MiB", bool(over <= MEMORY_BAR_MIB)))
    for what, said, bar, reached in rows:
        print(f"{what:24} {said:60} {bar:14} {'reached' if reached else 'MISSED'}")
    for error, often in Counter(measured.errors).most_common(10):
        print(f"{often} × {error}")


if __name__ == "__main__":
    main()
