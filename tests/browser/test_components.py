"""The components in a real browser: what they read out is what was measured, and nothing of the reader's is lost."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from cnnlab.dashboard.widgets.component import STATIC
from cnnlab.formatting import loss4, points, tenths
from tests.browser.conftest import complaints
from tests.streamlit_server import Server

HERE = Path(__file__).resolve().parent
VALUES = np.random.default_rng(0).normal(size=(256, 28, 28)).astype(np.float32)
COMPONENTS = {path.name for path in STATIC.iterdir() if (path / f"{path.name}.js").is_file()}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """component_app.py, served with the static files beside it as the dashboard has them."""
    folder = tmp_path_factory.mktemp("components")
    (folder / "app.py").write_text((HERE / "component_app.py").read_text())
    (folder / "static").symlink_to(STATIC)
    with Server(folder, script=folder / "app.py") as server:
        yield server.url


def draw(page: Page, address: str) -> None:
    """Open the page and wait until everything is drawn."""
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto(address)
    for name in COMPONENTS:
        expect(page.locator(f".{name}").first, f"{name} is missing in component_app.py").to_be_attached()
    expect(page.locator(".u-over")).to_have_count(2)
    expect(page.locator(".tiles .ticks")).to_have_count(2)


@pytest.fixture
def opened(page: Page, address: str, console: list[str]) -> Page:
    """The page with everything drawn, for a test that changes it; the console must stay empty."""
    draw(page, address)
    return page


@pytest.fixture(scope="module")
def drawn(context: BrowserContext, address: str) -> Iterator[tuple[Page, list[str]]]:
    """The page with everything drawn, and what its console complained of."""
    with context.new_page() as page:
        said = complaints(page)
        draw(page, address)
        yield page, said


@pytest.fixture
def looked_at(drawn: tuple[Page, list[str]]) -> Iterator[Page]:
    """One page for all tests that press and point at nothing; the console must stay empty."""
    page, said = drawn
    yield page
    assert not said


def point(page: Page, place: Locator, across: float, down: float = 0.5) -> None:
    """Put the pointer at a share of the width and height of `place`."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])


def drag(page: Page, place: Locator, start: float, end: float) -> None:
    """Draw the pointer over `place` from left to right."""
    point(page, place, start)
    page.mouse.down()
    point(page, place, (start + end) / 2)
    point(page, place, end)
    page.mouse.up()


def step_at(page: Page, across: float) -> int:
    """The step that the loss panel reads out there."""
    point(page, page.locator(".u-over").first, across)
    where = page.locator(".where").first
    expect(where).to_contain_text("step")
    found = re.search(r"step ([\d\u202f]+)", where.inner_text())
    assert found
    return int(found[1].replace("\u202f", ""))


def test_the_chart_reads_out_what_was_measured(opened: Page) -> None:
    """Under the cursor: step, loss, smoothed loss, the scores of the nearest epoch; the same epoch on both panels."""
    step = step_at(opened, 0.55)

    values = opened.locator(".panel").first.locator(".value").all_inner_texts()
    assert values[:2] == [f"{2.0 - step / 1000:.4f}"] * 2, "a loss that falls evenly is its own smoothed line"
    epoch = round(step / 100)
    assert values[2:] == [f"{1 / epoch:.4f}", "1.0000"]
    accuracy = opened.locator(".panel").nth(1)
    assert accuracy.locator(".where").inner_text() == f"after epoch {epoch}"
    assert accuracy.locator(".value").first.inner_text() == f"{30 + 5 * epoch:.1f}\u202f%"
    assert accuracy.locator(".best").inner_text() == "★ best epoch 2"
    gap = points(0.3 + epoch / 20 - 0.5 + abs(epoch - 2) / 10)
    assert accuracy.locator(".gap").inner_text() == f"gap (train sample − validation) {gap}"


def test_only_what_is_not_certain_is_dotted(looked_at: Page) -> None:
    """Of the named lines validation alone is broken: dots are left for the end of the smoothed line, which may move."""
    for panel in looked_at.locator(".panel").all():
        lines = panel.locator(".legend li:has(svg)")
        broken = lines.filter(has=looked_at.locator("path:not([stroke-dasharray=''])"))
        assert lines.count() > 1
        assert broken.locator(".name").all_inner_texts() == ["validation"]


def test_zoom_and_chart_survive_new_points(opened: Page) -> None:
    """The same canvas goes on, looks at the same steps, and a double click shows everything again."""
    canvas = opened.locator(".u-over").first.element_handle()
    drag(opened, opened.locator(".u-over").first, 0.2, 0.5)
    expect(opened.locator(".reset").first).to_be_visible()
    before = (step_at(opened, 0.02), step_at(opened, 0.98))

    opened.get_by_role("button", name="More").click()
    expect(opened.get_by_text("sent from 250")).to_be_visible()
    expect(opened.locator(".summary")).to_contain_text("After step 350")

    assert (step_at(opened, 0.02), step_at(opened, 0.98)) == before
    assert canvas.evaluate("node => node.isConnected")
    opened.locator(".u-over").first.dblclick()
    expect(opened.locator(".reset").first).to_be_hidden()
    assert step_at(opened, 0.01) < before[0]


def test_lost_points_are_asked_for(opened: Page) -> None:
    """Where the browser lacks some, it says so once, and has everything a moment later."""
    opened.get_by_role("button", name="Lose some").click()

    expect(opened.get_by_text("sent from 0")).to_be_visible()
    expect(opened.locator(".summary")).to_contain_text("After step 350")
    assert abs(step_at(opened, 0.63) - 315) <= 25


def test_the_chart_speaks_to_the_keyboard(opened: Page) -> None:
    """Arrows move the reading, Home and End jump, and a live region says it; the summary stands for the picture."""
    opened.locator(".panel").nth(1).focus()
    opened.keyboard.press("Home")
    expect(opened.locator(".live_chart [role=status]")).to_have_text(
        "after epoch 1: train sample 35.0\u202f%, validation 40.0\u202f%"
    )
    opened.keyboard.press("ArrowRight")
    expect(opened.locator(".live_chart [role=status]")).to_contain_text("after epoch 2: train sample 40.0")
    expect(opened.locator(".summary")).to_have_text(
        "After step 250 the smoothed training loss is 1.7500. After epoch 2: train sample 40.0\u202f%. "
        "Validation 50.0\u202f%, best 50.0\u202f% at epoch 2."
    )


def test_every_number_of_a_tile_is_the_tensor_s(opened: Page) -> None:
    """Wherever the pointer stands, the number read out is the float32 at that row and column of that tile."""
    opened.set_viewport_size({"width": 1200, "height": 3000})  # all of it, so that nothing need be scrolled
    opened.wait_for_timeout(300)
    box = opened.locator(".field canvas").first.bounding_box()
    assert box
    reading = opened.locator(".reading").first
    for x, y in [(5, 5), (62 * 3 + 40, 79 * 2 + 21), (62 * 7 + 33, 79 * 9 + 50), (62 * 9 + 55, 79 * 4 + 4)]:
        opened.mouse.move(box["x"] + x, box["y"] + y)
        expect(reading).to_contain_text("row")
        found = re.fullmatch(r"map (\d+) · row (\d+) of 28, column (\d+) of 28 · (.+)", reading.inner_text())
        assert found
        tile, row, column = (int(part) for part in found.groups()[:3])
        said = float(found[4].replace("\u2212", "-").replace(" · 10^", "e"))
        assert said == pytest.approx(float(VALUES[tile, row - 1, column - 1]), rel=5e-5)


def test_the_colours_of_a_tile_are_its_numbers(looked_at: Page) -> None:
    """The pixel of the canvas lies on the scale where the number does: the ends of viridis for what is beyond them."""
    colours = looked_at.locator(".field canvas").first.evaluate(
        "canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, 56, 56).data)"
    )
    pixels = np.array(colours).reshape(56, 56, 4)[::2, ::2, :3]
    low, high = VALUES[0].argmin(), VALUES[0].argmax()
    assert VALUES[0].flat[low] < -2
    assert VALUES[0].flat[high] > 3
    np.testing.assert_array_equal(pixels.reshape(-1, 3)[low], [0x44, 0x01, 0x54])
    np.testing.assert_array_equal(pixels.reshape(-1, 3)[high], [0xFD, 0xE7, 0x25])
    order = np.argsort(VALUES[0].ravel())
    green = pixels.reshape(-1, 3)[order][:, 1].astype(int)
    assert (np.diff(green) >= 0).all()  # viridis' green never falls


def test_a_click_and_enter_pick_a_tile(opened: Page) -> None:
    """Both come back to Python as the tile's index."""
    opened.locator(".field").first.click(position={"x": 10, "y": 10})
    expect(opened.get_by_text("picked 0")).to_be_visible()

    opened.locator(".field").first.focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Enter")
    expect(opened.get_by_text("picked 1")).to_be_visible()
    expect(opened.locator(".tiles [role=status]").first).to_contain_text("map 1, from")


def test_colour_kernels_read_out_three_weights(opened: Page) -> None:
    """Red, green and blue of the very value, reached by keyboard."""
    opened.locator(".field").nth(1).focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Shift+ArrowRight")
    opened.keyboard.press("Shift+ArrowRight")
    said = opened.locator(".tiles [role=status]").nth(1)
    expect(said).to_contain_text("kernel 0, row 1 of 5, column 2 of 5")
    numbers = [float(text) for text in re.findall(r"-?\d+\.\d+", said.inner_text().replace("\u2212", "-"))]

    weights = VALUES[:6, :5, :15].reshape(6, 5, 5, 3)[0, 0, 1]
    assert numbers == pytest.approx(weights.tolist(), rel=5e-5)


@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_is_wider_than_the_screen(opened: Page, width: int) -> None:
    """On a telephone the panels stand one below the other, and the page does not scroll sideways."""
    opened.set_viewport_size({"width": width, "height": 800})
    opened.wait_for_timeout(500)
    assert opened.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    panels = [panel.bounding_box() for panel in opened.locator(".panel").all()]
    assert all(panel and panel["x"] + panel["width"] <= width for panel in panels)
    tops = {round(panel["y"]) for panel in panels if panel}
    assert len(tops) == (2 if width < 700 else 1)


def test_the_theme_changes_without_a_reload(opened: Page) -> None:
    """Dark is drawn dark at once, in the same page."""
    opened.emulate_media(color_scheme="dark")

    expect(opened.locator(".live_chart")).to_have_css("color", re.compile(r"rgb\((2[0-9]{2}), "))
    drawn = "canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)"
    opened.wait_for_timeout(300)
    pixels = np.array(opened.locator(".panel canvas").first.evaluate(drawn)).reshape(-1, 4)
    grid = pixels[pixels[:, 3] == 255][:, :3].max(axis=1)
    assert np.median(grid) < 200


def modules(page: Page, body: str) -> Any:
    """What a piece of JavaScript returns that knows the live chart's files by their names."""
    files = ("data", "numbers", "smoothing")
    load = "; ".join(
        f'const {name} = await import(new URL("app/static/live_chart/{name}.js", document.baseURI))' for name in files
    )
    return page.evaluate(f"async () => {{ {load}; {body} }}")


def test_merging_is_exact(looked_at: Page) -> None:
    """live_chart/data.js: in order, overlapping, with a gap, and begun afresh; a point that had not been whole is
    replaced by what it has become."""
    found = modules(
        looked_at,
        """const { merge, seriesOf, windowEnd, bestEpoch } = data;
        const send = (first, step, at = 1) => {
            const column = step.map((s) => s * at);
            return merge(seriesOf("x"), { first, step, loss: column, least: column, greatest: column, epochs: [] });
        };
        const told = [send(0, [4, 8, 10]), send(8, [12, 16, 18]), send(4, [8, 12, 16, 20, 21], 2), send(24, [28])];
        const { step, loss } = structuredClone(seriesOf("x"));
        told.push(send(0, [1, 2, 3]));
        const epochs = [3, 1, 2].map((epoch) => ({ epoch, step: epoch, validation: [0, 0.4, 0.6, 0.6][epoch] }));
        merge(seriesOf("x"), { first: 3, step: [], loss: [], least: [], greatest: [], epochs });
        return { told, step, loss, now: seriesOf("x").step, order: seriesOf("x").epochs.map((e) => e.epoch),
            best: bestEpoch(seriesOf("x")).epoch, ticks: numbers.ticks(0, 2.3, 6), window: windowEnd(1050, 7030, 10) };""",
    )

    assert found["told"] == [True, True, True, False, True]
    assert found["step"] == [4, 8, 12, 16, 20, 21]
    assert found["loss"] == [4, 16, 24, 32, 40, 42]
    assert found["now"] == [1, 2, 3]
    assert found["order"] == [1, 2, 3]
    assert found["best"] == 2
    assert found["ticks"] == pytest.approx([0, 0.5, 1.0, 1.5, 2.0])
    assert found["window"] == 1406


LOSSES = {
    "0": "0.0000", "1e-9": "1.000·10⁻⁹", "0.0000321": "3.210·10⁻⁵", "0.001": "0.0010", "1.63725": "1.6373",
    "999.9": "999.9000", "1000": "1.000·10³", "9.9999e5": "1.000·10⁶", "7e14": "7.000·10¹⁴", "1e30": "1.000·10³⁰",
    "-3": "−3.0000", "-0.00000001": "−1.000·10⁻⁸", "NaN": "not a number", "Infinity": "infinite", "null": "–",
}  # fmt: skip
AXES = {
    (0, 2.3): ["0.0", "0.5", "1.0", "1.5", "2.0"],
    (2.3025, 2.3026): ["2.30250", "2.30252", "2.30254", "2.30256", "2.30258", "2.30260"],
    (0, 7.1e14): ["0", "2·10¹⁴", "4·10¹⁴", "6·10¹⁴"],
    (6.9e14, 7.1e14): ["6.90·10¹⁴", "6.95·10¹⁴", "7.00·10¹⁴", "7.05·10¹⁴", "7.10·10¹⁴"],
    (0, 1e30): ["0", "0.2·10³⁰", "0.4·10³⁰", "0.6·10³⁰", "0.8·10³⁰", "1.0·10³⁰"],
    (0, 3e-9): ["0", "0.5·10⁻⁹", "1.0·10⁻⁹", "1.5·10⁻⁹", "2.0·10⁻⁹", "2.5·10⁻⁹", "3.0·10⁻⁹"],
}
LOGARITHMIC = {
    (0.003, 2.4): ["0.003", "0.01", "0.03", "0.1", "0.3", "1"],
    (1e-9, 1e30): ["10⁻⁵", "1", "10⁵", "10¹⁰", "10¹⁵", "10²⁰", "10²⁵", "10³⁰"],
    (1e14, 7e14): ["10¹⁴", "2·10¹⁴", "3·10¹⁴", "5·10¹⁴"],
    (2.3, 2.31): ["2.300", "2.302", "2.304", "2.306", "2.308", "2.310"],
}


def test_numbers_of_any_size_are_written(looked_at: Page) -> None:
    """live_chart/numbers.js: losses and axes from 1e-9 to 1e30, no two labels alike; a loss as cnnlab.formatting has it."""
    found = modules(
        looked_at,
        f"""const even = ([low, high]) => numbers.axisTexts(numbers.ticks(low, high, 6));
        const powers = ([low, high]) => numbers.logTexts(numbers.logTicks(low, high));
        return [[{", ".join(LOSSES)}].map(numbers.lossText), {json.dumps(list(AXES))}.map(even),
            {json.dumps(list(LOGARITHMIC))}.map(powers), [[0.1, 0.1], [1, 1], [0, 0], [0.31, 0.64]].map((ends) =>
            numbers.accuracyLimits(...ends)), [[2, 2], [0, 0], [7e14, 7e14]].map((ends) => numbers.lossLimits(...ends))];""",
    )

    *texts, accuracies, losses = found
    assert texts == [list(LOSSES.values()), list(AXES.values()), list(LOGARITHMIC.values())]
    assert accuracies == [[0.1, 0.2], [0.9, 1], [0, 0.1], [0.3, 0.7]]
    assert losses == [[1.8, 2.2], [0, 1], [pytest.approx(6.3e14), pytest.approx(7.7e14)]]
    for value, text in LOSSES.items():
        if value != "null":
            assert loss4(float(value)) == text


def test_the_smoothed_line_does_not_lag(looked_at: Page) -> None:
    """live_chart/smoothing.js. Of a straight line it gives back the line, to both ends, however many steps a point
    stands for. Of a loss that falls under noise it is as often above as below, where a mean over the steps before is
    always above; and the noise is gone. Of the end it says from where on it may still move."""
    random = np.random.default_rng(0)
    step = np.cumsum(random.integers(1, 9, 300))
    middle = step - (np.diff(step, prepend=0) - 1) / 2
    line = 2.3 - middle / 1000
    every = np.arange(1, 1001)
    true = 0.5 + 2 * np.exp(-every / 300)
    noisy = true + random.normal(0, 0.1, 1000)
    runs = [(step, line, 80, int(step[-1])), (every, noisy, 100, 2000), (every[:1], noisy[:1], 100, 2000)]
    sent = [[{"step": s.tolist(), "loss": y.tolist()}, over, total] for s, y, over, total in runs]
    straight, falling, alone = modules(
        looked_at, f"return {json.dumps(sent)}.map((one) => smoothing.smoothed(...one));"
    )

    np.testing.assert_allclose(straight["smooth"], line, rtol=1e-9)
    assert straight["firm"] == 300
    error = np.array(falling["smooth"]) - true
    lagging = pd.Series(noisy).ewm(alpha=1 / 50).mean().to_numpy() - true
    assert abs(error[:500].mean()) < 0.01
    assert lagging[100:500].mean() > 0.1
    assert error.std() < 0.03
    assert falling["firm"] == 950
    assert alone == {"smooth": [noisy[0]], "firm": 0}


def test_every_control_of_every_component_works(opened: Page) -> None:
    """Each button is pressed and pressed again, each place with a keyboard gets its keys; the console stays empty.

    The curve spans a factor of ninety, where uPlot leaves labels of a logarithmic axis out.
    """
    drag(opened, opened.locator(".u-over").first, 0.2, 0.8)  # now there is a zoom to reset
    for name in COMPONENTS:
        parts = opened.locator(f".{name}")
        for button in parts.locator("button").element_handles():
            for _ in range(2):
                if button.is_visible():
                    button.click()
                    opened.wait_for_timeout(100)
        for place in parts.locator("[tabindex='0']").all():
            place.focus()
            for key in ("Home", "ArrowRight", "Shift+ArrowRight", "ArrowDown", "End", "Enter", "Escape"):
                place.press(key)
    opened.get_by_role("button", name="log scale").click()
    expect(opened.get_by_role("button", name="log scale")).to_have_attribute("aria-pressed", "true")
    opened.wait_for_timeout(300)
    drawn = "canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)"
    assert np.count_nonzero(opened.locator(".panel canvas").first.evaluate(drawn)) > 1000, "the chart is blank"


def test_a_spike_of_one_step_is_seen_and_read_out(opened: Page) -> None:
    """One loss of 78 in a point whose mean is 1.94: the axis reaches that far, and the reading names it."""
    panel = opened.locator(".panel").first
    panel.focus()
    opened.keyboard.press("Home")
    for _ in range(30):
        opened.keyboard.press("ArrowRight")
    expect(panel.locator(".where")).to_have_text("step 61 · after epoch 1 · losses 0.9695 to 77.5600")


def test_the_browser_rounds_as_everybody_does(looked_at: Page) -> None:
    """live_chart/numbers.js: each accuracy of 10,000 pictures is the number that Python writes."""
    shares = [right / 10_000 for right in range(-10_000, 10_001)] + [-0.0004, -1e-17]
    script = """async (shares) => {
        const { tenths } = await import(new URL("app/static/live_chart/numbers.js", document.baseURI));
        return shares.map(tenths);
    }"""
    assert [text.replace("−", "-") for text in looked_at.evaluate(script, shares)] == [
        f"{tenths(share):.1f}" for share in shares
    ]
