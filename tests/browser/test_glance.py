"""The network at a glance in a real browser: pointing names a map, a click or Enter looks at it."""

import re

from playwright.sync_api import Page, expect

from cnnlab.runs import Run
from tests.streamlit_server import Server


def test_a_map_is_chosen_by_pointer_and_by_keys(page: Page, dashboard: tuple[Server, Run], console: list[str]) -> None:
    """The layer, the channel and the address follow; Back returns."""
    server, run = dashboard
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server.url}/feature_maps?run={run.id}&epoch=3&layer=conv1&channel=0")
    field = page.get_by_role("application", name=re.compile("From the picture to the classes: conv1 with 6 maps"))
    expect(field).to_be_visible()
    canvas = page.locator(".glance canvas")
    reading = page.locator(".glance .reading")
    side = 38 + 2  # a map and its gap, where there is room
    first = {"x": 2 * side + 10 + 10, "y": 10}  # the picture takes two columns

    canvas.hover(position=first)
    expect(reading).to_contain_text("conv1 (convolution) · channel 0 · 28×28 · colours from")
    canvas.click(position={"x": first["x"] + 2 * side + 10, "y": side + 10})
    expect(page).to_have_url(re.compile("layer=relu1.*channel=2|channel=2.*layer=relu1"))
    expect(page.get_by_role("heading", name="Channel 2")).to_be_visible()

    field.focus()
    page.keyboard.press("ArrowRight")  # from the chosen map
    page.keyboard.press("ArrowRight")
    expect(page.locator(".glance [role=status]")).to_contain_text("pool1 (pooling) · channel 2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("layer=pool1"))
    page.go_back()
    expect(page).to_have_url(re.compile("layer=relu1"))
    assert not console
