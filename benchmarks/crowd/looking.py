"""A class looks at everything while a run trains: `python -m benchmarks.crowd.looking [--minutes 5]`.

One server, started as the README says, whose store is full of ended runs; one run of the tutorial's SimpleCNN on CIFAR-10
by the dashboard's own worker. Thirty tabs, shared out over the pages, speak Streamlit's own protocol: the run's own page,
Compare with the run and an old one, Feature maps of an untrained VGGishCNN (every other tab: of a SimpleCNN), and, where
asked for, Predictions of the untrained SimpleCNN, whose run has kept them. Each tab polls as its page tells it, and a
person clicks in it every 3 to 9 seconds: a reload, another old run, the next picture, another view.

In turns the class looks and nobody does, in phases of whole epochs. Afterwards the same run is trained with nobody there, and
compared to the last bit. All runs on this machine, the tabs as well, which in a class are other people's machines.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from websockets import InvalidHandshake

from benchmarks.crowd import filled
from benchmarks.dashboard.classroom import ARRIVE_WITHIN_S, PATIENCE_S, SAMPLE_S, cpu_s, memory_mib
from benchmarks.dashboard.first_point import started
from benchmarks.dashboard.streamlit_client import Answer, Tab
from benchmarks.dashboard.watching import until
from benchmarks.datasets import shared_data
from benchmarks.interleaved import compare
from benchmarks.machine import machine
from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.models import complete
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig

BARS_MS = {"train": 250, "compare": 250, "maps": 1_000, "predictions": 250}
SLOWED_BAR, MEMORY_BAR_MIB = 0.10, 400
CLICK_S = 3.0, 9.0
SETTLED_S = 20.0
"""After its start the server loads torch and the pages; at rest it is after so long."""
MOST_WORDS = 8_000


class Visitor(Tab):
    """A tab in which a person clicks now and then."""

    def __init__(self, url: str, kind: str, page: str, queries: Sequence[str]) -> None:
        super().__init__(url, page, queries[0])
        self.kind, self._queries = kind, queries
        self._clicks = 0
        self.arrivals_s: list[float] = []
        """From opening the page until it was drawn, for each coming of the class."""

    def drawn(self, known: int) -> bool:
        """Return whether the whole page came after the first `known` answers, and shows what is to be clicked."""
        whole = any(not answer.fragment for answer in self.answers[known:])
        return whole and (self.kind != "maps" or "Next" in self.buttons)

    def click(self) -> None:
        """Do what a person does on this page."""
        self._clicks += 1
        if self.kind == "maps" and "Next" in self.buttons:
            self.press("Next")
        elif self.kind == "maps":
            self.errors.append("there is no button Next")
            self.ask()
        else:
            self.query = self._queries[self._clicks % len(self._queries)]
            self.ask()


@dataclass
class Lesson:
    """What was measured."""

    tabs: list[Visitor]
    server: int
    rest_mib: float
    alone: list[float] = field(default_factory=list)
    """Seconds a picture, of the wall clock, in each phase."""
    watched: list[float] = field(default_factory=list)
    windows: list[tuple[float, float]] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)
    server_cpu_s: float = 0.0
    own_cpu_s: float = 0.0
    errors: list[str] = field(default_factory=list)

    def answers(self, kind: str, *, clicked: bool) -> list[Answer]:
        """Return the answers on pages of one kind within the windows: to clicks, or to polls."""
        of_kind = [answer for tab in self.tabs if tab.kind == kind for answer in tab.answers]
        within = [one for one in of_kind if any(begun <= one.sent <= ended for begun, ended in self.windows)]
        return [one for one in within if (one.fragment == "") == clicked]

    def all_errors(self) -> list[str]:
        """Return those of the tabs as well."""
        return self.errors + [f"{tab.kind}: {error}" for tab in self.tabs for error in tab.errors]


def main() -> None:
    """Fill a store, train a run alone and another one watched, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5, help="in which the class looks, all phases together")
    parser.add_argument("--n", type=int, default=4, help="phases of each kind")
    parser.add_argument("--alone", type=float, default=0.4, help="length of a phase alone, in phases of the class")
    parser.add_argument("--pages", default="train,compare,maps", help="of train, compare, maps, predictions")
    parser.add_argument("--maps-bar", type=int, default=BARS_MS["maps"], help="for clicks on Feature maps, in ms")
    parser.add_argument("--tabs", type=int, default=30)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=100, help="of the run, and of its twin")
    parser.add_argument("--no-twin", action="store_true", help="do not train the same run again, alone")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        app_config = AppConfig(home=Path(home), **shared_data())
        store = Store(app_config)
        old = filled.fill(store, asked.runs - 2)
        inside = [filled.untrained(store, "VGGishCNN"), filled.untrained(store, "SimpleCNN")]
        if "predictions" in asked.pages:
            filled.predicted(store, inside[1], app_config.data)
        print(f"{asked.runs} runs are in the store", flush=True)
        server, url = started(app_config)
        try:
            time.sleep(SETTLED_S)
            rest_mib = memory_mib(server.pid)
            run = store.create(complete(TrainingConfig(epochs=asked.epochs, validation_size=0)))
            tabs = [visitor(url, kind, run, old, inside) for kind in spread(asked.pages.split(","), asked.tabs)]
            lesson = Lesson(tabs, server.pid, rest_mib)
            asyncio.run(hold(lesson, store, run, asked))
            run = ended(store, run.id)
            print("the class has gone", flush=True)
            twin = None if asked.no_twin else ended(store, store.create(run.config).id)
        finally:
            server.terminate()
            server.wait(60)
        report(lesson, store, run, twin, asked)
        if lesson.all_errors() or run.status is not RunStatus.FINISHED:
            print(f"\nThe server's last words:\n{(Path(home) / 'server.log').read_text()[-MOST_WORDS:]}")


def spread(kinds: Sequence[str], tabs: int) -> list[str]:
    """Return the page of each tab, in turns."""
    return [kinds[number % len(kinds)] for number in range(tabs)]


def visitor(url: str, kind: str, run: Run, old: Sequence[Run], inside: Sequence[Run]) -> Visitor:
    """Return a tab on a page of that kind."""
    chance = random.Random()
    if kind == "train":
        return Visitor(url, kind, "train", [f"run={run.id}"])
    if kind == "compare":
        return Visitor(url, kind, "compare", [f"runs={run.id},{other.id}" for other in chance.sample(old, 3)])
    if kind == "predictions":
        at = f"run={inside[1].id}&set=test"
        seen = ("", "&cell=3.5", "&view=mistakes", "&view=reliability", "&view=each_class", "&cell=5.3")
        return Visitor(url, kind, "predictions", [f"{at}&epoch={chance.randrange(3)}{part}" for part in seen])
    shown = inside[chance.randrange(len(inside))]
    picture = chance.randrange(10_000)
    return Visitor(url, kind, "feature_maps", [f"run={shown.id}&epoch=1&picture=test:{picture}"])


async def hold(lesson: Lesson, store: Store, run: Run, asked: argparse.Namespace) -> None:
    """Let the class come and go while the run trains."""
    await asyncio.to_thread(until, store, run.id, 1)
    looking_s = 60 * asked.minutes / asked.n
    present = False
    for number in range(asked.n):
        for watched in (False, True) if number % 2 == 0 else (True, False):
            if watched and not present:
                await asyncio.gather(*(arrive(tab) for tab in lesson.tabs))
            if present and not watched:
                await asyncio.gather(*(tab.close() for tab in lesson.tabs))
            present = watched
            await phase(lesson, store, run, watched, looking_s * (1 if watched else asked.alone))
    await asyncio.gather(*(tab.close() for tab in lesson.tabs))


async def arrive(tab: Visitor) -> None:
    """Open the page, at a moment of its own, and wait until it is drawn, with what it is to be clicked on."""
    await asyncio.sleep(random.uniform(0, ARRIVE_WITHIN_S))
    begun, known = time.perf_counter(), len(tab.answers)
    try:
        await tab.open()
    except (OSError, TimeoutError, InvalidHandshake) as error:
        tab.errors.append(f"could not connect: {error}")
        return
    while not tab.drawn(known) and time.perf_counter() < begun + 6 * PATIENCE_S:
        await asyncio.sleep(0.1)
    if tab.drawn(known):
        tab.arrivals_s.append(time.perf_counter() - begun)
    else:
        tab.errors.append("the page was not drawn in a minute")


async def phase(lesson: Lesson, store: Store, run: Run, watched: bool, seconds: float) -> None:
    """Pass whole epochs for that long, or a little longer."""
    epoch, _ = await asyncio.to_thread(until, store, run.id, 0)
    first, begun = await asyncio.to_thread(until, store, run.id, epoch + 1)
    cpu = cpu_s(lesson.server), cpu_s(os.getpid())
    present = [sample(lesson), *map(clicks, lesson.tabs)] if watched else []
    doing = [asyncio.create_task(one) for one in present]
    last, ended = first, begun
    while ended - begun < seconds:
        last, ended = await asyncio.to_thread(until, store, run.id, last + 1)
    pace = (ended - begun) / ((last - first) * 50_000)
    (lesson.watched if watched else lesson.alone).append(pace)
    words = f"{1 / pace:,.0f} pictures/s, server {memory_mib(lesson.server):.0f} MiB"
    print(f"{'class' if watched else 'alone'}: {words}", flush=True)
    for task in doing:
        task.cancel()
    if watched:
        lesson.windows.append((begun, ended))
        lesson.server_cpu_s += cpu_s(lesson.server) - cpu[0]
        lesson.own_cpu_s += cpu_s(os.getpid()) - cpu[1]


async def clicks(tab: Visitor) -> None:
    """Click now and then, for as long as it is let; who waits for an answer does not click."""
    while True:
        await asyncio.sleep(random.uniform(*CLICK_S))
        if not tab.unanswered(0):
            tab.click()


async def sample(lesson: Lesson) -> None:
    """Note memory and missing answers, for as long as it is let."""
    while True:
        lesson.memory_mib.append(memory_mib(lesson.server))
        late = [tab.kind for tab in lesson.tabs if tab.unanswered(PATIENCE_S)]
        lesson.errors += [f"{kind}: no answer within {PATIENCE_S:.0f} s" for kind in late]
        await asyncio.sleep(SAMPLE_S)


def ended(store: Store, id: str) -> Run:
    """Wait for a run's end and return the run."""
    while (run := store.get(id)).status.active:
        time.sleep(0.5)
    return run


def same_bits(store: Store, one: Run, other: Run) -> bool:
    """Return whether the losses, the scores and the last weights of two runs are equal to the last bit."""
    losses = [[(record.step, record.loss) for record in store.steps(run.id)] for run in (one, other)]
    scores = [run.results.final if run.results else None for run in (one, other)]
    last = [store.weights(run.id)[-1] for run in (one, other)]
    a, b = (checkpoints.read(store.path(file), file)[0] for file in last)
    return losses[0] == losses[1] and scores[0] == scores[1] and all(torch.equal(a[name], b[name]) for name in a)


def report(lesson: Lesson, store: Store, run: Run, twin: Run | None, asked: argparse.Namespace) -> None:
    """Print the table, with the bars."""
    looked_s = sum(ended - begun for begun, ended in lesson.windows)
    arrivals = [seconds for tab in lesson.tabs for seconds in tab.arrivals_s]
    slower = compare(lesson.alone, lesson.watched)
    slowed = max(1 - slower.best, 1 - slower.median)
    errors = lesson.all_errors()
    more = max(lesson.memory_mib) - lesson.rest_mib
    print(
        f"\n{machine()}; SimpleCNN on CIFAR-10, batch 64, fast; {asked.runs} runs; {asked.tabs} tabs on {asked.pages}"
    )
    print(f"{looked_s / 60:.1f} min; a click every {CLICK_S[0]:.0f} to {CLICK_S[1]:.0f} s")
    for name, times in (("alone", lesson.alone), ("class", lesson.watched)):
        print(f"{name} pictures/s, each of {len(times)} phases: {' '.join(f'{1 / s:,.0f}' for s in times)}")
    print(f"until a page was drawn for one who came: median {np.median(arrivals):.1f} s, worst {max(arrivals):.1f} s")
    print(f"CPU while the class looks: server {lesson.server_cpu_s / looked_s:.0%} of a core, ", end="")
    print(f"the tabs themselves {lesson.own_cpu_s / looked_s:.0%}")
    rows = [("errors", f"{len(errors)}", "0", not errors)]
    for kind, bar in (BARS_MS | {"maps": asked.maps_bar}).items():
        for clicked in (True, False):
            if times_ms := [1000 * answer.seconds for answer in lesson.answers(kind, clicked=clicked)]:
                p50, p95 = np.percentile(times_ms, [50, 95])
                name = f"{kind}, {'clicks' if clicked else 'polls'}, n = {len(times_ms):,}"
                words = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, worst {max(times_ms):.0f} ms"
                rows.append((name, words, f"p95 ≤ {bar} ms", bool(p95 <= bar)))
    bits = "not compared" if twin is None else f"{'the' if same_bits(store, run, twin) else 'NOT the'} same bits"
    fine = run.status is RunStatus.FINISHED
    rows += [
        (
            "training slowed",
            f"{1 - slower.best:.1%} (best), {1 - slower.median:.1%} (median)",
            f"≤ {SLOWED_BAR:.0%}",
            slowed <= SLOWED_BAR,
        ),
        (
            "server memory over rest",
            f"{lesson.rest_mib:.0f} MiB, then {more:+.0f} at most",
            f"+{MEMORY_BAR_MIB} MiB",
            more <= MEMORY_BAR_MIB,
        ),
        ("the run", f"{run.status}, {bits}", "as alone", fine and "NOT" not in bits),
    ]
    for what, measured, bar_words, reached in rows:
        print(f"{what:30} {measured:45} {bar_words:15} {'reached' if reached else 'MISSED'}")
    if not fine:
        print(run.message)
    for error, often in Counter(errors).most_common(10):
        print(f"{often} × {error}")


if __name__ == "__main__":
    main()
