"""Processor time of the server for each look at a page: `python -m benchmarks.crowd.rerun_cpu [--runs 500] [--n 50]`.

A store with that many finished runs and one that this process pretends to train: four writes a second, an epoch every five
seconds. One tab that speaks Streamlit's own protocol asks for the whole page again, or for one of its fragments, five times
a second, as thirty people do together who click every six seconds. What the server takes without a tab is taken off.
"""

import argparse
import asyncio
import itertools
import os
import tempfile
import threading
import time
from pathlib import Path

import psutil
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.crowd import filled
from benchmarks.dashboard.first_point import started
from benchmarks.dashboard.streamlit_client import Tab
from benchmarks.datasets import shared_data
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.models import complete
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig

ANSWERED_S = 60.0
STEPS, LOOKS = 30, 20
"""Steps that the pretended run writes at a time, and times in an epoch of five seconds."""


class Looker(Tab):
    """A `Looker` is a tab that asks only when it is told to; it knows the fragments that would have asked by themselves."""

    def __init__(self, url: str, page: str, query: str) -> None:
        super().__init__(url, page, query)
        self.fragments: dict[str, float] = {}
        """The seconds between two looks of each fragment."""
        self.received_bytes = 0

    def _start_timer(self, message: ForwardMsg) -> None:
        self.fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval

    def _take(self, message: ForwardMsg) -> None:
        self.received_bytes += message.ByteSize()
        super()._take(message)

    async def look(self, fragment: str = "") -> None:
        """Ask, and wait for the answer."""
        known, deadline = len(self.answers), time.monotonic() + ANSWERED_S
        self.ask(fragment)
        while len(self.answers) == known:
            if self.errors or time.monotonic() > deadline:
                raise SystemExit(f"The page did not answer: {self.errors}")
            await asyncio.sleep(0.002)


class Pretended:
    """A `Pretended` is a run that this process claims and writes records of, but does not compute."""

    def __init__(self, store: Store) -> None:
        self._store, self._over = store, threading.Event()
        self.id = store.create(complete(TrainingConfig(epochs=200, lr=0.0123, validation_size=5000))).id
        store.take(self.id)
        store.start(self.id, "cpu", {}, 200 * LOOKS * STEPS)
        self._thread = threading.Thread(target=self._train, daemon=True)
        self._thread.start()

    def _train(self) -> None:
        for tick in itertools.count():
            steps = [filled.step(number) for number in range(tick * STEPS + 1, (tick + 1) * STEPS + 1)]
            self._store.add_steps(self.id, [step.model_copy(update={"epoch": tick // LOOKS + 1}) for step in steps])
            if tick % LOOKS == LOOKS - 1:
                self._store.commit(self.id, [filled.epoch(tick // LOOKS + 1, steps[-1])], [])
            if self._over.wait(0.25):
                return

    def end(self) -> None:
        """Stop writing, and end the run."""
        self._over.set()
        self._thread.join()
        self._store.finish(self.id, RunStatus.STOPPED, "The measurement is over.")


def main() -> None:
    """Fill the store, start a server, look at each page, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--n", type=int, default=50, help="looks at each page")
    parser.add_argument("--every", type=float, default=0.2, help="seconds between two looks")
    parser.add_argument("--home", type=Path, help="where the filled store is kept for another time; by default nowhere")
    parser.add_argument("--only", default="", help="only pages whose line contains these words")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as passing:
        home = asked.home or Path(passing)
        home.mkdir(parents=True, exist_ok=True)
        os.environ["CNNLAB_SLOTS"] = "1"
        app_config = AppConfig(home=home, **shared_data())
        store = Store(app_config)
        filled.fill(store, max(0, asked.runs - len(store.list())), with_steps=0)
        finished = [run.id for run in store.list() if run.status is RunStatus.FINISHED]
        running = Pretended(store)
        server, url = started(app_config)
        try:
            print(
                f"{machine()}; {asked.runs} runs in the store; n = {asked.n} looks each, every {asked.every} s",
                flush=True,
            )
            asyncio.run(measured(url, psutil.Process(server.pid), running.id, finished, asked))
        finally:
            server.terminate()
            server.wait(30)
            running.end()


async def measured(
    url: str, server: psutil.Process, running: str, finished: list[str], asked: argparse.Namespace
) -> None:
    """One line for each page and each of its fragments."""
    pages = {
        "home": ("", ""),
        "train, the form": ("train", ""),
        "train, the running run": ("train", f"run={running}"),
        "compare, none chosen": ("compare", "runs="),
        "compare, one running and one old": ("compare", f"runs={running},{finished[0]}"),
        "compare, one running and seven old": ("compare", f"runs={','.join([running, *finished[:7]])}"),
    }
    idle = None
    print(f"{'page':52}{'CPU ms':>8}{'sent kB':>9}{'every s':>9}")
    for words, (page, query) in pages.items():
        if asked.only not in words:
            continue
        tab = Looker(url, page, query)
        await tab.open()
        while not tab.answers:
            await asyncio.sleep(0.01)
        for _ in range(5):
            await tab.look()
        if idle is None:
            idle = await _idle(server)
        await _line(words, server, tab, "", idle, asked)
        for fragment, every_s in list(tab.fragments.items()):
            await _line(f"  its fragment, asked again every {every_s:g} s", server, tab, fragment, idle, asked)
        await tab.close()


async def _idle(server: psutil.Process) -> float:
    """The share of a core that the server takes while nobody asks."""
    await asyncio.sleep(15)  # a worker warms up
    begun, at = _cpu_s(server), time.monotonic()
    await asyncio.sleep(5)
    return (_cpu_s(server) - begun) / (time.monotonic() - at)


async def _line(
    words: str, server: psutil.Process, tab: Looker, fragment: str, idle: float, asked: argparse.Namespace
) -> None:
    before, sent, begun = _cpu_s(server), tab.received_bytes, time.monotonic()
    for number in range(asked.n):
        await tab.look(fragment)
        await asyncio.sleep(max(0.0, begun + asked.every * (number + 1) - time.monotonic()))
    took = _cpu_s(server) - before - idle * (time.monotonic() - begun)
    print(f"{words:52}{1000 * took / asked.n:8.1f}{(tab.received_bytes - sent) / asked.n / 1000:9.1f}", flush=True)


def _cpu_s(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
