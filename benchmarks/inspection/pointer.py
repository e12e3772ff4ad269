"""From the pointer to the numbers in the Formula view, in Chromium: `python -m benchmarks.inspection.pointer [--n 200]`.

A server with an empty home and untrained networks: the weights do not matter for the time. The pointer goes to n random
values of a map. Three times are taken inside the page: what the work takes (arithmetic, numbers, layout), from the pointer's
event (the browser's own time stamp) until that work is done, and until the frame that shows it has been drawn. Beside
them: the bytes that the map's data took, which travels once.
"""

import argparse
import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.machine import machine
from cnnlab.runs import Store
from tests.factories import insert_run
from tests.streamlit_server import Server

CASES = (
    ("SimpleCNN", "conv1"),
    ("SimpleCNN", "conv2"),
    ("ResNet", "block1.conv2"),
    ("ResNet", "block3.conv2"),
    ("VGGishCNN", "conv2"),
    ("VGGishCNN", "conv7"),
    ("SpeedNet", "conv4"),
)
CLOCK = """() => {
    const times = window.pointerTimes = [];
    let begun = 0;
    window.addEventListener("pointermove", () => (begun = performance.now()), true);
    window.addEventListener("pointermove", (event) => {
        const root = event.composedPath()[0].getRootNode();
        root.host.offsetHeight; // the layout is done here
        const [worked, ready] = [performance.now() - begun, performance.now() - event.timeStamp];
        const channel = new MessageChannel();
        channel.port1.onmessage = () => times.push([worked, ready, performance.now() - event.timeStamp]);
        requestAnimationFrame(() => channel.port2.postMessage(0)); // a task behind the frame
    });
}"""
MOST_MS = 120_000


def main() -> None:
    """Open each layer, move the pointer, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        server = Server(Path(home))
        store = Store(server.app_config)
        runs = {
            name: insert_run(store, epochs=1, weights=True, architecture=name).id
            for name in dict.fromkeys(architecture for architecture, _ in CASES)
        }
        print(f"{machine()}; Chromium without a GPU, 1280 × 1000; n = {asked.n} moves a map")
        print(f"{'':22}{'work':^24}{'numbers ready':^24}{'frame drawn':^24}{'kB a map':>10}")
        print(f"{'':22}" + f"{'median':>12}{'95 of 100':>12}" * 3)
        with server:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for architecture, layer in CASES:
                page = browser.new_page(viewport={"width": 1280, "height": 1000})
                url = f"{server.url}/feature_maps?view=formula&run={runs[architecture]}&layer={layer}"
                print(f"{architecture + ' ' + layer:22}{row(measured(page, url, asked.n))}")
                page.close()


def measured(page: Page, url: str, n: int) -> dict[str, Any]:
    """Open the page and move the pointer to n random places of the map."""
    received: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(frame)))
    page.goto(url, timeout=MOST_MS)
    page.locator(".formula .card").first.wait_for(timeout=MOST_MS)
    page.wait_for_timeout(2000)
    largest = max(len(frame) for frame in received if isinstance(frame, bytes) and b"pictureWords" in frame)
    page.evaluate(CLOCK)
    box = page.locator(".formula .plane canvas").bounding_box()
    assert box
    places = random.Random(1)
    for _ in range(n):
        page.mouse.move(
            box["x"] + places.random() * (box["width"] - 1), box["y"] + places.random() * (box["height"] - 1)
        )
        page.wait_for_timeout(40)
    page.wait_for_timeout(200)
    return {"times": page.evaluate("window.pointerTimes"), "map": largest}


def row(found: dict[str, Any]) -> str:
    """A line of the table."""
    text = ""
    for times in zip(*found["times"], strict=True):
        ordered = sorted(times)
        text += f"{statistics.median(ordered):9.1f} ms{ordered[int(0.95 * len(ordered))]:9.1f} ms"
    return text + f"{found['map'] / 1000:10.1f}"


if __name__ == "__main__":
    main()
