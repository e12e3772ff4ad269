"""The views of a layer's channels in a browser: axe-core finds nothing new, nothing sticks out on a telephone, two clicks."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.selection import KeptWeights
from cnnlab.dashboard.inspect.view import VIEWS, Subject
from cnnlab.data import DATASETS
from cnnlab.inspection import kept_arrays
from cnnlab.runs import Run, Store
from tests.browser.axe import violations
from tests.factories import insert_run
from tests.streamlit_server import Server

SLOW_MS = 120_000
OPTIONS = (("lesion", "silence:each"),)
MEASURED = ("top_activations", "activation_maximisation", "movement", "lesions")
STREAMLITS_OWN = "empty-table-header"
"""The column of boxes of a table whose rows can be marked: Streamlit gives it no name, and no parameter sets one."""


@pytest.fixture(scope="module")
def measured_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run]]:
    """A dashboard with a run of which everything has been measured."""
    server = Server(tmp_path_factory.mktemp("home"))
    store = Store(server.app_config)
    run = insert_run(store, epochs=3, weights=True, validation_size=60)
    history = tuple(KeptWeights(one.epoch, store.path(one), one) for one in store.weights(run.id))
    last, info = history[-1], DATASETS.get(run.config.dataset).info
    subject = Subject(
        run.config, info, server.app_config.data, last.path, last.file, last.epoch, layer="base.conv1", channel=0,
        set="validation", options=OPTIONS, start=history[0], history=history,
    )  # fmt: skip
    for name in MEASURED:
        view = VIEWS.get(name)
        answer = view.compute(subject.only(view.needs))
        kept_arrays.write(measured.path_of(server.app_config, view, subject), answer)
    with server:
        yield server, run


def opened(page: Page, url: str) -> None:
    """Open it and wait until the page stands."""
    page.goto(url, timeout=SLOW_MS)
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.wait_for_timeout(1000)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", MEASURED)
def test_accessible_and_no_wider_than_a_telephone(
    page: Page, measured_run: tuple[Server, Run], view: str, scheme: str
) -> None:
    """In both themes at 1280 px; at 390 px the page does not scroll sideways."""
    server, run = measured_run
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 1280, "height": 900})
    opened(page, f"{server.url}/kernels?run={run.id}&view={view}&layer=conv1")
    expect(page.get_by_role("button", name="Measure")).to_have_count(0)
    found = violations(page)
    found.pop(STREAMLITS_OWN, None)
    assert found == {}
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


@pytest.mark.slow
def test_from_a_crop_to_its_feature_maps(page: Page, measured_run: tuple[Server, Run]) -> None:
    """Pick a channel, click a crop: the feature maps of that picture are there, and Back leads to the crops."""
    server, run = measured_run
    page.set_viewport_size({"width": 1280, "height": 900})
    opened(page, f"{server.url}/kernels?run={run.id}&view=top_activations&layer=conv1&channel=2")
    crops = page.locator(".st-key-top_most_crops canvas").first
    crops.click(position={"x": 20, "y": 20})
    expect(page).to_have_url(re.compile(r"/feature_maps\?(?=.*picture=train(:|%3A)\d+)(?=.*channel=2)"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/kernels\?.*view=top_activations"))
