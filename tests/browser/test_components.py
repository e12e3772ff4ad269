"""The two components in a real browser: what they read out is what was measured, and nothing of the reader's is lost."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from cnnlab.dashboard.widgets.component import STATIC
from cnnlab.formatting import tenths

HERE = Path(__file__).resolve().parent
VALUES = np.random.default_rng(0).normal(size=(256, 28, 28)).astype(np.float32)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """component_app.py, served with the static files beside it as the dashboard has them."""
    folder = tmp_path_factory.mktemp("components")
    (folder / "app.py").write_text((HERE / "component_app.py").read_text())
    (folder / "static").symlink_to(STATIC)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": "true"}
    options |= {"server.enableStaticServing": "true", "browser.gatherUsageStats": "false"}
    flags = [f"--{name}={value}" for name, value in options.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", *flags],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + 60
    while not _healthy(port):
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, "the server did not come up"
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def opened(page: Page, address: str, console: list[str]) -> Page:
    """The page with everything drawn; the console must stay empty."""
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto(address)
    expect(page.locator(".u-over")).to_have_count(2, timeout=30_000)
    expect(page.locator(".tiles .ticks")).to_have_count(2)
    return page


def point(page: Page, place: Locator, across: float, down: float = 0.5) -> None:
    """Put the pointer at a share of the width and height of `place`."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])


def drag(page: Page, place: Locator, start: float, end: float) -> None:
    """Draw the pointer over `place` from left to right."""
    point(page, place, start)
    page.mouse.down()
    point(page, place, (start + end) / 2)
    point(page, place, end)
    page.mouse.up()


def step_at(page: Page, across: float) -> int:
    """The step that the loss panel reads out there."""
    point(page, page.locator(".u-over").first, across)
    where = page.locator(".where").first
    expect(where).to_contain_text("step")
    found = re.search(r"step ([\d\u202f]+)", where.inner_text())
    assert found
    return int(found[1].replace("\u202f", ""))


def test_the_chart_reads_out_what_was_measured(opened: Page) -> None:
    """Under the cursor: step, loss, smoothed loss, the scores of the nearest epoch; the same epoch on both panels."""
    step = step_at(opened, 0.55)

    values = opened.locator(".panel").first.locator(".value").all_inner_texts()
    assert values[:2] == [f"{2.0 - step / 1000:.4f}", f"{2.5 - step / 1000:.4f}"]
    epoch = round(step / 100)
    assert values[2:] == [f"{1 / epoch:.4f}", "1.0000"]
    accuracy = opened.locator(".panel").nth(1)
    assert accuracy.locator(".where").inner_text() == f"after epoch {epoch}"
    assert accuracy.locator(".value").first.inner_text() == f"{30 + 5 * epoch:.1f}\u202f%"
    assert accuracy.locator(".best").inner_text() == "★ best epoch 2"


def test_zoom_and_chart_survive_new_points(opened: Page) -> None:
    """The same canvas goes on, looks at the same steps, and a double click shows everything again."""
    canvas = opened.locator(".u-over").first.element_handle()
    drag(opened, opened.locator(".u-over").first, 0.2, 0.5)
    expect(opened.locator(".reset").first).to_be_visible()
    before = (step_at(opened, 0.02), step_at(opened, 0.98))

    opened.get_by_role("button", name="More").click()
    expect(opened.get_by_text("sent from 250")).to_be_visible()
    expect(opened.locator(".summary")).to_contain_text("After step 350")

    assert (step_at(opened, 0.02), step_at(opened, 0.98)) == before
    assert canvas.evaluate("node => node.isConnected")
    opened.locator(".u-over").first.dblclick()
    expect(opened.locator(".reset").first).to_be_hidden()
    assert step_at(opened, 0.01) < before[0]


def test_lost_points_are_asked_for(opened: Page) -> None:
    """Where the browser lacks some, it says so once, and has everything a moment later."""
    opened.get_by_role("button", name="Lose some").click()

    expect(opened.get_by_text("sent from 0")).to_be_visible()
    expect(opened.locator(".summary")).to_contain_text("After step 350")
    assert abs(step_at(opened, 0.63) - 315) <= 25


def test_the_chart_speaks_to_the_keyboard(opened: Page) -> None:
    """Arrows move the reading, Home and End jump, and a live region says it; the summary stands for the picture."""
    opened.locator(".panel").nth(1).focus()
    opened.keyboard.press("Home")
    expect(opened.locator(".live_chart [role=status]")).to_have_text(
        "after epoch 1: train sample 35.0\u202f%, validation 40.0\u202f%"
    )
    opened.keyboard.press("ArrowRight")
    expect(opened.locator(".live_chart [role=status]")).to_contain_text("after epoch 2: train sample 40.0")
    expect(opened.locator(".summary")).to_have_text(
        "After step 250 the smoothed training loss is 2.2500. After epoch 2: train sample 40.0\u202f%. "
        "Validation 50.0\u202f%, best 50.0\u202f% at epoch 2."
    )


def test_every_number_of_a_tile_is_the_tensor_s(opened: Page) -> None:
    """Wherever the pointer stands, the number read out is the float32 at that row and column of that tile."""
    opened.set_viewport_size({"width": 1200, "height": 3000})  # all of it, so that nothing need be scrolled
    opened.wait_for_timeout(300)
    box = opened.locator(".field canvas").first.bounding_box()
    assert box
    reading = opened.locator(".reading").first
    for x, y in [(5, 5), (62 * 3 + 40, 79 * 2 + 21), (62 * 7 + 33, 79 * 9 + 50), (62 * 9 + 55, 79 * 4 + 4)]:
        opened.mouse.move(box["x"] + x, box["y"] + y)
        expect(reading).to_contain_text("row")
        found = re.fullmatch(r"map (\d+) · row (\d+) of 28, column (\d+) of 28 · (.+)", reading.inner_text())
        assert found
        tile, row, column = (int(part) for part in found.groups()[:3])
        said = float(found[4].replace("\u2212", "-").replace(" · 10^", "e"))
        assert said == pytest.approx(float(VALUES[tile, row - 1, column - 1]), rel=5e-5)


def test_the_colours_of_a_tile_are_its_numbers(opened: Page) -> None:
    """The pixel of the canvas lies on the scale where the number does: the ends of viridis for what is beyond them."""
    colours = opened.locator(".field canvas").first.evaluate(
        "canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, 56, 56).data)"
    )
    pixels = np.array(colours).reshape(56, 56, 4)[::2, ::2, :3]
    low, high = VALUES[0].argmin(), VALUES[0].argmax()
    assert VALUES[0].flat[low] < -2
    assert VALUES[0].flat[high] > 3
    np.testing.assert_array_equal(pixels.reshape(-1, 3)[low], [0x44, 0x01, 0x54])
    np.testing.assert_array_equal(pixels.reshape(-1, 3)[high], [0xFD, 0xE7, 0x25])
    order = np.argsort(VALUES[0].ravel())
    green = pixels.reshape(-1, 3)[order][:, 1].astype(int)
    assert (np.diff(green) >= 0).all()  # viridis' green never falls


def test_a_click_and_enter_pick_a_tile(opened: Page) -> None:
    """Both come back to Python as the tile's index."""
    opened.locator(".field").first.click(position={"x": 10, "y": 10})
    expect(opened.get_by_text("picked 0")).to_be_visible()

    opened.locator(".field").first.focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Enter")
    expect(opened.get_by_text("picked 1")).to_be_visible()
    expect(opened.locator(".tiles [role=status]").first).to_contain_text("map 1, from")


def test_colour_kernels_read_out_three_weights(opened: Page) -> None:
    """Red, green and blue of the very value, reached by keyboard."""
    opened.locator(".field").nth(1).focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Shift+ArrowRight")
    opened.keyboard.press("Shift+ArrowRight")
    said = opened.locator(".tiles [role=status]").nth(1)
    expect(said).to_contain_text("kernel 0, row 1 of 5, column 2 of 5")
    numbers = [float(text) for text in re.findall(r"-?\d+\.\d+", said.inner_text().replace("\u2212", "-"))]

    weights = VALUES[:6, :5, :15].reshape(6, 5, 5, 3)[0, 0, 1]
    assert numbers == pytest.approx(weights.tolist(), rel=5e-5)


@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_is_wider_than_the_screen(opened: Page, width: int) -> None:
    """On a telephone the panels stand one below the other, and the page does not scroll sideways."""
    opened.set_viewport_size({"width": width, "height": 800})
    opened.wait_for_timeout(500)
    assert opened.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    panels = [panel.bounding_box() for panel in opened.locator(".panel").all()]
    assert all(panel and panel["x"] + panel["width"] <= width for panel in panels)
    tops = {round(panel["y"]) for panel in panels if panel}
    assert len(tops) == (2 if width < 700 else 1)


def test_the_theme_changes_without_a_reload(opened: Page) -> None:
    """Dark is drawn dark at once, in the same page."""
    opened.emulate_media(color_scheme="dark")

    expect(opened.locator(".live_chart")).to_have_css("color", re.compile(r"rgb\((2[0-9]{2}), "))
    drawn = "canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)"
    opened.wait_for_timeout(300)
    pixels = np.array(opened.locator(".panel canvas").first.evaluate(drawn)).reshape(-1, 4)
    grid = pixels[pixels[:, 3] == 255][:, :3].max(axis=1)
    assert np.median(grid) < 200


def test_merging_is_exact(opened: Page) -> None:
    """live_chart/data.js: in order, overlapping, with a gap, and begun afresh."""
    script = """async () => {
        const file = new URL("app/static/live_chart/data.js", document.baseURI);
        const { merge, seriesOf, ticks, windowEnd, bestEpoch } = await import(file);
        const send = (run, first, last) => {
            const step = Array.from({ length: last - first }, (_, i) => first + i + 1);
            return merge(seriesOf(run), { first, step, loss: step, smooth: step, epochs: [] });
        };
        const told = [send("x", 0, 5), send("x", 5, 8), send("x", 3, 9), send("x", 12, 14)];
        const afterGap = seriesOf("x").step.length;
        told.push(send("x", 0, 3));
        const epochs = [3, 1, 2].map((epoch) => ({ epoch, step: epoch, validation: [0, 0.4, 0.6, 0.6][epoch] }));
        merge(seriesOf("x"), { first: 3, step: [], loss: [], smooth: [], epochs });
        return { told, afterGap, now: seriesOf("x").step, order: seriesOf("x").epochs.map((e) => e.epoch),
            best: bestEpoch(seriesOf("x")).epoch, ticks: ticks(0, 2.3, 6), window: windowEnd(1050, 7030, 10) };
    }"""
    found = opened.evaluate(script)

    assert found["told"] == [True, True, True, False, True]
    assert found["afterGap"] == 9
    assert found["now"] == [1, 2, 3]
    assert found["order"] == [1, 2, 3]
    assert found["best"] == 2
    assert found["ticks"] == pytest.approx([0, 0.5, 1.0, 1.5, 2.0])
    assert found["window"] == 1406


def test_the_browser_rounds_as_everybody_does(opened: Page) -> None:
    """live_chart/data.js: each accuracy of 10,000 pictures, and each gap, is the number that Python writes."""
    shares = [right / 10_000 for right in range(-10_000, 10_001)] + [-0.0004, -1e-17]
    script = """async (shares) => {
        const { tenths } = await import(new URL("app/static/live_chart/data.js", document.baseURI));
        return shares.map(tenths);
    }"""
    assert opened.evaluate(script, shares) == [f"{tenths(share):.1f}" for share in shares]
