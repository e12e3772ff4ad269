"""What a tab costs the others that says what no page says, or asks without rest: reruns of another tab, with and without.

`python -m benchmarks.crowd.rude_tab` starts a dashboard of its own on an empty home and prints, for each kind of rude
tab, how long another tab's page takes to be drawn anew: alone, then beside it, in turns.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets import ConnectionClosed

from benchmarks.dashboard.streamlit_client import Tab
from benchmarks.machine import machine
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from tests.factories import insert_run
from tests.streamlit_server import Server


def clear_cache() -> bytes:
    """The message that empties the caches of the server."""
    return bytes(BackMsg(clear_cache=True).SerializeToString())


def rerun() -> bytes:
    """The message that has the whole page drawn anew."""
    message = BackMsg()
    message.rerun_script.page_name = "compare"
    return bytes(message.SerializeToString())


PATIENCE_S = 20.0
"""What takes longer counts as so long."""
RUDE: dict[str, Callable[[], bytes]] = {"clear_cache": clear_cache, "rerun": rerun}


async def drawn_s(tab: Tab, n: int) -> list[float]:
    """How long the tab's page took to be drawn anew, n times, a moment apart."""
    took = []
    for _ in range(n):
        before = len(tab.answers)
        began = time.perf_counter()
        tab.ask()
        while len(tab.answers) == before and time.perf_counter() - began < PATIENCE_S:
            await asyncio.sleep(0.002)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.3)
    return took


async def shout(tab: Tab, content: bytes, per_s: float) -> None:
    """Say it so many times a second, until it is cancelled."""
    socket = tab._socket
    assert socket
    due = time.perf_counter()
    with suppress(ConnectionClosed):
        while True:
            due += 1 / per_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await socket.send(content)


@contextmanager
def dashboard(runs: int) -> Iterator[Server]:
    """A dashboard with finished runs, which trains nothing."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        for seed in range(runs):
            insert_run(Store(server.app_config), RunStatus.FINISHED, 10, seed=seed)
        with server:
            yield server


async def measure(server: Server, per_s: float, rounds: int, n: int) -> None:
    """Print a row for each kind of rude tab."""
    polite = Tab(server.url, "compare", "")
    await polite.open()
    await drawn_s(polite, 3)
    for kind, content in RUDE.items():
        alone: list[float] = []
        beside: list[float] = []
        for _ in range(rounds):
            alone += await drawn_s(polite, n)
            rude = Tab(server.url, "compare", "")
            await rude.open()
            shouting = asyncio.create_task(shout(rude, content(), per_s))
            await asyncio.sleep(1.0)
            beside += await drawn_s(polite, n)
            shouting.cancel()
            await rude.vanish()
            await asyncio.sleep(1.0)
        medians = [statistics.median(times) * 1e3 for times in (alone, beside)]
        print(
            f"| {kind}, {per_s:g} a second | {medians[0]:.0f} ms | {medians[1]:.0f} ms | "
            f"{medians[1] / medians[0]:.2f} | {max(beside) * 1e3:.0f} ms | {len(beside)} |",
            flush=True,
        )
    print("errors on the other tab:", polite.errors or "none")
    await polite.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-s", type=float, default=100.0, help="messages a second of the rude tab")
    parser.add_argument("--runs", type=int, default=30, help="runs in the store")
    parser.add_argument("--rounds", type=int, default=3, help="times alone and beside, in turns")
    parser.add_argument("--n", type=int, default=10, help="times that the page is drawn each time")
    given = parser.parse_args()
    print(machine())
    print("| beside a tab that sends | alone, median | beside it, median | ratio | beside it, worst | n |")
    print("|---|---|---|---|---|---|", flush=True)
    with dashboard(given.runs) as server:
        asyncio.run(measure(server, given.per_s, given.rounds, given.n))


if __name__ == "__main__":
    main()
