"""A real server with an empty home, and Debian's Chromium to use it with."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cnnlab.app_config import AppConfig

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")

expect.set_options(timeout=120_000)  # a busy machine is slow; what comes at once costs nothing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a browser test, and says why it skips where there is no Chromium."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM.exists():
                item.add_marker(pytest.mark.skip(reason=f"needs {CHROMIUM} (Debian: apt-get install chromium)"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Debian's Chromium instead of Playwright's own download."""
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM)}


@dataclass
class Server:
    """A running dashboard; `restart` kills it and starts it again on the same home and port."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    address: str | None = None
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def app_config(self) -> AppConfig:
        return AppConfig(home=self.home, data_dir=AppConfig().data.published)

    def start(self) -> None:
        environment = os.environ | {"CNNLAB_HOME": str(self.home), "CNNLAB_DATA_DIR": str(AppConfig().data.published)}
        environment |= self.variables
        log = (self.home / "server.log").open("ab")
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
        command += ["--server.address", self.address] if self.address else []
        self.process = subprocess.Popen(
            [*command, "--server.port", str(self.port)], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        deadline = time.monotonic() + 240  # a busy machine is slow
        while not self._healthy():
            assert self.process.poll() is None, (self.home / "server.log").read_text()
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.1)

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait(20)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(20)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return bool(answer.read() == b"ok")
        except (urllib.error.URLError, OSError):
            return False


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One dashboard for a module's journeys."""
    server = Server(tmp_path_factory.mktemp("home"), free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def console(page: Page) -> Iterator[list[str]]:
    """Everything the browser's console complains of; a test that uses it fails where that is not empty."""
    said: list[str] = []
    page.on("console", lambda m: said.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(f"pageerror: {error}"))
    yield said
    assert not said
