"""From a link to pixels on Feature maps, in a browser that has never been here: `python -m benchmarks.inspection.cold_link`.

A server with a SimpleCNN and a VGGishCNN, as drawn at random, on CIFAR-10. Chromium, already started, opens a link to one
layer with an empty cache; the clock stops when the grid of that layer's maps is drawn. The bytes are those of the frames
of the page's websocket, uncompressed: of the one that carries the grid's numbers, and of all up to it. Then the same link
once more, with what the browser has kept of the first time.

The floor is an app of Streamlit alone, one `st.write`: no page of ours can be there sooner. All take turns, so that a
busy moment hits all alike, and what is ours is the difference.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, BrowserContext, WebSocket, sync_playwright

from benchmarks.crowd import filled
from benchmarks.dashboard.first_point import started
from benchmarks.datasets import shared_data
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.runs import Store

GRID = b"activation"
"""Words of the scale of the grid: no other part of the page is sent with them and with tiles."""
FLOOR = "import streamlit as st\n\nst.write('floor')\n"
LAYERS = (("SimpleCNN", "relu1"), ("VGGishCNN", "conv7"))
"""VGGishCNN's conv7 has 256 maps."""
BAR_S, BAR_KB = 2.0, 100
SLOW_MS = 120_000
SETTLED_MS = 1_500
GRID_SEEN = ".st-key-room_captioned_maps canvas"
FLOOR_SEEN = '[data-testid="stMarkdown"]'
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


class Visit(NamedTuple):
    """A `Visit` is a first one with its second one, in seconds, and the bytes of the first."""

    seconds: float
    again: float
    grid: int
    all: int


def main() -> None:
    """Print a row for each network, with the bars."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, sync_playwright() as playwright:
        app_config = AppConfig(home=Path(home), **shared_data())
        store = Store(app_config)
        runs = {name: filled.untrained(store, name) for name, _ in LAYERS}
        (bare := Path(home) / "bare").mkdir()
        (bare / "streamlit_app.py").write_text(FLOOR)
        servers = [started(app_config), started(app_config, bare)]
        (_, url), (_, floor) = servers
        links = {
            f"{name} {layer}": f"{url}/feature_maps?run={runs[name].id}&epoch=1&picture=test:7&layer={layer}"
            for name, layer in LAYERS
        }
        try:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            print(f"{machine()}, n = {asked.n} after one that is not counted, an empty cache each")
            print(
                f"{'layer':<20}{'median':>9}{'worst':>9}{'again':>9}{'grid':>10}{'all':>10}   (bars {BAR_S} s, {BAR_KB} kB)"
            )
            seen: dict[str, list[Visit]] = {name: [] for name in (*links, "Streamlit alone")}
            for _ in range(asked.n + 1):
                for name, link in links.items():
                    seen[name].append(visit(browser, link))
                seen["Streamlit alone"].append(visit(browser, floor, FLOOR_SEEN))
            for name, visits in seen.items():
                _print(name, visits[1:])
        finally:
            for server, _ in servers:
                server.terminate()
                server.wait(30)


def _print(name: str, visits: list[Visit]) -> None:
    seconds = [one.seconds for one in visits]
    median, again, grid, all_kb = (
        statistics.median(values)
        for values in (
            seconds,
            [v.again for v in visits],
            [v.grid / 1e3 for v in visits],
            [v.all / 1e3 for v in visits],
        )
    )
    print(
        f"{name:<20}{median:>7.2f} s{max(seconds):>7.2f} s{again:>7.2f} s{grid:>7.0f} kB{all_kb:>7.0f} kB", flush=True
    )


def visit(browser: Browser, link: str, selector: str = GRID_SEEN) -> Visit:
    """Open the link in a browser that has never been here, and once more."""
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        seconds, frames = _opened(context, link, selector)
        grid = max((len(frame) for frame in frames if GRID in frame), default=0)
        return Visit(seconds, _opened(context, link, selector)[0], grid, sum(map(len, frames)))


def _opened(context: BrowserContext, link: str, selector: str) -> tuple[float, list[bytes]]:
    """Return the seconds from the link until what `selector` finds is drawn, and the frames that the page received."""
    page = context.new_page()
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: frames.append(frame if isinstance(frame, bytes) else b""))

    page.on("websocket", listen)
    begun = time.perf_counter()
    page.goto(link, timeout=SLOW_MS, wait_until="commit")
    found = page.locator(selector).first
    found.wait_for(timeout=SLOW_MS)
    if selector == GRID_SEEN:
        found.evaluate(DRAWN)
    seconds, received = time.perf_counter() - begun, list(frames)
    page.wait_for_timeout(
        SETTLED_MS
    )  # what comes after the grid is kept as well, as it is for somebody who looks at it
    page.close()
    return seconds, received


if __name__ == "__main__":
    main()
