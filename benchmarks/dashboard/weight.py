"""What a visit weighs, and how much jumps: `python -m benchmarks.dashboard.weight`.

Chromium with an empty cache opens each page of a dashboard with two runs. Megabytes are those on the wire; the
layout shift is Chromium's own (of the Core Web Vitals), of the first visit and of a reload; `--width 390 --height 844` for
a telephone.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.dashboard.reruns import fill
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.runs import Store

SHIFT = """window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true })"""
SLOW_MS = 240_000


def main() -> None:
    """Print a row for each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    asked = parser.parse_args()
    data = AppConfig().data
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ |= {"CNNLAB_DATA_DIR": str(data.published), "CNNLAB_CONVERTED_DIR": str(data.converted)}
        os.environ["CNNLAB_HOME"] = folder
        one = fill(2)
        other = next(run.id for run in Store(AppConfig()).list() if run.id != one)
        pages = {
            "Start": "",
            "Train": "train",
            "a run": f"train?run={one}",
            "Compare": f"compare?runs={one},{other}",
            "Kernels": f"kernels?run={one}",
            "Feature maps": f"feature_maps?run={one}",
            "Grad-CAM": f"feature_maps?run={one}&view=grad_cam",
            "Predictions": f"predictions?run={one}",
        }
        print(f"{machine()}, {asked.width} × {asked.height}, n = 1 a page")
        print(f"{'page':<14}{'MB':>8}{'files':>8}{'shift':>8}{'again':>8}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
        command += ["--server.port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                _wait(port)
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
                for name, path in pages.items():
                    size = {"width": asked.width, "height": asked.height}
                    megabytes, files, first, again = _visit(browser, f"http://127.0.0.1:{port}/{path}", size)
                    print(f"{name:<14}{megabytes:>8.2f}{files:>8}{first:>8.3f}{again:>8.3f}", flush=True)
                browser.close()
            finally:
                server.terminate()


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2)
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise SystemExit("The server did not come up.")


def _visit(browser: Browser, url: str, size: dict[str, int]) -> tuple[float, int, float, float]:
    """Return megabytes, files, and the layout shift of a first visit and of a reload."""
    page = browser.new_page(viewport=size)  # type: ignore[arg-type]  # a context of its own: an empty cache
    page.add_init_script(SHIFT)
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url, timeout=SLOW_MS)
    first = settled(page)
    total, files = sum(sizes) / 1e6, len(sizes)
    page.reload(timeout=SLOW_MS)
    again = settled(page)
    page.close()
    return total, files, first, again


def settled(page: Page) -> float:
    """Return the layout shift up to the moment at which the page has stood still for five seconds."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=SLOW_MS)
    page.wait_for_timeout(5_000)
    return float(page.evaluate("window.shift"))


if __name__ == "__main__":
    main()
