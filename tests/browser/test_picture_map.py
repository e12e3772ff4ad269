"""The maps of pictures in a browser: read out what was measured, by pointer and by keyboard; axe-core finds nothing."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.view import VIEWS, Subject
from cnnlab.data import DATASETS
from cnnlab.formatting import percent
from cnnlab.inspection import kept_arrays
from cnnlab.inspection.picture_map.pca import PcaMap
from cnnlab.runs import Run, Store
from tests.browser.axe import violations
from tests.factories import insert_run
from tests.streamlit_server import Server

SLOW_MS = 120_000
CLASSES = DATASETS.get("shapes").info.classes
READING = re.compile(
    r"picture of the training file (\d+): (.+), (?:and the network says so|but the network says (.+)), ([\d.]+)\u202f% sure"
    r" · component 1 (\S+), component 2 (\S+)"
)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run, Subject, PcaMap]]:
    """A dashboard with a run whose t-SNE is measured, and the numbers of its PCA."""
    server = Server(tmp_path_factory.mktemp("home"))
    store = Store(server.app_config)
    run = insert_run(store, epochs=3, weights=True, validation_size=60)
    last, info = store.weights(run.id)[-1], DATASETS.get(run.config.dataset).info
    path = store.path(last)
    subject = Subject(run.config, info, server.app_config.data, path, last, last.epoch, set="validation")
    tsne, pca = VIEWS.get("map_tsne"), VIEWS.get("map_pca")
    kept_arrays.write(measured.path_of(server.app_config, tsne, subject), tsne.compute(subject.only(tsne.needs)))
    with server:
        yield server, run, subject, pca.compute(subject.only(pca.needs))


def opened(page: Page, url: str) -> Locator:
    """Open it, wait until the plane stands, and give it."""
    page.goto(url, timeout=SLOW_MS)
    field = page.locator(".picture_map .field")
    expect(field.locator("canvas")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.wait_for_timeout(500)
    return field


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["map_pca", "map_tsne"])
def test_accessible_and_no_wider_than_a_telephone(
    page: Page, mapped: tuple[Server, Run, Subject, PcaMap], view: str, scheme: str
) -> None:
    """In both themes at 1280 px, with a chosen picture; at 390 px the page does not scroll sideways."""
    server, run, _, _ = mapped
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 1280, "height": 900})
    opened(page, f"{server.url}/predictions?run={run.id}&view={view}&picture=test:3&hidden=4")
    assert violations(page) == {}
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


@pytest.mark.slow
def test_by_keyboard(page: Page, mapped: tuple[Server, Run, Subject, PcaMap], console: list[str]) -> None:
    """The arrow keys read points, whose numbers are the arrays'; Enter opens one; a key on the legend hides a class."""
    server, run, subject, found = mapped
    page.set_viewport_size({"width": 1280, "height": 900})
    field = opened(page, f"{server.url}/predictions?run={run.id}&view=map_pca")
    field.focus()
    reading = page.locator(".picture_map .reading")
    numbers = list(subject.pictures().places)
    read = set()
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
        said = READING.fullmatch(reading.inner_text())
        assert said, reading.inner_text()
        number, truth, instead, sure, across, up = said.groups()
        point = numbers.index(int(number))
        assert CLASSES[found.labels[point]] == truth
        assert CLASSES[found.said.predicted[point]] == (instead or truth)
        assert percent(float(found.said.probability[point])) == f"{sure}\u202f%"
        here = [float(part.replace("\u2212", "-")) for part in (across, up)]
        np.testing.assert_allclose(here, found.points[point], atol=0.00501)
        read.add(point)
    assert len(read) > 2
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"picture=train(:|%3A){numbers[point]}"))
    expect(page.get_by_role("heading", name=f"Picture {numbers[point]} of the training file")).to_be_visible()
    legend = page.get_by_role("group", name="Classes: show or hide")
    name = legend.get_by_role("button", name=re.compile(f"^{CLASSES[2]} "))
    name.focus()
    expect(name).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    expect(name).to_have_attribute("aria-pressed", "false")
    expect(page).to_have_url(re.compile(r"hidden=4"))
    expect(name).to_be_focused()
    page.go_back()
    expect(name).to_have_attribute("aria-pressed", "true")
    assert console == []


@pytest.mark.slow
def test_from_a_point_to_its_feature_maps(page: Page, mapped: tuple[Server, Run, Subject, PcaMap]) -> None:
    """A click on a point opens its picture, a click on a neighbour that one, a link its feature maps; Back leads back."""
    server, run, _, _ = mapped
    page.set_viewport_size({"width": 1280, "height": 900})
    field = opened(page, f"{server.url}/predictions?run={run.id}&view=map_pca")
    field.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name=re.compile("of the training file"))
    expect(heading).to_be_visible()
    first = heading.inner_text()
    page.locator(".st-key-picture_map_neighbours canvas").first.click(position={"x": 20, "y": 20})
    expect(heading).not_to_have_text(first)
    number = re.search(r"\d+", heading.inner_text())
    assert number
    page.get_by_role("link", name="Its feature maps").click()
    expect(page).to_have_url(re.compile(rf"/feature_maps\?(?=.*picture=train(:|%3A){number[0]})"))
    expect(page.get_by_role("heading", name="What does it see in this picture?")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/predictions\?.*view=map_pca"))
