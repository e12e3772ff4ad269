"""From a link to pixels on Feature maps, in a browser that has never been here: `python -m benchmarks.inspection.cold_link`.

A server with a SimpleCNN and a VGGishCNN, as drawn at random, on CIFAR-10. Chromium, already started, opens a link to one
layer with an empty cache; the clock stops when the grid of that layer's maps is drawn. The bytes are those of the frames
of the page's websocket, uncompressed: of the one that carries the grid's numbers, and of all up to it.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, WebSocket, sync_playwright

from benchmarks.crowd import filled
from benchmarks.dashboard.first_point import started
from benchmarks.datasets import shared_data
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.runs import Store

GRID = b"activation"
"""Words of the scale of the grid: no other part of the page is sent with them and with tiles."""
LAYERS = (("SimpleCNN", "relu1"), ("VGGishCNN", "conv7"))
"""VGGishCNN's conv7 has 256 maps."""
BAR_S, BAR_KB = 2.0, 100
SLOW_MS = 120_000
DRAWN = """canvas => new Promise((resolve) => {
  const look = () => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width || 1, canvas.height || 1);
    let seen = 0;
    for (let at = 3; at < data.length; at += 400) seen += data[at] === 255;
    if (seen > 100) resolve();
    else requestAnimationFrame(look);
  };
  look();
})"""


def main() -> None:
    """Print a row for each network, with the bars."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, sync_playwright() as playwright:
        app_config = AppConfig(home=Path(home), **shared_data())
        store = Store(app_config)
        runs = {name: filled.untrained(store, name) for name, _ in LAYERS}
        server, url = started(app_config)
        try:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            print(f"{machine()}, n = {asked.n} after one that is not counted, an empty cache each")
            print(f"{'layer':<20}{'median':>9}{'worst':>9}{'grid':>10}{'all':>10}   (bars {BAR_S} s, {BAR_KB} kB)")
            for name, layer in LAYERS:
                link = f"{url}/feature_maps?run={runs[name].id}&epoch=1&picture=test:7&layer={layer}"
                seen = [visit(browser, link) for _ in range(asked.n + 1)][1:]
                seconds = [one[0] for one in seen]
                grid, all_kb = (statistics.median(one[place] / 1e3 for one in seen) for place in (1, 2))
                words = f"{statistics.median(seconds):>7.2f} s{max(seconds):>7.2f} s{grid:>7.0f} kB{all_kb:>7.0f} kB"
                print(f"{name + ' ' + layer:<20}{words}", flush=True)
        finally:
            server.terminate()
            server.wait(30)


def visit(browser: Browser, link: str) -> tuple[float, int, int]:
    """Return the seconds from the link to the grid, the bytes of the grid's frame, and those of all frames."""
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        page = context.new_page()
        frames: list[bytes] = []

        def listen(socket: WebSocket) -> None:
            socket.on("framereceived", lambda frame: frames.append(frame if isinstance(frame, bytes) else b""))

        page.on("websocket", listen)
        begun = time.perf_counter()
        page.goto(link, timeout=SLOW_MS, wait_until="commit")
        grid = page.locator(".st-key-room_captioned_maps canvas").first
        grid.wait_for(timeout=SLOW_MS)
        grid.evaluate(DRAWN)
        seconds = time.perf_counter() - begun
        return seconds, max(len(frame) for frame in frames if GRID in frame), sum(map(len, frames))


if __name__ == "__main__":
    main()
