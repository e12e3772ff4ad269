"""The long counts behind docs/promises.md: python -m tests.reliability.campaign kills --n 1000

Each command injects so many faults into real runs and prints what became of them; the first broken promise ends it with
its traceback. It works in a store of its own, in a temporary folder.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from cnnlab.app_config import AppConfig
from cnnlab.failpoints import FAILPOINTS
from cnnlab.models import ARCHITECTURES
from cnnlab.runs import Store
from tests import postgresql
from tests.reliability import damage, faults, full_disk, outages, parity
from tests.reliability.kills import Tally, killed_at_random, left_alone
from tests.reliability.restarts import both_die, is_as_left_alone, long_run, server_ends
from tests.reliability.runs import EAGER, LAZY, RECIPES, recipe
from tests.reliability.starts import Claimers
from tests.reliability.stops import stopped_at_random
from tests.reliability.workers import Workers
from tests.streamlit_server import Server


def table(title: str, rows: Counter[str]) -> None:
    """Counts, the largest first, with their shares."""
    print(f"\n{title}")
    for name, count in rows.most_common():
        print(f"  {count:6d}  {count / rows.total():6.1%}  {name}")


def kills(store: Store, chance: random.Random, n: int) -> None:
    """kill -9 at random moments, all recipes and ways of the writer in turn."""
    tally, began = Tally(), time.monotonic()
    with Workers() as workers:
        wholes = {name: left_alone(workers, store, recipe(name, epochs=40)) for name in RECIPES}
        turn = 0
        while tally.kills < n:
            name, writer = list(wholes)[turn % len(wholes)], (None, EAGER, LAZY)[turn // len(wholes) % 3]
            tally += killed_at_random(workers, store, wholes[name], chance, n - tally.kills, writer)
            turn += 1
            print(f"{tally.kills} kills, {tally.runs} runs, {time.monotonic() - began:.0f} s", flush=True)
    table(f"{tally.kills} kills landed while the worker was", tally.landed)
    print(f"\n{tally.runs} runs of 40 epochs finished bit for bit; {tally.shown} shown epochs, 0 lost.")


def failpoints(store: Store, chance: random.Random, n: int) -> None:
    """kill -9 at each named place, n times each."""
    counted: Counter[str] = Counter()
    with Workers() as workers:
        whole = left_alone(workers, store, recipe("adam", epochs=40))
        for name in FAILPOINTS:
            while counted[name] < n:
                most = 150 if name == "mid_write" else 8
                occurrences = [chance.randint(2, most) for _ in range(min(8, n - counted[name]))]
                counted[name] += faults.killed_at(workers, store, name, occurrences, whole)
            print(f"{name}: {counted[name]}", flush=True)
    table("kills at", counted)


def continuing(store: Store, chance: random.Random, n: int) -> None:
    """Every architecture, dropout, optimizer and schedule, stopped in an epoch and continued; n is not asked."""
    counted: Counter[str] = Counter()
    for architecture in ARCHITECTURES.names():
        for case in parity.every_case(architecture):
            halves = parity.Halves(case)
            assert halves.continued(halves.state) == halves.expected, case
            counted[architecture] += 1
        print(f"{architecture}: {counted[architecture]}", flush=True)
    table("cases continued bit for bit", counted)


def starts(store: Store, chance: random.Random, n: int) -> None:
    """n rounds with 2 and with 8 processes that start one run at the same moment."""
    for processes in (2, 8):
        with Claimers(store, processes) as claimers:
            table(f"{processes} processes: rounds by the number of starts", Counter({
                f"started by {count}": rounds for count, rounds in claimers.rounds(n).items()
            }))  # fmt: skip


def disk(store: Store, chance: random.Random, n: int) -> None:
    """A full disk at n random moments and sizes."""
    with Workers() as workers:
        whole = left_alone(workers, store, recipe("adam", epochs=12))
        outcomes = full_disk.fill_again_and_again(workers, store, whole, chance, n)
    table(f"{outcomes.faults} full disks", outcomes.ends)


def stops(store: Store, chance: random.Random, n: int) -> None:
    """Stop at n random moments."""
    with Workers() as workers:
        whole = left_alone(workers, store, recipe("sgd", epochs=40))
        seconds = sorted(stopped_at_random(workers, store, whole, chance, n))
    print(f"{n} stops: median {seconds[n // 2]:.2f} s, longest {seconds[-1]:.2f} s from the click to the end")


def restarts(store: Store, chance: random.Random, n: int) -> None:
    """A dashboard that is asked to end n times and killed n times, and n times killed together with its worker."""
    seconds = []
    with Server(store.app_config.home) as server:
        run = long_run(store, epochs=1000)
        for _ in range(n):
            server_ends(server, store, run, server.stop)
            server_ends(server, store, run, server.kill)
            seconds.append(both_die(server, store, run))
            print(f"said after {seconds[-1]:.2f} s; {len(store.epochs(run.id))} epochs", flush=True)
        is_as_left_alone(store, run)
    print(f"{n} times asked, killed, killed with the worker: interrupted was said after at most {max(seconds):.2f} s")


def locks(store: Store, chance: random.Random, n: int) -> None:
    """The store locked for 30 s by another process, at n random moments of runs."""
    counted: Counter[str] = Counter()
    with Workers() as workers:
        whole = left_alone(workers, store, recipe("adam", epochs=60))
        for turn in range(n):
            outages.locked(workers, store, whole, chance, 30.0, counted)
            print(f"{turn + 1} locks: {dict(counted)}", flush=True)
    print(f"\n{n} locks of 30 s: {n} runs finished bit for bit as left alone")


def database_restarts(store: Store, chance: random.Random, n: int) -> None:
    """A PostgreSQL server that is restarted n times in one run, every second time as by a crash."""
    programs = postgresql.programs()
    assert programs, "PostgreSQL is not installed here"
    with postgresql.running(programs) as server, Workers() as workers:
        counted = outages.restarted(workers, store.app_config, server, chance, n, epochs=max(60, 10 * n))
    table(f"{n} restarts of PostgreSQL in one run, which finished with the records of the run left alone", counted)


def checkpoints(store: Store, chance: random.Random, n: int) -> None:
    """n truncated files and n flipped bytes."""
    table("damaged states", damage.checkpoints(store, chance, n))


def stores(store: Store, chance: random.Random, n: int) -> None:
    """n truncated databases, n with a page of noise, n with a few flipped bytes."""
    table("damaged stores", damage.stores(store, chance, n))


DAMAGE = (checkpoints, stores)
OUTAGES = (locks, database_restarts)
COMMANDS: dict[str, Callable[[Store, random.Random, int], None]] = {
    function.__name__: function
    for function in (kills, failpoints, continuing, starts, disk, stops, restarts, *OUTAGES, *DAMAGE)
}


def main() -> None:
    """One command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--n", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    data = AppConfig().data.published
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        store = Store(AppConfig(home=Path(home), data_dir=data))
        store.list()
        COMMANDS[asked.command](store, random.Random(asked.seed), asked.n)
    print(f"\n{' '.join(sys.argv[1:])}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
