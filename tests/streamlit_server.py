"""A Streamlit server in a process of its own, which tests start, end and kill."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cnnlab.app_config import PROJECT, AppConfig
from tests.waiting import eventually


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """The dashboard, or another script, on a home. It runs in a `with` block, or from `start` to `stop` or `kill`.

    It can be started again, on the same home and port.
    """

    home: Path
    script: Path = PROJECT / "streamlit_app.py"
    address: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def app_config(self) -> AppConfig:
        return AppConfig(home=self.home, data_dir=AppConfig().data.published)

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = os.environ | {"CNNLAB_HOME": str(self.home), "CNNLAB_DATA_DIR": str(AppConfig().data.published)}
        command = [sys.executable, "-m", "streamlit", "run", str(self.script), "--server.headless", "true"]
        command += ["--server.address", self.address] if self.address else []
        command += ["--server.port", str(self.port)]
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env=environment | self.variables, stdout=log, stderr=log
            )
        eventually(self._answers, seconds=240)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        assert self.process
        self.process.terminate()
        self.process.wait(20)

    def kill(self) -> None:
        """End it at once."""
        assert self.process
        self.process.kill()
        self.process.wait(20)

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.home / "server.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return bool(answer.read() == b"ok")
        except (urllib.error.URLError, OSError):
            return False
