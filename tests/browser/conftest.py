"""A real server with an empty home, and Debian's Chromium to use it with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from cnnlab.runs import Run, Store
from tests.factories import insert_run
from tests.streamlit_server import Server

CHROMIUM = Path("/usr/bin/chromium")

expect.set_options(timeout=120_000)  # a busy machine is slow; what comes at once costs nothing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is a browser test, and says why it skips where there is no Chromium."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM.exists():
                item.add_marker(pytest.mark.skip(reason=f"needs {CHROMIUM} (Debian: apt-get install chromium)"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Debian's Chromium instead of Playwright's own download."""
    return {**browser_type_launch_args, "executable_path": str(CHROMIUM)}


@pytest.fixture(scope="session")
def base_url() -> None:
    """None: tests give whole addresses. (pytest 9 warns of the fixture of this name that pytest-playwright brings.)"""


@pytest.fixture(scope="module")
def context(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[BrowserContext]:
    """One visitor for a module's tests: the browser loads and compiles Streamlit's scripts once, not in each test."""
    with browser.new_context(**browser_context_args) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """An empty tab."""
    with context.new_page() as page:
        yield page


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run]]:
    """A dashboard with one finished run."""
    server = Server(tmp_path_factory.mktemp("home"))
    run = insert_run(Store(server.app_config), epochs=3, weights=True)
    with server:
        yield server, run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One dashboard for a module's journeys."""
    with Server(tmp_path_factory.mktemp("home")) as server:
        yield server


def complaints(page: Page) -> list[str]:
    """A list that takes everything that the page's console complains of from now on."""
    said: list[str] = []
    page.on("console", lambda m: said.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(f"pageerror: {error}"))
    return said


@pytest.fixture
def console(page: Page) -> Iterator[list[str]]:
    """Everything the browser's console complains of; a test that uses it fails where that is not empty."""
    said = complaints(page)
    yield said
    assert not said
