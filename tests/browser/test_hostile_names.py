"""A browser shows a store full of hostile names: as letters, and without a word to any other server."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from cnnlab.runs import Store, StoreError
from cnnlab.schema import TrainingConfig
from tests.hostile.names import SIXTY
from tests.pages.conftest import RunMaker
from tests.streamlit_server import Server

SLOW_MS = 120_000
WORST = ("<script", "<img id", "![x]", "$\\href", ":red[", "%{full", "http://evil", "</span>")


@pytest.fixture(scope="module")
def runs(server: Server) -> list[str]:
    """The ids of eight runs with the worst of the names, notes and all; the others wait in the list."""
    store = Store(server.app_config)
    make = RunMaker(store)
    ids: list[str] = []
    for name in SIXTY:
        try:
            if name.startswith(WORST):
                run = make(epochs=5, weights=True, dataset="shapes", name=name)
                store.annotate(run.id, name)
                ids.append(run.id)
            else:
                store.request(store.create(TrainingConfig(dataset="shapes"), name).id, "stop")
        except StoreError:
            continue
    assert len(ids) == len(WORST)
    return ids


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["", "train?run={0}", "train?run={3}", "compare?runs={all}", "kernels?run={1}", "feature_maps?run={2}"]
)
def test_names_stay_letters(page: Page, server: Server, runs: list[str], path: str) -> None:
    """No request leaves for elsewhere, no element of theirs is made, no script of theirs has run; the letters are there."""
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    page.goto(f"{server.url}/{path.format(*runs, all=','.join(runs))}")
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=SLOW_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.wait_for_timeout(1500)

    hosts = {urlsplit(url).netloc for url in asked if urlsplit(url).scheme in ("http", "https", "ws", "wss")}
    assert hosts == {urlsplit(server.url).netloc}
    assert page.evaluate("window.evil") is None
    assert page.locator("#evil, [href^='javascript'], [src*='evil.example'], [href*='evil.example']").count() == 0
    assert page.locator("[data-testid=stMain] script, [data-testid=stMain] iframe:not([title])").count() == 0
    assert "evil" not in page.title()
    read = page.evaluate(
        "document.body.innerText + ' ' + [...document.querySelectorAll('input')].map(i => i.value).join(' ')"
    )
    letters = " ".join(read.replace("\N{WORD JOINER}", "").split())
    store = Store(server.app_config)
    newest = [run.id for run in store.list()[:3]]  # what the start page lists
    named = runs if "{all}" in path else [runs[int(place)] for place in re.findall(r"{(\d)}", path)] or newest
    for id in named:
        assert store.get(id).name in letters
