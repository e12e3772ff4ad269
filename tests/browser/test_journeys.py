"""The main journeys of a person, in Chromium, on the real CIFAR-10."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from cnnlab.records import RunStatus
from cnnlab.runs import Store
from tests.streamlit_server import Server

SLOW_MS = 120_000
FIRST_POINT = re.compile(r"After step \d+ the smoothed training loss is \d")
pytestmark = pytest.mark.usefixtures("cifar10_dir")


def settled(page: Page) -> None:
    """Wait until the page has been drawn, and hold that it is no error."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=SLOW_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def picture_bytes() -> bytes:
    """A JPEG of an odd size, as a telephone might take it."""
    pixels = np.random.default_rng(0).integers(0, 255, (90, 140, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def test_train_watch_stop_reload_compare_look_inside_upload(page: Page, server: Server, console: list[str]) -> None:
    """A newcomer's first five minutes, from the landing page to a picture of their own; the console stays empty."""
    store = Store(server.app_config)
    page.goto(server.url)
    page.get_by_role("button", name="Train the 60-second demo").click()

    expect(page).to_have_url(re.compile(r"/train\?run=[0-9a-f]{32}"))
    expect(page.get_by_text(FIRST_POINT)).to_be_attached(timeout=SLOW_MS)
    expect(page.get_by_text(re.compile(r"After epoch 1: train sample"))).to_be_attached(timeout=SLOW_MS)
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile(r"Stopped at step [\d\s]+ of 1\s878"))).to_be_visible(timeout=SLOW_MS)
    run = store.list()[0]
    assert run.status is RunStatus.STOPPED

    page.reload()
    expect(page.get_by_text(FIRST_POINT)).to_be_attached(timeout=SLOW_MS)
    expect(page.get_by_text(f"After step {run.step} the smoothed")).to_be_attached()
    expect(page.get_by_test_id("stMain").get_by_role("button", name="Continue")).to_be_visible()

    page.goto(f"{server.url}/compare?runs={run.id}")
    settled(page)
    expect(page.get_by_text("Accuracy after each epoch")).to_be_visible(timeout=SLOW_MS)

    page.goto(f"{server.url}/kernels?run={run.id}")
    settled(page)
    expect(page.get_by_text("conv1: 6 kernels of 5×5")).to_be_visible(timeout=SLOW_MS)
    expect(page.locator("canvas").first).to_be_visible(timeout=SLOW_MS)

    page.goto(f"{server.url}/feature_maps?run={run.id}&epoch=1&layer=relu1&picture=test:7")
    settled(page)
    expect(page.get_by_text(re.compile("At epoch 1 it says"))).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("relu1: 6 maps of 28×28, after activation")).to_be_visible()

    page.get_by_role("button", name="Your own picture").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": picture_bytes()}
    )
    expect(page).to_have_url(re.compile(r"picture=upload(:|%3A)[0-9a-f]{32}"), timeout=SLOW_MS)
    settled(page)
    page.reload()
    settled(page)
    expect(page).to_have_url(re.compile(r"picture=upload(:|%3A)[0-9a-f]{32}"))
    expect(page.get_by_text(re.compile("At epoch 1 it says"))).to_be_visible(timeout=SLOW_MS)


@pytest.mark.slow
def test_a_run_survives_its_server(page: Page, server: Server) -> None:
    """The server is killed in the middle of training and comes back: the run went on, and the page finds it again."""
    store = Store(server.app_config)
    page.goto(f"{server.url}/train")
    page.get_by_text("SimpleCNN, tutorial", exact=True).click()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text(FIRST_POINT)).to_be_attached(timeout=SLOW_MS)
    run = store.list()[0]

    server.kill()
    server.start()
    assert store.get(run.id).status is RunStatus.RUNNING
    before = store.get(run.id).step
    page.goto(f"{server.url}/train?run={run.id}")
    expect(page.get_by_text(FIRST_POINT)).to_be_attached(timeout=SLOW_MS)
    page.wait_for_timeout(1500)
    assert store.get(run.id).step > before

    page.get_by_test_id("stMain").get_by_role("button", name="Pause").click()
    expect(page.get_by_text(re.compile(r"Paused at step [\d\s]+ of 7\s820"))).to_be_visible(timeout=SLOW_MS)
    page.get_by_test_id("stMain").get_by_role("button", name="Continue").click()
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile(r"(Stopped at step|Stopped while)"))).to_be_visible(timeout=SLOW_MS)


PLACES = """() => {
  window.places = new Set();
  const look = () => {
    const shown = [...document.querySelectorAll(":is(.st-key-run_continue, .st-key-run_pause, .st-key-run_stop) button")];
    const said = (it) => `${it.innerText.trim().split("\\n").at(-1)} at ${Math.round(it.getBoundingClientRect().x)}`;
    window.places.add(shown.map(said).join());
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.mark.slow
def test_a_started_run_is_seen_from_its_top_and_its_buttons_stay_where_they_are(page: Page, server: Server) -> None:
    """On a laptop's low screen the form is longer than the window; no frame of a pause shows a button elsewhere.

    A click presses and lets go: what moves in between, or is drawn twice, gets none.
    """
    page.set_viewport_size({"width": 1280, "height": 640})
    page.goto(f"{server.url}/train")
    page.get_by_text("SimpleCNN, tutorial", exact=True).click()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text(FIRST_POINT)).to_be_attached(timeout=SLOW_MS)
    expect(page.get_by_test_id("stMain").get_by_role("button", name="Stop")).to_be_in_viewport()

    page.evaluate(PLACES)
    for _ in range(3):
        page.get_by_test_id("stMain").get_by_role("button", name="Pause").click()
        page.get_by_test_id("stMain").get_by_role("button", name="Continue").click(timeout=SLOW_MS)
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile(r"(Stopped at step|Stopped while)"))).to_be_visible(timeout=SLOW_MS)
    assert len(page.evaluate("[...window.places]")) == 1, page.evaluate("[...window.places]")


@pytest.mark.slow
def test_quick_clicks_train_what_was_chosen(page: Page, server: Server) -> None:
    """Train is pressed while the preset is still being drawn, at six moments of that; the log stays empty."""
    store = Store(server.app_config)
    for moment in range(6):
        page.goto(f"{server.url}/train")
        page.get_by_text("VGGishCNN, tutorial", exact=True).click()
        page.wait_for_timeout(40 * moment)
        page.get_by_role("button", name="Train", exact=True).click()
        expect(page).to_have_url(re.compile(r"run=[0-9a-f]{32}"), timeout=SLOW_MS)
        run = store.list()[0]
        store.request(run.id, "stop")
        assert (run.config.architecture, run.config.lr) == ("VGGishCNN", 0.001)
    said = (server.home / "server.log").read_text()
    # On a busy machine Streamlit says so of a tab that left before its connection was accepted; nothing else may stand there.
    faults = said.split("Traceback (most recent call last)")[1:]
    assert all("starlette_websocket.py" in fault for fault in faults)
    assert not faults or "WebSocketDisconnected" in said


@pytest.mark.slow
def test_two_browsers_see_each_others_runs(page: Page, server: Server) -> None:
    """What one visitor starts, the other finds on the landing page, without a shared session."""
    other = page.context.browser.new_context().new_page()
    page.goto(f"{server.url}/train")
    page.get_by_text("60-second demo", exact=True).click()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page).to_have_url(re.compile(r"run=[0-9a-f]{32}"), timeout=SLOW_MS)
    run = Store(server.app_config).list()[0]

    other.goto(server.url)
    expect(other.get_by_text(run.name).first).to_be_visible(timeout=SLOW_MS)
    Store(server.app_config).request(run.id, "stop")
    other.context.close()


@pytest.mark.parametrize("path", ["", "train", "compare", "kernels", "feature_maps"])
@pytest.mark.parametrize(
    ("scheme", "width_px"),
    [
        ("light", 1280),
        ("dark", 390),
        pytest.param("light", 390, marks=pytest.mark.slow),
        pytest.param("dark", 1280, marks=pytest.mark.slow),
    ],
)
def test_each_page_fits_and_is_quiet(
    page: Page, server: Server, console: list[str], path: str, width_px: int, scheme: str
) -> None:
    """Opened by a deep link: no exception, nothing wider than the screen, nothing in the console."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width_px, "height": 800})
    page.goto(f"{server.url}/{path}")
    settled(page)
    page.wait_for_timeout(300)

    wide = page.get_by_test_id("stMain").evaluate("main => main.scrollWidth - main.clientWidth")
    assert wide <= 0


def test_nonsense_in_the_address_is_a_sentence(page: Page, server: Server, console: list[str]) -> None:
    """Unknown runs, layers and pictures: words, and a page that works."""
    for path in ("train?run=nothing", "kernels?run=x&layer=conv99&epoch=-4", "feature_maps?picture=upload:../../etc"):
        page.goto(f"{server.url}/{path}")
        settled(page)
        expect(page.get_by_test_id("stAlert").first).to_be_visible(timeout=SLOW_MS)


def test_the_log_holds_no_traceback(server: Server) -> None:
    """The server's log holds no traceback after all of this."""
    assert "Traceback" not in (server.home / "server.log").read_text()
