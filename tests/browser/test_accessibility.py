"""axe-core finds nothing on any page, in both themes and in each state of a run."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from cnnlab import checkpoints
from cnnlab.data import DATASETS
from cnnlab.models import build
from cnnlab.records import RunStatus
from cnnlab.runs import Imported, Run, Store
from tests.browser.axe import violations
from tests.factories import insert_run, shapes_config
from tests.streamlit_server import Server

SLOW_MS = 120_000
STATES = {status.value: status for status in RunStatus if status is not RunStatus.IMPORTED}
INSIDE = (
    *(
        "kernels",
        "feature_maps",
        "feature_maps?view=grad_cam",
        "feature_maps?view=formula",
        "feature_maps?view=occlusion&random=conv1",
    ),
    *("feature_maps?view=robust&rotate=15", "feature_maps?view=robust_curve", "predictions"),
    *("kernels?beside=0", "feature_maps?beside=0", "feature_maps?view=grad_cam&beside=0&class=circle"),
    *("data", "data?view=sizes", "data?view=normalisation", "data?view=augmentation", "data?view=channel_statistics"),
)
STREAMLITS_OWN = {
    # A table whose rows can be marked: Streamlit gives the column of boxes no name, and no parameter sets one.
    "compare": {"empty-table-header": 1},
}
"""What axe-core finds in Streamlit's own elements and no page of ours can reach, by page and rule; it must be so many."""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, Run]]]:
    """A dashboard with a run in each state; two finished runs differ, so that there is something to compare."""
    server = Server(tmp_path_factory.mktemp("home"), variables={"CNNLAB_SLOTS": "1"})
    store = Store(server.app_config)
    runs = {
        name: insert_run(store, status, epochs=0 if status is RunStatus.QUEUED else 3, weights=True)
        for name, status in STATES.items()
        if status is not RunStatus.QUEUED
    }
    runs["other"] = insert_run(store, epochs=3, weights=True, parent_id=runs["finished"].id, dropout=0.3)
    with server:
        yield server, runs


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard where nothing was ever trained."""
    with Server(tmp_path_factory.mktemp("nothing")) as server:
        yield server


def found(page: Page, url: str, scheme: str) -> dict[str, list[str]]:
    """The elements that axe-core complains of, by rule, once the page stands and all that is folded is open."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(url, timeout=SLOW_MS)
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    for folded in page.locator("details:not([open]) > summary").element_handles():
        folded.click()
    return violations(page)


def expected(path: str) -> dict[str, int]:
    """How many places of Streamlit's own are expected on a page, by rule."""
    return STREAMLITS_OWN.get(path.partition("?")[0], {})


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", [name for name, status in STATES.items() if status is not RunStatus.QUEUED])
def test_a_run_in_each_state(page: Page, dashboard: tuple[Server, dict[str, Run]], state: str, scheme: str) -> None:
    """Its own page."""
    server, runs = dashboard
    assert found(page, f"{server.url}/train?run={runs[state].id}", scheme) == {}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "train", "compare", *INSIDE])
def test_each_page(page: Page, dashboard: tuple[Server, dict[str, Run]], path: str, scheme: str) -> None:
    """With runs to show; each has a title of its own, which says what it is."""
    server, runs = dashboard
    address = path
    if path == "compare":
        address = f"compare?runs={runs['finished'].id},{runs['other'].id}"
    elif path in INSIDE:
        address = f"{path}{'&' if '?' in path else '?'}run={runs['finished'].id}"
    faults = found(page, f"{server.url}/{address}", scheme)
    assert {rule: len(places) for rule, places in faults.items()} == expected(path), faults
    expect(page).to_have_title(re.compile(r" · cnnlab$"))


@pytest.mark.slow
@pytest.mark.parametrize("path", ["", "train", "compare", "kernels", "data?dataset=shapes"])
def test_each_page_without_a_run(page: Page, empty: Server, path: str) -> None:
    """What a newcomer meets, in the darker of the themes."""
    assert found(page, f"{empty.url}/{path}", "dark") == {}


@pytest.mark.slow
def test_weights_from_a_file(page: Page, dashboard: tuple[Server, dict[str, Run]]) -> None:
    """A run that was not trained here has a page of its own kind."""
    server, _ = dashboard
    store, config = Store(server.app_config), shapes_config()
    tensors = build(config, DATASETS.get(config.dataset).info).state_dict()
    facts = Imported(file="mine.safetensors", stated=False, epoch=None)
    run = store.bring(config, lambda path: checkpoints.write(path, tensors, {}), facts)
    assert found(page, f"{server.url}/train?run={run.id}", "dark") == {}
