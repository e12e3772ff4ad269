"""How the store's file is best written: journal DELETE, WAL, or DELETE through one process that writes for all.

    python -m benchmarks.runs.journal --seconds 10 --readers 6 --kills 20

Two processes commit as two runs in training do, while readers list 500 runs again and again, each in one transaction. Then a
committing process is killed (kill -9) so many times: each commit that was answered must be there, in a sound file. Journal
WAL wants SQLite 3.51.3 or later (a fault in earlier ones can damage the file): `pip install pysqlite3` brings one that is new
enough, and is used where it is installed.
"""

import argparse
import multiprocessing
import os
import platform
import random
import signal
import socket
import tempfile
import time
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import quantiles
from typing import Any

sqlite3: Any = import_module("pysqlite3" if find_spec("pysqlite3") else "sqlite3")
MODES = ("delete", "wal", "one writer")
BUSY_S = 5.0
PAUSE_S = 0.02
_fork = multiprocessing.get_context("fork")


def connect(file: Path) -> Any:
    """Return a connection as the store opens one."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=BUSY_S)
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def prepare(file: Path, mode: str) -> None:
    """Make a store of 500 runs in this mode."""
    connection = connect(file)
    connection.execute(f"PRAGMA journal_mode={'wal' if mode == 'wal' else 'delete'}")
    connection.execute("CREATE TABLE runs (number INTEGER PRIMARY KEY, config TEXT, step INTEGER)")
    connection.execute(
        "CREATE TABLE steps (number INTEGER, step INTEGER, loss REAL, PRIMARY KEY (number, step)) WITHOUT ROWID"
    )
    connection.executemany("INSERT INTO runs VALUES (?, ?, 0)", [(n, "x" * 2_000) for n in range(500)])
    connection.close()


def commit(file: Path, run: int, step: int) -> None:
    """Commit three step records and the run's progress, in a connection of their own, as the store does."""
    connection = connect(file)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO steps VALUES (?, ?, 0.5)", [(run, 3 * step + i) for i in range(3)])
        connection.execute("UPDATE runs SET step = ? WHERE number = ?", (step, run))
        connection.execute("COMMIT")
    finally:
        connection.close()


def serve(file: Path, address: str) -> None:
    """Be the one process that writes: a line is a commit, and so is its answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address)
        while True:
            line, client = server.recvfrom(100)
            run, step = map(int, line.split())
            try:
                commit(file, run, step)
                server.sendto(b"kept", client)
            except sqlite3.OperationalError:
                server.sendto(b"busy", client)


class Client:
    """A `Client` commits by itself, or through the one process that writes."""

    def __init__(self, file: Path, address: str | None) -> None:
        self._file, self._server = file, address
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.bind(f"{address}.{os.getpid()}")
            self._socket.settimeout(4 * BUSY_S)

    def commit(self, run: int, step: int) -> bool:
        """Return whether it was kept; False where the file was busy for too long."""
        if self._server:
            self._socket.sendto(f"{run} {step}".encode(), self._server)
            return self._socket.recv(100) == b"kept"
        try:
            commit(self._file, run, step)
        except sqlite3.OperationalError:
            return False
        return True


def write(file: Path, address: str | None, run: int, begin: Any, over: Event, told: Any) -> None:
    """Commit until it is over, and tell the seconds that each took; then how often it was busy."""
    client, took, busy, step = Client(file, address), list[float](), 0, 0
    begin.wait()
    while not over.is_set():
        began = time.perf_counter()
        busy += not client.commit(run, step)
        took.append(time.perf_counter() - began)
        step += 1
        time.sleep(PAUSE_S)
    told.put((took, busy))


def read(file: Path, begin: Any, over: Event, told: Any) -> None:
    """List all runs until it is over, and tell how often it did and how often it was refused."""
    done = refused = 0
    begin.wait()
    while not over.is_set():
        connection = connect(file)
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT * FROM runs").fetchall()
            connection.execute("COMMIT")
            done += 1
        except sqlite3.OperationalError:
            refused += 1
        finally:
            connection.close()
        time.sleep(PAUSE_S / 4)
    told.put((done, refused))


def until_killed(file: Path, address: str | None, told: Any) -> None:
    """Commit one after another, telling each that was answered."""
    client = Client(file, address)
    connection = connect(file)
    step = 1 + connection.execute("SELECT coalesce(max(step), -1) FROM steps WHERE number = 7").fetchone()[0] // 3
    connection.close()
    while True:
        if client.commit(7, step):
            told.send(step)
            step += 1


def under_load(file: Path, mode: str, seconds: float, readers: int) -> str:
    """Return the cells of a mode: commits, p50, p99, longest, busy; reads and refused reads."""
    over, told, begin = _fork.Event(), _fork.Queue(), _fork.Barrier(readers + 3)
    address = f"{file}.socket" if mode == "one writer" else None
    server = _fork.Process(target=serve, args=(file, address), daemon=True) if address else None
    if server:
        server.start()
        while not Path(str(address)).exists():
            time.sleep(0.01)
    heard = _fork.Queue()
    writing = [_fork.Process(target=write, args=(file, address, run, begin, over, told)) for run in (1, 2)]
    reading = [_fork.Process(target=read, args=(file, begin, over, heard)) for _ in range(readers)]
    for process in (*reading, *writing):
        process.start()
    begin.wait()
    time.sleep(seconds)
    over.set()
    wrote, saw = [told.get() for _ in writing], [heard.get() for _ in reading]
    for process in (*reading, *writing):
        process.join()
    if server:
        server.kill()
    took, busy = sorted(s for some, _ in wrote for s in some), sum(busy for _, busy in wrote)
    cut = quantiles(took, n=100)
    reads, refused = (sum(column) for column in zip(*saw, strict=True)) if saw else (0, 0)
    times = f"{1e3 * cut[49]:.1f} | {1e3 * cut[98]:.0f} | {1e3 * took[-1]:.0f}"
    return f"{len(took)} | {times} | {busy} | {reads} ({refused})"


def killed(file: Path, mode: str, kills: int, chance: random.Random) -> str:
    """Return how many answered commits were lost and files damaged, of so many kills."""
    lost = damaged = answered = 0
    for turn in range(kills):
        address = f"{file}.{turn}" if mode == "one writer" else None
        server = _fork.Process(target=serve, args=(file, address), daemon=True) if address else None
        if server:
            server.start()
            while not Path(str(address)).exists():
                time.sleep(0.01)
        ours, theirs = _fork.Pipe()
        process = _fork.Process(target=until_killed, args=(file, address, theirs))
        process.start()
        last = ours.recv()
        time.sleep(chance.uniform(0, 0.3))
        victim = server or process  # where one process writes for all, its death is the one that counts
        assert victim.pid
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        process.kill()
        process.join()
        with suppress(EOFError):
            while ours.poll():
                last = ours.recv()
        connection = connect(file)
        newest = connection.execute("SELECT max(step) FROM steps WHERE number = 7").fetchone()[0] // 3
        lost += max(0, last - newest)
        damaged += connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)
        connection.close()
        answered = last
    return f"{kills}: {answered} answered, {lost} lost, {damaged} damaged"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--readers", type=int, default=6)
    parser.add_argument("--kills", type=int, default=20)
    asked = parser.parse_args()
    print(f"SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"2 writers, {asked.readers} readers of 500 runs, {asked.seconds:.0f} s a mode\n")
    print("| mode | commits | p50 ms | p99 ms | longest ms | busy | reads (refused) | kill -9 |\n|" + "---|" * 8)
    for mode in MODES:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "runs.db"
            prepare(file, mode)
            cells = under_load(file, mode, asked.seconds, asked.readers)
            print(f"| {mode} | {cells} | {killed(file, mode, asked.kills, random.Random(0))} |", flush=True)


if __name__ == "__main__":
    main()
