"""From the click on Train to the first loss point on the screen: `python -m benchmarks.dashboard.first_point [--n 10]`.

A server with an empty home, a warm worker, SimpleCNN on CIFAR-10 with the tutorial's settings; Chromium clicks, and the
clock stops when the chart says its first step. Each run is stopped before the next.
"""

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.datasets import shared_data
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.runs import Store

ROOT = Path(__file__).resolve().parents[2]
FIRST_POINT = re.compile(r"After step \d+ the smoothed training loss is \d")


def main() -> None:
    """Start a server, click n times, print median and worst."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        app_config = AppConfig(home=Path(home), **shared_data())
        server, url = started(app_config)
        try:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
            page = browser.new_page()
            times = [one(page, url, app_config) for _ in range(asked.n)]
        finally:
            server.terminate()
            server.wait(30)
    print(f"{machine()}; n = {asked.n}, SimpleCNN on CIFAR-10, worker warm")
    print("each, s:", " ".join(f"{t:.2f}" for t in times))
    print(f"click to first point on the screen: median {statistics.median(times):.2f} s, worst {max(times):.2f} s")


def started(app_config: AppConfig, at: Path = ROOT) -> tuple[subprocess.Popen[bytes], str]:
    """A dashboard on a free port, of the checkout `at`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"CNNLAB_HOME": str(app_config.home), "CNNLAB_DATA_DIR": str(app_config.data.published)}
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
    log = (app_config.home / "server.log").open("wb")
    process = subprocess.Popen([*command, "--server.port", str(port)], cwd=at, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return process, url
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server did not come up.")


def one(page: Page, url: str, app_config: AppConfig) -> float:
    """Seconds from the click to the first point; then the run is stopped and the next worker given time to warm up."""
    page.goto(f"{url}/train")
    page.get_by_text("SimpleCNN, tutorial", exact=True).click()
    page.get_by_text("Two convolutions,").wait_for()
    time.sleep(25)  # the next worker starts 5 s after the last one claimed, and loads torch: warm means it has
    page.get_by_role("button", name="Train", exact=True).click()
    clicked = time.perf_counter()
    page.get_by_text(FIRST_POINT).wait_for(state="attached", timeout=60_000)
    seconds = time.perf_counter() - clicked
    store = Store(app_config)
    run = store.list()[0]
    assert run.steps_total == 7820, "another run than was meant"
    store.request(run.id, "stop")
    while store.get(run.id).status.active:
        time.sleep(0.1)
    return seconds


if __name__ == "__main__":
    main()
