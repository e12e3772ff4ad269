"""On a projector's 1280 × 720 the first screen shows what the page is for, without a scroll."""

import io

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from cnnlab.dashboard.own_picture import keep
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from tests.browser.projector import HEIGHT_PX, WIDTH_PX, opened
from tests.factories import insert_run, started_run, step_records
from tests.streamlit_server import Server

pytestmark = pytest.mark.slow


def _png() -> bytes:
    """A picture of somebody."""
    file = io.BytesIO()
    Image.new("RGB", (80, 60), "teal").save(file, "PNG")
    return file.getvalue()


def bottom(place: Locator) -> float:
    """The lower edge of an element, from the top of the screen."""
    expect(place).to_be_visible()
    box = place.bounding_box()
    assert box
    return box["y"] + box["height"]


def top(place: Locator) -> float:
    """The upper edge of an element, from the top of the screen."""
    expect(place).to_be_visible()
    box = place.bounding_box()
    assert box
    return box["y"]


def test_title_sentence_and_chooser_are_short(page: Page, dashboard: tuple[Server, Run]) -> None:
    """They took 190 px; what follows begins above 100 px, and the bar, with the loss in it, is one line."""
    server, run = dashboard
    opened(page, f"{server.url}/kernels?run={run.id}")
    assert top(page.locator(".st-key-frame_bar")) < 100
    assert bottom(page.locator(".st-key-frame_bar")) < 200
    buttons = page.locator(".st-key-frame_epoch_buttons button:visible")
    assert len({top(button) for button in buttons.all()}) == 1, "none has wrapped"


def test_whole_feature_maps_are_seen(page: Page, dashboard: tuple[Server, Run]) -> None:
    """Those of every layer at a glance, and the upper part of the chosen layer's own."""
    server, run = dashboard
    opened(page, f"{server.url}/feature_maps?run={run.id}")
    assert bottom(page.locator(".glance canvas")) <= HEIGHT_PX - 150
    assert top(page.locator(".st-key-room_captioned_maps canvas")) < HEIGHT_PX - 30


def test_an_own_picture_takes_no_line_of_its_own(page: Page, dashboard: tuple[Server, Run]) -> None:
    """What chooses its square stands beside what chooses the picture."""
    server, run = dashboard
    own = keep.add(server.app_config, _png())
    opened(page, f"{server.url}/feature_maps?run={run.id}&picture=upload:{own}")
    square, upload = (page.get_by_role("button", name=name) for name in ("Square and colours", "Your own picture"))
    assert top(square) == top(upload)
    assert top(page.locator(".glance canvas")) < HEIGHT_PX - 300
    assert bottom(page.locator(".glance canvas")) <= HEIGHT_PX - 100


def test_the_size_of_a_set_is_whole_at_200_percent(page: Page, dashboard: tuple[Server, Run]) -> None:
    """Half as many pixels across: "of 5 000" was cut to "of 5…"."""
    server, run = dashboard
    opened(page, f"{server.url}/train?run={run.id}")
    page.set_viewport_size({"width": WIDTH_PX // 2, "height": HEIGHT_PX // 2})
    sizes = page.get_by_test_id("stMetricDeltaDescription")
    expect(sizes.first).to_be_visible()
    cut = (
        "places => places.flatMap(p => [...p.querySelectorAll('*')]).filter(e => e.scrollWidth > e.clientWidth).length"
    )
    assert sizes.evaluate_all(cut) == 0


def test_the_class_activation_map_is_seen(page: Page, dashboard: tuple[Server, Run]) -> None:
    """The picture, lit where something speaks for the class."""
    server, run = dashboard
    opened(page, f"{server.url}/feature_maps?run={run.id}&view=grad_cam")
    assert top(page.locator(".st-key-room_plain_grad_cam_overlay canvas")) < HEIGHT_PX - 100


def test_kernels_are_seen(page: Page, dashboard: tuple[Server, Run]) -> None:
    """A whole row of the grid."""
    server, run = dashboard
    opened(page, f"{server.url}/kernels?run={run.id}")
    assert bottom(page.locator("[class*=st-key-room_] .chosen").first) <= HEIGHT_PX


def test_pictures_of_the_data_are_seen(page: Page, dashboard: tuple[Server, Run]) -> None:
    """Several rows of them; so are the draws of an augmentation."""
    server, run = dashboard
    opened(page, f"{server.url}/data?run={run.id}")
    assert top(page.locator(".st-key-room_plain_data_sheet_tiles canvas").first) < HEIGHT_PX - 300
    opened(page, f"{server.url}/data?view=augmentation&run={run.id}")
    assert top(page.locator(".st-key-room_plain_data_draws canvas").first) < HEIGHT_PX - 180


@pytest.mark.parametrize("status", [RunStatus.FINISHED, RunStatus.STOPPED])
def test_both_charts_of_a_run_are_whole(page: Page, dashboard: tuple[Server, Run], status: RunStatus) -> None:
    """With their axes and legends, also under a long name and the buttons of a run that can go on."""
    server, _ = dashboard
    name = "SimpleCNN · epochs 40 · validation size 2000 · run 1"
    run = insert_run(Store(server.app_config), status, epochs=3, name=name)
    opened(page, f"{server.url}/train?run={run.id}")
    charts = page.locator(".st-key-room_curves .u-wrap")
    expect(charts).to_have_count(2)
    assert max(bottom(chart) for chart in charts.all()) <= HEIGHT_PX


def test_the_form_and_its_button_are_seen(page: Page, dashboard: tuple[Server, Run]) -> None:
    """The four choices, the folded groups and Train."""
    opened(page, f"{dashboard[0].url}/train")
    assert bottom(page.get_by_role("button", name="Train", exact=True)) <= HEIGHT_PX


def test_a_run_of_one_step_shows_its_point(page: Page, dashboard: tuple[Server, Run]) -> None:
    """A run that diverged at once: a line of one point was not seen, and an epoch was awaited that cannot come."""
    server, _ = dashboard
    store = Store(server.app_config)
    run = started_run(store, 100, epochs=1)
    store.add_steps(run.id, step_records(1, 1))
    store.finish(run.id, RunStatus.DIVERGED, "The loss stopped being a number.")
    opened(page, f"{server.url}/train?run={run.id}")
    expect(page.get_by_text("It came to the end of no epoch.")).to_be_visible()
    coloured = """canvas => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let found = 0;
        for (let at = 0; at < data.length; at += 4) if (data[at + 2] > data[at] + 60 && data[at + 3] > 200) found++;
        return found;
    }"""
    assert page.locator(".st-key-room_curves canvas").first.evaluate(coloured) > 10


@pytest.mark.parametrize("path", ["train", "kernels", "feature_maps", "predictions", "data"])
def test_what_stands_beside_a_title_can_be_clicked(page: Page, dashboard: tuple[Server, Run], path: str) -> None:
    """The line on top, with the menu, lies over the first row of the page; it lets every click through but the menu's own."""
    server, _ = dashboard
    opened(page, f"{server.url}/{path}")
    main, menu = page.get_by_test_id("stMain"), page.get_by_test_id("stMainMenuButton")
    beside = main.locator("button:visible, [data-baseweb=select]:visible").first
    assert top(beside) < bottom(menu), "in the row of the menu"
    beside.click(trial=True)
    menu.click(trial=True)
