"""Who uses the Tab key sees where they are, and nothing on top of a page keeps a pointer away."""

import pytest
from playwright.sync_api import Page, expect

from cnnlab.runs import Run, Store
from tests.browser.projector import SLOW_MS, opened
from tests.factories import insert_run
from tests.streamlit_server import Server

FOCUSED = """() => {
    const focused = document.activeElement;
    const style = getComputedStyle(focused);
    return [focused.tagName, focused.innerText, style.outlineStyle, parseFloat(style.outlineWidth)];
}"""

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_link_that_has_the_focus_is_outlined(page: Page, dashboard: tuple[Server, Run], scheme: str) -> None:
    """Streamlit gives it only a shade of grey that is hardly to be seen."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    opened(page, dashboard[0].url)
    links = []
    for _ in range(20):
        page.keyboard.press("Tab")
        tag, words, style, width_px = page.evaluate(FOCUSED)
        if tag == "A" and "Skip" not in words:
            links.append((words, style, width_px))
    assert len(links) > 10
    assert {(style, width_px) for _, style, width_px in links} == {("solid", 2)}


def test_the_buttons_of_a_table_are_seen_once_they_have_the_focus(page: Page, dashboard: tuple[Server, Run]) -> None:
    """They appear under a pointer, and were invisible stops on the way through a page without one."""
    opened(page, f"{dashboard[0].url}/train")
    toolbar = page.get_by_test_id("stElementToolbar").first
    expect(toolbar).to_have_css("opacity", "0")
    toolbar.get_by_role("button").first.focus()
    expect(toolbar).to_have_css("opacity", "1")


def test_the_dot_of_a_run_is_no_stop(page: Page, dashboard: tuple[Server, Run]) -> None:
    """Streamlit lays a button over each picture that shows it on the whole screen: of a dot, nobody wants that."""
    server, run = dashboard
    opened(page, f"{server.url}/compare?runs={run.id}")
    dots = page.get_by_test_id("stMain").get_by_role("img", name="The colour of this run")
    expect(dots.first).to_be_visible()
    expect(page.get_by_role("button", name="The colour of this run")).to_have_count(0)


def test_the_line_on_top_lets_a_pointer_through(page: Page, dashboard: tuple[Server, Run]) -> None:
    """The list of runs and the button beside it stand under Streamlit's toolbar, which took every click on them."""
    server, run = dashboard
    opened(page, f"{server.url}/train")
    page.get_by_role("combobox", name="Run", exact=True).click(timeout=SLOW_MS / 4)
    page.get_by_role("option", name=run.name).click()
    expect(page.get_by_role("heading", name=run.name, level=2)).to_be_visible()
    page.get_by_role("button", name="New run").click(timeout=SLOW_MS / 4)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()


def test_a_long_name_leaves_room_on_a_telephone(page: Page, dashboard: tuple[Server, Run]) -> None:
    """Beside it the settings of the run stood one letter a line, 500 px high."""
    server, _ = dashboard
    run = insert_run(Store(server.app_config), epochs=1, name="SimpleCNN · epochs 3 · training pictures 3000 · run 3")
    opened(page, server.url)
    page.set_viewport_size({"width": 390, "height": 844})
    line = page.get_by_test_id("stHorizontalBlock").filter(has=page.get_by_role("link", name=run.name))
    box = line.last.bounding_box()
    assert box
    assert box["height"] < 100


def test_a_drawer_opened_by_a_key_is_entered_and_left(page: Page, dashboard: tuple[Server, Run]) -> None:
    """What it holds stands at the end of the page: with Tab alone the way there led through everything between."""
    server, run = dashboard
    opened(page, f"{server.url}/train?run={run.id}")
    button = page.get_by_role("button", name="Rename")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("textbox", name="Name")).to_have_count(0)
    expect(button).to_be_focused()
