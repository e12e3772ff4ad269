"""A run that is unpicked in the table on Compare takes its colour along, and no other run's."""

import re

import pytest
from playwright.sync_api import Page, expect

from cnnlab.figures.style import RUN_COLOURS
from cnnlab.runs import Store
from tests.browser.conftest import Server
from tests.factories import insert_run

HEADER_PX = ROW_PX = 35
"""Heights in Streamlit's table."""
SLOW_MS = 120_000
COLOURS_OF_FIGURES = """figures => figures.map(figure => [...new Set(figure.data.map(({ line, marker }) =>
    (line?.color ?? marker?.color)).filter(colour => typeof colour === "string"))].filter(colour => KNOWN.includes(colour)))"""

pytestmark = pytest.mark.slow


def drawn(page: Page) -> list[list[str]]:
    """The colours of runs in each figure on the page, in the order in which they are drawn."""
    known = COLOURS_OF_FIGURES.replace("KNOWN", str(list(RUN_COLOURS)))
    found: list[list[str]] = page.locator(".js-plotly-plot").evaluate_all(known)
    return found


def discs(page: Page) -> list[str]:
    """The colour of each run's disc beside its sentence and on its card."""
    sources = page.get_by_role("img", name="The colour of this run").evaluate_all("all => all.map(one => one.src)")
    return [f"#{found[1]}" for source in sources if (found := re.search(r"fill%3D%22%23([0-9A-Fa-f]{6})", source))]


def test_the_others_keep_their_colours(page: Page, server: Server, console: list[str]) -> None:
    """On bars, both curves, sentences and cards, in the address, and in the page that this address opens."""
    store = Store(server.app_config)
    first, middle, last = (insert_run(store, epochs=4, name=name) for name in "ABC")
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server.url}/compare?runs={first.id},{middle.id},{last.id}", timeout=SLOW_MS)
    expect(page.get_by_role("img", name="The colour of this run")).to_have_count(6, timeout=SLOW_MS)
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=SLOW_MS)
    three, two = list(RUN_COLOURS[:3]), [RUN_COLOURS[0], RUN_COLOURS[2]]
    assert drawn(page) == [three] * 3
    assert discs(page) == three * 2

    table = page.get_by_test_id("stDataFrame")  # the newest run is on top, the middle one below it
    table.click(position={"x": 18, "y": HEADER_PX + 1.5 * ROW_PX})

    link = re.compile(rf"runs={first.id}(,|%2C){{2}}{last.id}$")
    expect(page).to_have_url(link, timeout=SLOW_MS)
    for again in range(2):
        if again:
            page.goto(page.url, timeout=SLOW_MS)
        expect(page.get_by_role("img", name="The colour of this run")).to_have_count(4, timeout=SLOW_MS)
        page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length === 3", timeout=SLOW_MS)
        page.wait_for_timeout(1_000)
        assert drawn(page) == [two] * 3
        assert discs(page) == two * 2
