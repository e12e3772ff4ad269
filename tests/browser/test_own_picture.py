"""A photograph in a real browser: small before it travels, its own size told; and a refusal is a sentence on the page."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Request, expect

from cnnlab.runs import Store
from tests.factories import insert_run
from tests.streamlit_server import Server

SLOW_MS = 120_000
pytestmark = pytest.mark.slow


@pytest.fixture
def sent(page: Page) -> list[int]:
    """The bytes of each upload, as they come by."""
    sizes: list[int] = []

    def note(request: Request) -> None:
        if request.method in ("PUT", "POST") and "upload_file" in request.url:
            sizes.append(int(request.all_headers().get("content-length", 0)))

    page.on("requestfinished", note)
    return sizes


def open_drawer(page: Page, server: Server) -> None:
    """On the page of a run with weights; wait until the script of ours looks at files."""
    store = Store(server.app_config)
    run = next(iter(store.list()), None) or insert_run(store, epochs=1, weights=True, dataset="shapes")
    page.goto(f"{server.url}/feature_maps?run={run.id}")
    page.get_by_role("button", name="Your own picture").click(timeout=SLOW_MS)
    page.locator(".st-key-picture_upload input[type=file]").wait_for(state="attached", timeout=SLOW_MS)
    ours = "performance.getEntriesByType('resource').some((file) => file.name.includes('uploader/uploader.js'))"
    page.wait_for_function(ours, timeout=SLOW_MS)
    page.wait_for_timeout(1_000)


def choose(page: Page, name: str, content: bytes) -> None:
    """As a person would, from the disk."""
    uploader = page.locator(".st-key-picture_upload input[type=file]")
    uploader.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content}, timeout=SLOW_MS)


def test_a_photograph_is_small_before_it_travels(
    page: Page, server: Server, sent: list[int], console: list[str]
) -> None:
    """Twelve megapixels held upright: at most a megabyte leaves the browser, and 3000×4000 stands on the page."""
    noise = np.random.default_rng(0).integers(0, 256, (3_000, 4_000, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=90, exif=exif)
    assert len(file.getvalue()) > 8_000_000

    open_drawer(page, server)
    choose(page, "IMG_0001.JPG", file.getvalue())
    expect(page).to_have_url(re.compile(r"picture=upload(:|%3A)[0-9a-f]{32}-3000x4000"), timeout=SLOW_MS)
    expect(page.get_by_text("3000×4000 pixels")).to_be_visible(timeout=SLOW_MS)
    assert len(sent) == 1
    assert 0 < sent[0] < 1_100_000


def test_what_is_too_large_is_said_on_the_page(page: Page, server: Server, sent: list[int]) -> None:
    """A file that the browser cannot make smaller: a sentence with the way out, and nothing is sent."""
    open_drawer(page, server)
    choose(page, "scan.tiff", b"II*\0" + bytes(26_000_000))
    expect(page.get_by_text("This file has 26.0 MB, and at most 25 can be sent. Save it as JPEG")).to_be_visible(
        timeout=SLOW_MS
    )
    assert sent == []


def test_a_server_without_room_is_said_on_the_page(page: Page, server: Server, sent: list[int]) -> None:
    """All that the server keeps for uploads is taken up by others: a sentence, and nothing is sent."""
    page.route(re.compile(r"/_stcore/upload_file/\d+$"), lambda route: route.fulfill(json={"room": False}))
    open_drawer(page, server)
    choose(page, "small.png", b"\x89PNG" + bytes(1_000))

    expect(page.get_by_text("Uploaded files take up all the room")).to_be_visible(timeout=SLOW_MS)
    assert sent == []
