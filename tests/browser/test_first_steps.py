"""The first steps of epoch 1 on the slider, in a browser: a person scrubs to step 4 and sees the kernels change."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from cnnlab.runs import Run, Store
from tests.factories import insert_run
from tests.streamlit_server import Server


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run]]:
    """A dashboard with a run that has kept weights within epoch 1."""
    server = Server(tmp_path_factory.mktemp("home"))
    run = insert_run(Store(server.app_config), epochs=2, weights=True, early=(1, 2, 4, 8))
    with server:
        yield server, run


def kernels(page: Page) -> str:
    """The pixels of the grid of kernels, once they are drawn."""
    canvas = page.locator(".st-key-kernels canvas").first
    expect(canvas).to_be_visible()
    pixels: str = canvas.evaluate("canvas => canvas.toDataURL()")
    return pixels


def test_scrubbing_within_epoch_1(page: Page, dashboard: tuple[Server, Run], console: list[str]) -> None:
    """By the keyboard, by the curve, by Back, and by a link that is opened cold."""
    server, run = dashboard
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server.url}/kernels?run={run.id}&epoch=0")
    slider = page.get_by_role("slider", name="Epoch")
    expect(slider).to_have_attribute("aria-valuetext", "0")
    untrained = kernels(page)

    slider.focus()
    for valuetext in ("step 1", "step 2", "step 4"):
        page.keyboard.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuetext", valuetext)
        expect(page).to_have_url(re.compile(f"step={valuetext.removeprefix('step ')}(&|$)"))
    expect(page.get_by_text("After 4 steps")).to_be_visible()
    after_4 = kernels(page)
    assert after_4 != untrained

    curve = page.locator(".loss_curve canvas")
    box = curve.bounding_box()
    assert box
    third = {"x": 8 + (box["width"] - 16) * 2 / 6, "y": box["height"] / 2}  # of seven moments
    curve.hover(position=third)
    expect(page.locator(".loss_curve .reading")).to_have_text(
        re.compile(r"^step 2 of epoch 1 · training loss \d\.\d{4} \(mean of")
    )
    curve.click(position=third)
    expect(page).to_have_url(re.compile(r"step=2(&|$)"))
    page.go_back()
    expect(slider).to_have_attribute("aria-valuetext", "step 4")

    page.goto(f"{server.url}/kernels?run={run.id}&step=4")
    expect(slider).to_have_attribute("aria-valuetext", "step 4")
    assert kernels(page) == after_4
    assert not console
