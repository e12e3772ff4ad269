"""One press of Back undoes one thing that a person did, also where a page writes its address by itself."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.view import VIEWS, Subject
from cnnlab.data import DATASETS
from cnnlab.inspection import kept_arrays
from cnnlab.runs import Run, Store
from tests.browser.projector import opened
from tests.factories import insert_run
from tests.streamlit_server import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run]]:
    """A dashboard with a run of which it is known what its network says of the validation pictures."""
    server = Server(tmp_path_factory.mktemp("home"))
    store = Store(server.app_config)
    run = insert_run(store, epochs=3, weights=True, validation_size=60)
    last, info = store.weights(run.id)[-1], DATASETS.get(run.config.dataset).info
    subject = Subject(
        run.config, info, server.app_config.data, store.path(last), last, last.epoch, set="validation"
    )  # fmt: skip
    view = VIEWS.get("mistakes")
    kept_arrays.write(measured.path_of(server.app_config, view, subject), view.compute(subject.only(view.needs)))
    with server:
        yield server, run


def test_from_a_mistake_to_its_feature_maps_and_back(page: Page, dashboard: tuple[Server, Run]) -> None:
    """The page that is left has one entry of the history, and so has the one that a click on a picture leads to."""
    server, run = dashboard
    opened(page, server.url)
    opened(page, f"{server.url}/predictions?run={run.id}&view=mistakes")
    expect(page).to_have_url(re.compile("set=validation"))  # the page has completed its address
    page.locator(".tiles canvas").first.click(position={"x": 20, "y": 20})
    expect(page).to_have_url(re.compile(r"/feature_maps\?(?=.*picture=train)(?=.*layer=)"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/predictions\?.*view=mistakes"))
    expect(page.get_by_role("heading", name="Most confident mistakes")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(f"{server.url}/")


def test_a_link_to_the_same_address_on_another_page_is_a_step(page: Page, dashboard: tuple[Server, Run]) -> None:
    """A kernel is picked, then its feature map: Back leads to that kernel, and once more to the one before."""
    server, run = dashboard
    opened(page, f"{server.url}/kernels?run={run.id}")
    expect(page).to_have_url(re.compile("channel=0"))
    kernels = page.locator(".tiles canvas").first
    kernels.click(position={"x": 220, "y": 60})
    expect(page).to_have_url(re.compile("channel=1"))
    page.get_by_role("link", name="See its answer to a picture").click()
    expect(page).to_have_url(re.compile(r"/feature_maps\?.*channel=1"))
    expect(page.locator(".glance canvas")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/kernels\?.*channel=1"))
    expect(page.get_by_role("heading", name="Kernel 1")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/kernels\?.*channel=0"))
