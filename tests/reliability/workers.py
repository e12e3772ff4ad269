"""The client's side of the fork server: workers to be started, killed and buried."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Self

from cnnlab.app_config import PROJECT, AppConfig
from cnnlab.failpoints import FAILPOINTS

PHASES = (
    "claiming", "preparing", "reading the state", "rewinding", "starting",
    "training", "measuring", "measured", "finishing", "ended",
)  # fmt: skip
"""What a worker's first thread is doing."""
WRITER = ("idle", "keeping steps", *FAILPOINTS)
"""What its second thread is doing: the last of these places it has passed."""


@dataclass(frozen=True)
class Death:
    """How a worker ended, and what it was doing."""

    code: int
    """Exit status; minus the number of the signal that killed it."""
    phase: str
    writing: str

    @property
    def where(self) -> str:
        """In words."""
        return self.phase if self.writing == "idle" else f"{self.phase}, writer past {self.writing}"

    @property
    def killed(self) -> bool:
        """By SIGKILL."""
        return self.code == -signal.SIGKILL


class Worker:
    """A process that has just been asked to claim the waiting run and train it."""

    def __init__(self, server: "subprocess.Popen[str]", pid: int) -> None:
        self._server, self.pid = server, pid

    def kill(self) -> None:
        """kill -9, also of one that has ended: its number is still its own."""
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> Death:
        """Wait for it."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write("reap\n")
        self._server.stdin.flush()
        code, words = self._server.stdout.readline().rstrip().split(" ", 1)
        phase = next(name for name in PHASES if words.startswith(name + " "))
        return Death(int(code), phase, words.removeprefix(phase + " "))


class Workers:
    """Starts one at a time. Use it in a `with` block."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.forkserver"],
            cwd=PROJECT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.kill()
        self._server.communicate()

    def start(
        self,
        app_config: AppConfig,
        failpoint: str | None = None,
        file_bytes: int | None = None,
        writer: dict[str, Any] | None = None,
    ) -> Worker:
        """One on that store. `file_bytes`: no file of it may grow beyond; `writer`: constants of cnnlab.worker.writer."""
        data = app_config.data
        places = {"HOME": app_config.home, "DATA_DIR": data.published, "CONVERTED_DIR": data.converted}
        places |= {"DATABASE_URL": app_config.database_url} if app_config.database_url else {}
        environment = {f"CNNLAB_{name}": str(value) for name, value in places.items()}
        command = {"failpoint": failpoint, "file_bytes": file_bytes, "writer": writer or {}, "environment": environment}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(command) + "\n")
        self._server.stdin.flush()
        return Worker(self._server, int(self._server.stdout.readline()))
