"""The Formula view in a real browser: every number that it works out is what Python and the network say."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from cnnlab.data import DATASETS
from cnnlab.data.tensors import normalisation_of
from cnnlab.inspection.formula import Trace, recipe_of, trace
from cnnlab.inspection.formula.parcel import parcel_of
from cnnlab.inspection.formula.recipe import Rule
from cnnlab.inspection.networks import load_network
from cnnlab.models import Network
from cnnlab.runs import Run, Store
from tests.factories import insert_run
from tests.inspection.formula.networks import MADE_UP, settled
from tests.inspection.formula.test_explain import HALF, network_of, picture
from tests.streamlit_server import Server

INFO = DATASETS.get("shapes").info
COMPUTE = """async ([parcel, numbers, places]) => {
    const { explain, stagesOf } = await import(new URL("app/static/formula/arithmetic.js", document.baseURI));
    const [stage] = stagesOf(parcel, Float32Array.from(numbers));
    return places.map(([row, column]) => {
        const { terms, value, tensor } = explain(stage, row, column);
        const shares = terms.map(({ channel, share }) => [channel, share]);
        return { terms: shares, value, tensor };
    });
}"""


@pytest.fixture(scope="module")
def run(server: Server) -> Run:
    """A finished run of SimpleCNN with weights."""
    return insert_run(Store(server.app_config), epochs=1, weights=True)


@pytest.fixture(scope="module")
def seen(server: Server, run: Run) -> Trace:
    """What its network at epoch 1 makes of test picture 7."""
    store = Store(server.app_config)
    weights = store.weights(run.id)[1]
    network = load_network(run.config, INFO, store.path(weights), weights)
    image = np.array(DATASETS.get("shapes").load(server.app_config.data).test_images[7])
    return trace(network, image, *normalisation_of(run.config, INFO))


def open_view(page: Page, server: Server, run: Run, layer: str, **more: int) -> None:
    """Open the view of that layer for test picture 7, and wait for its numbers."""
    query = "".join(f"&{name}={value}" for name, value in more.items())
    page.set_viewport_size({"width": 1280, "height": 1600})
    page.goto(f"{server.url}/feature_maps?view=formula&run={run.id}&picture=test:7&layer={layer}{query}")
    expect(page.locator(".formula .title").first).to_contain_text(layer)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def written(value: float) -> str:
    """The number as the view writes it."""
    return f"{value:.4f}".replace("-", "\u2212")


def said(page: Page, card: int = 0) -> tuple[float, float]:
    """The sum and the tensor's value on that card."""
    text = page.locator(".formula .equal").nth(card).inner_text().replace("\u2212", "-")
    found = re.fullmatch(r"= (\S+) · the tensor says (\S+)", text)
    assert found, text
    return float(found[1]), float(found[2])


def test_pointer_and_keys_and_address(page: Page, server: Server, run: Run, seen: Trace, console: list[str]) -> None:
    """Each value under the pointer is `explain`'s, on each card of the story; a click and Enter keep it in the address."""
    open_view(page, server, run, "conv2", channel=3)
    plane = page.locator(".formula .plane")
    box = plane.locator("canvas").bounding_box()
    assert box
    side = box["width"] / 10
    for row, column in [(0, 0), (4, 7), (9, 9), (6, 1)]:
        page.mouse.move(box["x"] + (column + 0.5) * side, box["y"] + (row + 0.5) * side)
        expect(page.locator(".formula .where")).to_have_text(f"row {row + 1} of 10, column {column + 1} of 10")
        story = [("base.conv2", row, column), ("base.relu2", row, column), ("base.pool2", row // 2, column // 2)]
        for card, (layer, y, x) in enumerate(story):
            terms = recipe_of(seen, layer, 3).at(y, x)
            assert said(page, card) == pytest.approx((terms.value, terms.tensor), abs=6e-5)
        terms = recipe_of(seen, "base.conv2", 3).at(row, column)
        assert page.locator(".formula .name").first.inner_text() == f"channel {terms.terms[0].channel} of pool1"
        first = page.locator(".formula .share").first.inner_text().lstrip("+")
        assert first == written(terms.terms[0].share)
        patch = page.locator(".formula .cells").first.locator(".cell").all_inner_texts()
        numbers = [float(cell.replace("\u2212", "-")) for cell in patch]
        assert numbers == pytest.approx(terms.terms[0].patch.ravel().tolist(), abs=6e-3)

    page.mouse.click(box["x"] + 4.5 * side, box["y"] + 2.5 * side)
    page.wait_for_url(re.compile(r"row=2.*column=4|column=4.*row=2"))
    plane.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    terms = recipe_of(seen, "base.conv2", 3).at(3, 5)
    expect(page.locator(".formula [role=status]")).to_contain_text(
        f"row 4 of 10, column 6 of 10: = {written(terms.value)}"
    )
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"row=3.*column=5|column=5.*row=3"))
    page.mouse.move(5, 5)
    expect(page.locator(".formula .where")).to_have_text("row 4 of 10, column 6 of 10")
    page.go_back()
    expect(page.locator(".formula .where")).to_have_text("row 3 of 10, column 5 of 10")
    page.reload()
    expect(page.locator(".formula .where")).to_have_text("row 3 of 10, column 5 of 10")
    assert not console


def test_a_click_sends_no_number_again(page: Page, server: Server, run: Run) -> None:
    """One map's data travels once: the page that runs again after a click refers to what the browser has."""
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    open_view(page, server, run, "conv2")
    page.wait_for_timeout(500)
    assert max(received) > 7_000, "the input of conv2 alone is 6×14×14 numbers"
    received.clear()
    box = page.locator(".formula .plane canvas").bounding_box()
    assert box
    for place in range(5, 250, 7):
        page.mouse.move(box["x"] + place, box["y"] + place)
    assert received == []
    page.mouse.click(box["x"] + 30, box["y"] + 30)
    page.wait_for_url(re.compile("row="))
    page.wait_for_timeout(500)
    numbers = 4 * 6 * 14 * 14
    assert max(received) < numbers, received


def test_a_finger(browser: Browser, server: Server, run: Run, seen: Trace) -> None:
    """On a telephone a tap chooses the value, and nothing is wider than the screen."""
    with browser.new_context(has_touch=True, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(f"{server.url}/feature_maps?view=formula&run={run.id}&picture=test:7&layer=conv2")
        expect(page.locator(".formula .title").first).to_contain_text("conv2")
        canvas = page.locator(".formula .plane canvas")
        canvas.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        box = canvas.bounding_box()
        assert box
        side = box["width"] / 10
        page.touchscreen.tap(box["x"] + 6.5 * side, box["y"] + 1.5 * side)
        page.wait_for_url(re.compile(r"row=1.*column=6|column=6.*row=1"))
        terms = recipe_of(seen, "base.conv2", 0).at(1, 6)
        assert said(page) == pytest.approx((terms.value, terms.tensor), abs=6e-5)
        assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")


def test_the_numbers_of_a_dense_layer(page: Page, server: Server, run: Run, seen: Trace) -> None:
    """A click on another number works it out: weights times inputs, then the softmax."""
    open_view(page, server, run, "fc3")
    page.locator(".formula .plane").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")  # four in a row: number 5
    page.wait_for_url(re.compile("channel=5"))
    terms = recipe_of(seen, "head.fc3", 5).at(0, 0)
    expect(page.locator(".formula .where")).to_have_text(f"number 5 ({INFO.classes[5]}): {written(terms.tensor)}")
    logits = seen.call("head.fc3").output[0].double()
    assert said(page) == pytest.approx((terms.value, terms.tensor), abs=6e-5)
    assert said(page, 1)[0] == pytest.approx(float(logits.softmax(dim=0)[5]), abs=6e-5)


def made_up() -> Iterator[tuple[str, Network]]:
    """Networks that have every kind of layer between them."""
    for name, make in MADE_UP.items():
        torch.manual_seed(1)
        yield name, settled(make())
    for name in ("ResNet", "OddNet"):
        yield name, network_of(name)


def test_the_browser_computes_what_python_computes(page: Page, server: Server, run: Run) -> None:
    """arithmetic.js and functions.js on every layer of every kind: the same shares, the same value, within 1e-9."""
    open_view(page, server, run, "conv1")
    kinds: set[str] = set()
    for _, network in made_up():
        seen = trace(network, picture(), *HALF)
        for layer, call in seen.calls.items():
            channel = call.shape[0] - 1
            recipe, parcel = recipe_of(seen, layer, channel), parcel_of(seen, layer, channel)
            described: dict[str, Any] = dataclasses.asdict(parcel)
            del described["numbers"]
            height, width = recipe.output.shape
            places = [(0, 0), (height - 1, width - 1), (height // 2, width // 3)]
            answers = page.evaluate(COMPUTE, [described, parcel.numbers.tolist(), places])
            for answer, (row, column) in zip(answers, places, strict=True):
                terms = recipe.at(row, column)
                kinds.add(recipe.function.name if recipe.function else recipe.rule)
                assert answer["tensor"] == terms.tensor
                if recipe.rule is Rule.UNKNOWN:
                    assert answer["value"] is None
                    continue
                assert answer["value"] == pytest.approx(terms.value, rel=1e-9, abs=1e-9), (layer, row, column)
                if recipe.rule is Rule.SUM:
                    mine = {term.channel: term.share for term in terms.terms}
                    assert dict(answer["terms"]) == pytest.approx(mine, rel=1e-9, abs=1e-9)
    assert len(kinds) > 20, kinds
