"""What a dashboard costs while nobody is there: `python -m benchmarks.dashboard.idle [--minutes 2] [--at CHECKOUT]`.

A server with an empty home, its worker warm, no browser. Printed is the processor time of the server and of all
processes below it as a share of one core, how often their threads were put to sleep and woken, and which threads used
the time. `--at` measures another checkout, so that two can be compared by one clock.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.dashboard.first_point import ROOT, started
from benchmarks.datasets import shared_data
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig

SETTLED_S = 30.0
"""So long after the worker is warm the measuring begins: by then the threads of its first steps sleep."""


@dataclass(frozen=True)
class Thread:
    """One thread, as the kernel counts it."""

    process: str
    id: int
    name: str
    cpu_s: float
    woken: int


def main() -> None:
    """Start a server, wait until its worker is warm, and count for so many minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--at", type=Path, default=ROOT)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        server, _ = started(AppConfig(home=Path(home), **shared_data()), asked.at)
        try:
            await_warm(Path(home))
            time.sleep(SETTLED_S)
            before, began = taken(server.pid), time.monotonic()
            time.sleep(60 * asked.minutes)
            after, seconds = taken(server.pid), time.monotonic() - began
        finally:
            server.terminate()
            server.wait(30)
    print(f"{machine()}; {seconds:.0f} s idle, worker warm, no browser")
    print("\n".join(table(before, after, seconds)))


def await_warm(home: Path) -> None:
    """Until the worker says in its log that it is ready."""
    end = time.monotonic() + 300
    while not any('"worker ready"' in log.read_text() for log in (home / "logs").glob("worker-*.jsonl")):
        if time.monotonic() > end:
            raise SystemExit("No worker got warm.")
        time.sleep(1)


def taken(pid: int) -> dict[int, Thread]:
    """The threads of a process and of all below it, by their id: what each has taken since it began."""
    server = psutil.Process(pid)
    return {thread.id: thread for process in [server, *server.children(recursive=True)] for thread in _threads(process)}


def _threads(process: psutil.Process) -> Iterator[Thread]:
    kind = "worker" if "worker" in process.cmdline()[-1:] else "server"
    for thread in process.threads():
        folder = Path(f"/proc/{process.pid}/task/{thread.id}")  # psutil tells of the first thread's switches alone
        name, woken = "?", 0
        if folder.exists():
            name = (folder / "comm").read_text().strip()
            lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            woken = int(lines["voluntary_ctxt_switches"])
        yield Thread(f"{kind} {process.pid}", thread.id, name, thread.user_time + thread.system_time, woken)


def table(before: dict[int, Thread], after: dict[int, Thread], seconds: float) -> Iterator[str]:
    """The lines: together, each process, and each of its threads that did anything. A new thread began at nothing."""
    zero = Thread("", 0, "", 0.0, 0)
    used = [(thread, before.get(thread.id, zero)) for thread in after.values()]
    spent = [(new, new.cpu_s - old.cpu_s, new.woken - old.woken) for new, old in used]

    def line(what: str, rows: list[tuple[Thread, float, int]]) -> str:
        share = 100 * sum(cpu_s for _, cpu_s, _ in rows) / seconds
        return f"{what:<32}{share:6.2f} % of a core{sum(woken for *_, woken in rows) / seconds:8.1f} wakings a second"

    yield line("together", spent)
    for process in dict.fromkeys(thread.process for thread, *_ in spent):
        mine = [row for row in spent if row[0].process == process]
        yield line(process, mine)
        yield from (line(f"  {row[0].name} {row[0].id}", [row]) for row in mine if row[1] or row[2] > 1)


if __name__ == "__main__":
    main()
