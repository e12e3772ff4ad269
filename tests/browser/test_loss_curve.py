"""The curve under the slider of epochs leads to the epoch that is clicked."""

import re

from playwright.sync_api import Page, expect

from cnnlab.formatting import loss4
from cnnlab.runs import Run, Store
from tests.streamlit_server import Server


def test_a_click_on_the_curve_goes_to_that_epoch(page: Page, dashboard: tuple[Server, Run], console: list[str]) -> None:
    """Pointing reads the losses of the epoch; the slider, the address and the Back button follow the click."""
    server, run = dashboard
    records = Store(server.app_config).epochs(run.id)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server.url}/kernels?run={run.id}&epoch=3")
    curve = page.locator(".loss_curve canvas")
    slider = page.get_by_role("slider", name="Epoch")
    expect(slider).to_have_attribute("aria-valuetext", "3")
    box = curve.bounding_box()
    assert box
    third = {"x": box["width"] / 3, "y": box["height"] / 2}  # epochs 0 to 3 stand a third apart

    curve.hover(position=third)
    validation = records[0].validation
    assert validation
    said = f"epoch 1 · loss: train sample {loss4(records[0].train_sample.loss)} · validation {loss4(validation.loss)}"
    expect(page.locator(".loss_curve .reading")).to_have_text(said)
    curve.click(position=third)
    expect(page).to_have_url(re.compile("epoch=1"))
    expect(slider).to_have_attribute("aria-valuetext", "1")
    page.go_back()
    expect(slider).to_have_attribute("aria-valuetext", "3")
    assert not console
