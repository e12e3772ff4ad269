"""From a number over a whole set to one value of one map, and back to another whole set: the journeys of looking inside."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from cnnlab.analysis.predictions import kept
from cnnlab.analysis.predictions.by_class import confusion_matrix
from cnnlab.app_config import PROJECT
from cnnlab.runs import Run, Store
from tests.browser.axe import violations
from tests.browser.conftest import complaints
from tests.streamlit_server import Server

pytestmark = pytest.mark.slow
SMALL = ["--dataset", "shapes", "--train-subset", "1000", "--validation-size", "200", "--epochs", "2"]
FORMULA = re.compile(r"= (\S+) · the tensor says (\S+)")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run]]:
    """A dashboard with a run that was really trained, so that it has kept its predictions."""
    server = Server(tmp_path_factory.mktemp("home"))
    environment = os.environ | {"CNNLAB_HOME": str(server.home)}
    subprocess.run(
        [sys.executable, "-m", "cnnlab", "train", *SMALL], env=environment, cwd=PROJECT, check=True, capture_output=True
    )
    with server:
        yield server, Store(server.app_config).list()[0]


def settled(page: Page) -> None:
    """Wait until the page has been drawn."""
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


def click_at(place: Locator, across: float, down: float) -> None:
    """Click at a share of the width and height of `place`."""
    box = place.bounding_box()
    assert box
    place.click(position={"x": across * box["width"], "y": down * box["height"]})


def proved(page: Page) -> None:
    """Hold that the sum on the first card of the formula is the tensor's value."""
    found = FORMULA.fullmatch(page.locator(".formula .equal").first.inner_text().replace("\u2212", "-"))
    assert found
    assert float(found[1]) == pytest.approx(float(found[2]), abs=1.01e-4)


def test_from_the_matrix_to_a_pixel(page: Page, trained: tuple[Server, Run], console: list[str]) -> None:
    """A cell opens its pictures, a picture its maps, a map its arithmetic; Back goes the same way; each link opens cold."""
    server, run = trained
    store = Store(server.app_config)
    weights = store.weights(run.id)[-1]
    said = kept.read(store.path(weights), weights.sha256, "test")
    assert said
    counts = confusion_matrix(said.labels, said.predicted, 10)
    wrong = counts * (1 - np.eye(10, dtype=np.int64))
    truth, answer = np.unravel_index(wrong.argmax(), wrong.shape)

    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server.url}/predictions?run={run.id}&set=test")
    settled(page)
    grid = page.locator(".js-plotly-plot .nsewdrag").first
    click_at(grid, (answer + 0.5) / 10, (truth + 0.5) / 10)
    expect(page).to_have_url(re.compile(rf"cell={truth}\.{answer}"))
    pictures = page.locator(".st-key-confusion_pictures canvas").first
    expect(pictures).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile(rf"but the network says .*: {wrong.max()}"))).to_be_visible()
    matrix = page.url

    pictures.click(position={"x": 20, "y": 20})
    expect(page).to_have_url(re.compile(r"/feature_maps\?(?=.*picture=test(:|%3A)\d+)"))
    place = re.search(r"picture=test(?::|%3A)(\d+)", page.url)
    assert place
    assert (said.labels[int(place[1])], said.predicted[int(place[1])]) == (truth, answer)
    settled(page)
    expect(page.locator(".glance canvas")).to_be_visible()
    maps = page.url

    page.goto(f"{maps}&view=formula&layer=conv2")
    settled(page)
    click_at(page.locator(".formula .plane canvas"), 0.5, 0.5)
    expect(page).to_have_url(re.compile("row="))
    proved(page)
    pixel, where = page.url, page.locator(".formula .where").inner_text()

    with page.context.browser.new_context() as somebody:  # type: ignore[union-attr]
        cold = somebody.new_page()
        heard = complaints(cold)
        cold.goto(matrix)
        expect(cold.locator(".st-key-confusion_pictures canvas").first).to_be_visible()
        cold.goto(maps)
        expect(cold.locator(".glance canvas")).to_be_visible()
        cold.goto(pixel)
        expect(cold.locator(".formula .where")).to_have_text(where)
        proved(cold)
        assert heard == []


def test_a_lesion_is_measured_once_for_everybody(page: Page, trained: tuple[Server, Run], console: list[str]) -> None:
    """Silence a channel, press Measure, read what it does; whoever opens the link later waits for nothing."""
    server, run = trained
    page.goto(f"{server.url}/kernels?run={run.id}&view=lesions&layer=conv2&set=test&lesion=silence:1")
    settled(page)
    page.get_by_role("button", name=re.compile("^Measure")).click()
    expect(page.get_by_role("heading", name="conv2: channel 1 silenced")).to_be_visible()
    verdict = page.get_by_text(re.compile(r"With it: \d"))
    expect(verdict).to_be_visible()
    said = verdict.inner_text()
    assert violations(page) == {}

    page.goto("about:blank")
    page.goto(f"{server.url}/kernels?run={run.id}&view=lesions&layer=conv2&set=test&lesion=silence:1")
    expect(page.get_by_text(re.compile(r"With it: \d"))).to_have_text(said)
    expect(page.get_by_role("button", name=re.compile("^Measure"))).to_have_count(0)


def test_scrubbing_by_keyboard(page: Page, trained: tuple[Server, Run], console: list[str]) -> None:
    """The arrows walk over the epochs; every number follows, and the address, and Back."""
    server, run = trained
    page.goto(f"{server.url}/feature_maps?run={run.id}&epoch=2&picture=test:5")
    settled(page)
    heard = page.get_by_text(re.compile(r"At epoch \d it says"))
    expect(heard).to_contain_text("At epoch 2")
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("ArrowLeft")
    expect(heard).to_contain_text("At epoch 1")
    expect(page).to_have_url(re.compile("epoch=1"))
    page.go_back()
    expect(heard).to_contain_text("At epoch 2")


def test_an_own_picture_on_a_telephone(browser: Browser, trained: tuple[Server, Run]) -> None:
    """With a finger at 390 px: upload, tap a map at a glance, work out a value; nothing is wider than the screen."""
    server, run = trained
    with browser.new_context(has_touch=True, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        heard = complaints(page)
        page.goto(f"{server.url}/feature_maps?run={run.id}")
        settled(page)
        page.get_by_role("button", name="Your own picture").tap()
        file = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 140, 3), dtype=np.uint8)).save(file, "JPEG")
        page.locator("input[type=file]").set_input_files(
            {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}
        )
        expect(page).to_have_url(re.compile(r"picture=upload(:|%3A)[0-9a-f]{32}"))
        settled(page)
        own = page.url
        glance = page.locator(".glance canvas")
        glance.scroll_into_view_if_needed()
        glance.tap(position={"x": 38 * 2 + 30, "y": 60})
        expect(page).to_have_url(re.compile("layer="))

        page.goto(f"{own}&view=formula&layer=conv1")
        settled(page)
        page.locator(".formula .plane canvas").tap(position={"x": 60, "y": 60})
        expect(page).to_have_url(re.compile("row="))
        proved(page)
        assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
        assert violations(page) == {}
        assert heard == []
