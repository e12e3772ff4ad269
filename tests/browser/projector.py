"""A page on a projector's screen."""

from playwright.sync_api import Page, expect

WIDTH_PX, HEIGHT_PX = 1280, 720
SLOW_MS = 120_000


def opened(page: Page, url: str) -> None:
    """Open a page and wait until it stands."""
    page.set_viewport_size({"width": WIDTH_PX, "height": HEIGHT_PX})
    page.goto(url, timeout=SLOW_MS)
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
