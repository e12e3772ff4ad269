"""A class: one server for all, a code for everybody and one for the teacher, and each has their own runs."""

import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from cnnlab.records import RunStatus
from cnnlab.runs import Store
from tests.browser.test_journeys import SLOW_MS, settled
from tests.streamlit_server import Server

CODE, TEACHER_CODE = "four-random-words", "another-four-words"
MINE = {"CNNLAB_ACCESS_CODE": CODE, "CNNLAB_TEACHER_CODE": TEACHER_CODE}


def own_address() -> str:
    """This machine's address in its network; skips where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine is in no network")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine is in no network")
    return address


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Reached from everywhere, with codes."""
    with Server(tmp_path_factory.mktemp("class"), address="0.0.0.0", variables=MINE) as server:
        yield server


def sign_in(page: Page, name: str, code: str = CODE, word: str = "") -> None:
    """Fill the form and send it."""
    page.get_by_label("Access code").fill(code)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Secret word").fill(word)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.slow
def test_each_has_their_own_runs(browser: Browser, classroom: Server) -> None:
    """A wrong code, the right one, a run; who comes second may look and not stop it; a teacher may; signing out."""
    store = Store(classroom.app_config)
    url = f"http://{own_address()}:{classroom.port}"
    ada, bob, grace = (browser.new_context().new_page() for _ in range(3))

    ada.goto(f"{url}/train")
    sign_in(ada, "Ada <3", "wrong-code")
    expect(ada.get_by_role("alert")).to_have_text("That is not the access code.")
    expect(ada.get_by_label("Your name")).to_have_value("Ada <3")
    sign_in(ada, "Ada <3")
    expect(ada).to_have_url(f"{url}/train")
    expect(ada.get_by_text("Ada <3")).to_be_visible(timeout=SLOW_MS)
    ada.get_by_text("60-second demo", exact=True).click()
    ada.get_by_role("button", name="Train", exact=True).click()
    expect(ada).to_have_url(re.compile(r"run=[0-9a-f]{32}"), timeout=SLOW_MS)
    expect(ada.get_by_test_id("stMain").get_by_role("button", name="Stop")).to_be_visible(timeout=SLOW_MS)
    (run,) = store.list()
    assert run.owner_name == "Ada <3"

    bob.goto(ada.url)
    sign_in(bob, "Bob")
    expect(bob).to_have_url(ada.url)
    expect(bob.get_by_text("Ada <3's").first).to_be_visible(timeout=SLOW_MS)
    settled(bob)
    for button in ("Stop", "Pause", "Rename"):
        expect(bob.get_by_role("button", name=button)).to_have_count(0)

    grace.goto(ada.url)
    sign_in(grace, "Grace", TEACHER_CODE)
    grace.get_by_test_id("stMain").get_by_role("button", name="Stop").click(timeout=SLOW_MS)
    expect(ada.get_by_text(re.compile("Stopped"))).to_be_visible(timeout=SLOW_MS)
    assert store.get(run.id).status is RunStatus.STOPPED

    second = ada.context.new_page()
    second.goto(url)
    expect(second.get_by_role("button", name="Sign out")).to_be_visible(timeout=SLOW_MS)
    ada.get_by_role("button", name="Sign out").click()
    expect(ada.get_by_label("Access code")).to_be_visible(timeout=SLOW_MS)
    second.reload()
    expect(second.get_by_label("Access code")).to_be_visible()
    for page in (ada, bob, grace):
        page.context.close()


@pytest.mark.slow
def test_an_open_page_of_who_signed_out_shows_the_form(browser: Browser, classroom: Server) -> None:
    """The other window of the same browser says why, and leads back to its page; a computer of a class is not Carl's."""
    first = browser.new_context().new_page()
    first.goto(f"{classroom.url}/train")
    sign_in(first, "Carl", word="crow")
    expect(first.get_by_role("button", name="Sign out")).to_be_visible(timeout=SLOW_MS)
    other = first.context.new_page()
    other.goto(f"{classroom.url}/compare?runs=none")
    settled(other)
    first.get_by_role("button", name="Sign out").click()
    expect(first.get_by_label("Access code")).to_be_visible(timeout=SLOW_MS)
    expect(other.get_by_role("alert")).to_contain_text("You are signed out.")
    sign_in(other, "Carl", word="crow")
    expect(other).to_have_url(f"{classroom.url}/compare?runs=none")
    expect(other.get_by_role("button", name="Sign out")).to_be_visible(timeout=SLOW_MS)
    first.context.close()


@pytest.mark.slow
def test_an_open_page_shows_the_form_when_the_code_was_changed(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The server was started again with another code: no "Connection error" for ever, but the form."""
    server = Server(tmp_path_factory.mktemp("changed"), variables=MINE)
    server.start()
    page = browser.new_context().new_page()
    try:
        page.goto(f"{server.url}/train")
        sign_in(page, "Carl")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=SLOW_MS)
        server.stop()
        server.variables = {"CNNLAB_ACCESS_CODE": "quite-another-code"}
        server.start()
        expect(page.get_by_role("alert")).to_contain_text("the access code was changed")
        sign_in(page, "Carl", "quite-another-code")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible(timeout=SLOW_MS)
    finally:
        page.context.close()
        server.stop()


@pytest.mark.parametrize("width_px", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_fits_and_is_quiet(
    page: Page, classroom: Server, console: list[str], width_px: int, scheme: str
) -> None:
    """Its own policy forbids nothing that it needs; nothing is wider than the screen."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width_px, "height": 800})
    page.goto(f"{classroom.url}/sign-in")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    colour = page.get_by_role("button").evaluate("it => getComputedStyle(it).backgroundColor")

    assert colour == ("rgb(11, 92, 173)" if scheme == "light" else "rgb(88, 166, 240)")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_without_a_code_nobody_comes_in_from_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`--server.address 0.0.0.0` alone opens nothing; this machine itself is let in as ever."""
    server = Server(tmp_path_factory.mktemp("alone"), address="0.0.0.0")
    away = f"http://{own_address()}:{server.port}"
    server.start()
    try:
        for path in ("/", "/train", "/_stcore/health", "/health", "/_stcore/host-config", "/app/static/logo.svg"):
            with pytest.raises(urllib.error.HTTPError, match="403") as refused:
                urllib.request.urlopen(f"{away}{path}", timeout=10)
            assert "CNNLAB_ACCESS_CODE" in refused.value.read().decode()
            assert urllib.request.urlopen(f"{server.url}{path}", timeout=10).status == 200
        assert handshake(own_address(), server.port) == 403
        assert handshake("127.0.0.1", server.port) == 101
        assert handshake("127.0.0.1", server.port, host="evil.example") == 403
    finally:
        server.stop()


def handshake(address: str, port: int, host: str | None = None) -> int:
    """The status with which the server answers who wants a websocket."""
    wanted = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: {host or address}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection((address, port), timeout=10) as connection:
        connection.sendall(wanted.encode())
        return int(connection.recv(4096).split()[1])


def test_the_log_tells_no_code(classroom: Server) -> None:
    """Neither what is right nor what was tried; and no traceback after all of this."""
    texts = [path.read_text(errors="replace") for path in classroom.home.rglob("*.log*")]
    texts += [path.read_text(errors="replace") for path in classroom.home.rglob("*.jsonl*")]

    assert texts
    for text in texts:
        assert "Traceback" not in text
        for code in (CODE, TEACHER_CODE, "wrong-code"):
            assert code not in text
