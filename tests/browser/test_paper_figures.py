"""The figures of the download for a paper are drawn by a browser that has nothing but the file."""

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page

from cnnlab.app_config import AppConfig
from cnnlab.exports import EXPORTS, Source, content
from cnnlab.runs import Store
from tests.factories import insert_run


@pytest.mark.slow
def test_a_browser_draws_the_figures_from_the_file_alone(page: Page, tmp_path: Path) -> None:
    """Without a network: loss, accuracy and the bars of a finished run."""
    store = Store(AppConfig(home=tmp_path / "home", runs_dir=None, database_url=None))
    run = insert_run(store, epochs=3)
    with zipfile.ZipFile(io.BytesIO(content(EXPORTS.get("paper"), Source(store, store.get(run.id))))) as file:
        file.extractall(tmp_path)
    page.context.set_offline(True)
    page.goto((tmp_path / f"run-{run.number}" / "figures.html").as_uri())
    page.locator(".main-svg").first.wait_for(timeout=120_000)
    assert page.locator(".js-plotly-plot").count() == 3
