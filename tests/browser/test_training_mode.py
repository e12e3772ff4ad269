"""The views of train mode in a browser: axe-core finds nothing, nothing sticks out on a telephone, the keyboard reads units."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from cnnlab.runs import Run, Store
from tests.browser.test_channel_views import opened
from tests.factories import insert_run
from tests.streamlit_server import Server

VIEWS = ("training_dropout", "training_dropout_passes", "training_normalisation")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run]]:
    """A dashboard with a run whose network has dropout and batch normalisation."""
    server = Server(tmp_path_factory.mktemp("home"))
    run = insert_run(Store(server.app_config), epochs=1, weights=True, validation_size=60, dropout=0.5, batch_norm=True)
    with server:
        yield server, run


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_accessible_and_no_wider_than_a_telephone(
    page: Page, served: tuple[Server, Run], view: str, scheme: str
) -> None:
    """In both themes at 1280 px, with everything open; at 390 px the page does not scroll sideways."""
    server, run = served
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 1280, "height": 900})
    opened(page, f"{server.url}/feature_maps?run={run.id}&view={view}")
    for folded in page.locator("details:not([open]) > summary").element_handles():
        folded.click()
    page.wait_for_timeout(500)
    violations = Axe().run(page).response["violations"]
    assert {it["id"]: [node["html"] for node in it["nodes"]] for it in violations} == {}
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


@pytest.mark.slow
def test_the_keyboard_reads_units(page: Page, served: tuple[Server, Run]) -> None:
    """Shift and an arrow read a unit of a picture, Enter chooses the picture, and Draw again draws another mask."""
    server, run = served
    opened(page, f"{server.url}/feature_maps?run={run.id}&view=training_dropout")
    masks = page.locator(".st-key-dropout_masks")
    field = masks.locator(".field")
    field.focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown"):
        field.press(key)
    expect(masks.locator(".reading")).to_have_text(
        re.compile(r"picture 1: \d+ of 120 units dropped · unit 13 · (dropped|kept ×2)")
    )
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"member=1"))
    before = page.get_by_text(re.compile(r"Here it dropped")).inner_text()
    page.get_by_role("button", name="Draw again").click()
    expect(page).to_have_url(re.compile(r"draw=1"))
    expect(page.get_by_text(re.compile(r"Here it dropped"))).not_to_have_text(before)
