"""What axe-core finds on the page as it stands."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def violations(page: Page) -> dict[str, list[str]]:
    """The HTML of the elements that axe-core complains of, by rule, once all colours have come to rest."""
    # On a busy machine an element that is about to be drawn anew is half transparent.
    page.add_style_tag(content="[data-stale] { opacity: 1 !important }")
    page.wait_for_timeout(500)
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return {it["id"]: [node["html"] for node in it["nodes"]] for it in found}
