"""This module keeps one warm worker process waiting for the next run, however the run before ended."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url

from cnnlab import logs
from cnnlab.app_config import PROJECT, AppConfig, without_codes
from cnnlab.runs.doorbell import LOOK_S, Doorbell
from cnnlab.runs.errors import StoreError
from cnnlab.runs.exit.reason import Death, oom_kills
from cnnlab.runs.patience import Waiting
from cnnlab.runs.store.store import Store

TICK_S = 0.5
"""Seconds between two looks while a run is active: at the workers, and for runs whose process has died."""
HEAD_START_S = 5.0
"""Seconds that a run trains alone before the next worker loads torch beside the run."""
STEADY_S = 20.0
"""Seconds of waiting after which a worker has started well."""
LONGEST_PAUSE_S = 60.0
"""Longest pause in seconds between two launches, where workers die at their start."""
LOGS_KEPT = 20


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    log: Path | None
    """File that takes what the worker prints; None where no file can be made, as on a full disk."""
    started: float = field(default_factory=time.monotonic)
    claimed: float | None = None
    """Time at which the launcher first saw the worker at work, by time.monotonic(); None while the worker waits."""
    oom_kills: int | None = None
    """Number of processes that the kernel had killed by that time for want of memory."""

    def death(self) -> Death:
        """Return how the worker's process ended, or that the process still lives."""
        before, now = self.oom_kills, oom_kills()
        return Death(self.process.poll(), None if before is None or now is None else now > before)


class Launcher:
    """A `Launcher` is a thread of the server that starts workers.

    Any number of servers may share a store: a run still starts once.
    """

    def __init__(self, app_config: AppConfig, command: tuple[str, ...] = (sys.executable, "-m", "cnnlab", "worker")):
        self._app_config, self._command = app_config, command
        self._store = Store(app_config)
        self._workers: list[_Worker] = []
        self._trouble: str | None = None
        self._death: str | None = None
        self._failures = 0
        self._not_before = 0.0
        self._unheard: float | None = None
        self._quiet = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._doorbell: Doorbell | None = None

    @property
    def problem(self) -> str | None:
        """Return why no run can start at the moment, in a sentence; None while all is well."""
        return self._trouble or self._death

    def start(self) -> None:
        """Start the launcher's thread; a second call changes nothing."""
        if self._thread is None:
            logs.begin(self._app_config.home, "server")
            logs.event("server up", slots=self._app_config.slots)
            self._ending.clear()
            self._doorbell = Doorbell(self._app_config.runs)
            self._thread = threading.Thread(
                target=self._watch, args=(self._doorbell,), name="cnnlab-launcher", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the launcher's thread and the worker that waits.

        A worker that trains goes on; the next server finds its run.
        """
        if self._thread is None or self._doorbell is None:
            return
        self._ending.set()
        self._doorbell.wake()
        self._thread.join()
        self._doorbell.close()
        self._thread = self._doorbell = None
        try:
            with self._store.no_claims() as training:
                for worker in self._workers:
                    if worker.process.poll() is None and worker.process.pid not in training:
                        worker.process.kill()
                        worker.process.wait()
        except StoreError:
            pass  # nobody knows who trains: kill no worker; an idle one ends when this process does
        self._workers.clear()
        logs.event("server down")

    def _watch(self, doorbell: Doorbell) -> None:
        """Look after workers and queue, again and again; while nothing goes on, only when rung or `LOOK_S` is over.

        After a ring the launcher looks a tick later, so that the worker that claims has the processor first.
        """
        self._attempt(self._store.sweep)
        while not self._ending.is_set():
            self._quiet = False  # stays False where the look fails
            self._attempt(self._tick)
            with suppress(OSError):  # whatever ails the disk or the system: this thread starts all runs
                doorbell.wait(LOOK_S if self._quiet else 0)
            self._ending.wait(TICK_S)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except StoreError as error:
            self._trouble = str(error)
        except Exception as error:  # whatever the error is, this thread starts all runs and must go on
            self._trouble = f"No run can be started: {error} ({type(error).__name__})."
        else:
            self._trouble = None

    def _tick(self) -> None:
        deaths = {worker.process.pid: worker.death() for worker in self._workers}  # first: `recover` needs these
        startable = self._store.may_start()  # before the next line: a run claimed in between is seen there
        training = self._store.training_pids()  # before recover: a worker that died at work must not look idle
        now = time.monotonic()
        for worker in self._workers:
            if worker.process.pid in training and worker.claimed is None:
                worker.claimed, worker.oom_kills = now, oom_kills()
                self._started_well()
        for run in self._store.recover(deaths):
            if self._app_config.auto_continue and self._store.may_continue(run):
                self._store.with_patience(Waiting(lambda: not self._ending.is_set())).resume(run.id)
        self._bury(deaths, now)
        waiting = [worker for worker in self._workers if worker.claimed is None]
        if any(now - worker.started > STEADY_S for worker in waiting):
            self._started_well()
        self._end_the_deaf(waiting, now, startable)
        young = any(worker.claimed and now - worker.claimed < HEAD_START_S for worker in self._workers)
        if not waiting and not young and now >= self._not_before:
            self._workers.append(self._launch())
        self._quiet = bool(waiting) and not (training or startable or self._failures)

    def _bury(self, deaths: Mapping[int, Death], now: float) -> None:
        for worker in [worker for worker in self._workers if deaths[worker.process.pid].code is not None]:
            self._workers.remove(worker)
            logs.event("worker ended", worker=worker.process.pid, exit_code=worker.process.returncode)
            if worker.process.returncode and worker.claimed is None:
                self._failed(worker, now)

    def _end_the_deaf(self, waiting: Sequence[_Worker], now: float, startable: bool) -> None:
        """Kill the waiting workers that have left a startable run unclaimed for `hang_s`.

        A worker that hangs before it has claimed a run would keep every run waiting.
        """
        if not startable:
            self._unheard = None
        elif self._unheard is None:
            self._unheard = now
        elif now - self._unheard > self._app_config.hang_s:
            for worker in waiting:
                worker.process.kill()
                logs.event("deaf worker killed", worker=worker.process.pid)
            self._unheard = None

    def _started_well(self) -> None:
        self._failures, self._not_before, self._death = 0, 0.0, None

    def _failed(self, worker: _Worker, now: float) -> None:
        self._failures += 1
        self._not_before = now + min(LONGEST_PAUSE_S, 2.0**self._failures)
        words = _text(worker.log).split("\n")
        last = next((line.strip() for line in reversed(words) if line.strip()), _unsaid(worker.process.returncode))
        self._death = f"The training worker ends as soon as it starts: {last[:300]} (details: {worker.log or 'none'})"

    def _launch(self) -> _Worker:
        with logs.printed(self._app_config.home, "worker", LOGS_KEPT) as (log, output):
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the server's terminal must not reach a run
                cwd=PROJECT,
                env=without_codes(os.environ)
                | REPEATABLE_PRODUCTS
                | environment_of(self._app_config)
                | {LAUNCHED_BY: str(os.getpid())},
            )
        logs.event("worker launched", worker=process.pid, log=log.name if log else None)
        if self._doorbell:
            self._doorbell.watch(process.pid)
        return _Worker(process, log)


def _text(log: Path | None) -> str:
    try:
        return log.read_text(errors="replace") if log else ""
    except OSError:
        return ""


def _unsaid(code: int) -> str:
    return f"it gave no reason (signal {-code})" if code < 0 else f"it gave no reason (exit code {code})"


LAUNCHED_BY = "CNNLAB_LAUNCHED_BY"
"""Environment variable with the launcher's process id. A worker takes seconds to load torch: by then its parent may be
another process already."""
REPEATABLE_PRODUCTS = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
"""Environment variable without which CUDA's matrix products differ from run to run in their last bits. CUDA reads the
variable once, when it starts."""


def environment_of(app_config: AppConfig) -> dict[str, str]:
    """Return the environment variables with which another process, in whatever folder, has the same app config."""
    url = make_url(app_config.database)
    if url.drivername.startswith("sqlite") and url.database:
        url = url.set(database=str(Path(url.database).absolute()))
    data = app_config.data
    values = app_config.model_dump(exclude_none=True) | {
        "home": app_config.home.absolute(),
        "data_dir": data.published,
        "converted_dir": data.converted,
        "runs_dir": app_config.runs,
        "database_url": url.render_as_string(hide_password=False),
    }
    return {f"CNNLAB_{name.upper()}": str(value) for name, value in values.items()}
