"""Another epoch is put beside in the bar, a link to both opens cold, and Back takes it away again."""

import pytest
from playwright.sync_api import Browser, Page, expect

from cnnlab.runs import Run
from tests.streamlit_server import Server


def test_an_epoch_is_put_beside_linked_and_taken_back(
    page: Page, browser: Browser, dashboard: tuple[Server, Run], console: list[str]
) -> None:
    """The drawer in the bar chooses it; then there are two columns and the difference, also for whoever gets the link."""
    server, run = dashboard
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{server.url}/kernels?run={run.id}&epoch=3&layer=conv1")
    expect(page.get_by_role("heading", name="conv1: 6 kernels of 5×5")).to_have_count(1)
    page.get_by_role("button", name="Beside").click()
    page.get_by_role("combobox", name="Beside it").click()
    page.get_by_role("option", name="another epoch of this run").click()
    both = page.get_by_role("heading", name="conv1: 6 kernels of 5×5")
    expect(both).to_have_count(2)
    expect(page.get_by_role("heading", name="The difference")).to_be_visible()
    page.wait_for_url("**beside=*")
    left, right = (both.nth(place).bounding_box() for place in (0, 1))
    assert left is not None
    assert right is not None
    assert (left["y"], right["x"] > left["x"] + left["width"]) == (right["y"], True)

    with browser.new_page(viewport={"width": 390, "height": 844}) as cold:
        cold.goto(page.url)
        both = cold.get_by_role("heading", name="conv1: 6 kernels of 5×5")
        expect(both).to_have_count(2)
        expect(cold.get_by_role("heading", name="The difference")).to_be_visible()
        left, right = (both.nth(place).bounding_box() for place in (0, 1))
        assert left is not None
        assert right is not None
        assert (left["x"], right["y"] > left["y"]) == (right["x"], True)  # one below the other
        wide = cold.evaluate("document.documentElement.scrollWidth")
        assert wide == 390

    page.keyboard.press("Escape")
    page.go_back()
    expect(page.get_by_role("heading", name="The difference")).to_have_count(0)
    expect(page.get_by_role("heading", name="conv1: 6 kernels of 5×5")).to_have_count(1)
    assert "beside" not in page.url


@pytest.mark.slow
@pytest.mark.parametrize("view", ["feature_maps?", "feature_maps?view=grad_cam&layer=conv2&", "predictions?"])
def test_a_link_opens_without_a_complaint(
    view: str, page: Page, dashboard: tuple[Server, Run], console: list[str]
) -> None:
    """Nothing overflows and nothing is said in the console, at the width of a telephone."""
    server, run = dashboard
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server.url}/{view}run={run.id}&epoch=3&beside=0")
    expect(page.get_by_role("heading", name="· epoch 0")).to_be_visible()
    expect(page.get_by_text("Where this comes from")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
