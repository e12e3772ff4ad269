"""Who is let in to what: every kind of address, with and without a pass, from here and from elsewhere."""

import asyncio
import time

import pytest
from starlette.types import Message
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from cnnlab.dashboard.auth import Gate
from cnnlab.dashboard.auth import sessions as passes_module
from cnnlab.dashboard.auth.policy import PROVIDER_COOKIE, Door
from cnnlab.dashboard.auth.sessions import COOKIE, Passes
from cnnlab.dashboard.auth.websocket import open_page
from tests import own_loop
from tests.dashboard.auth.conftest import AWAY, HERE, HTML, Browser, app

PATHS = [
    "/",
    "/train?run=1",
    "/app/static/logo.svg",
    "/static/js/index.js",
    "/_stcore/upload_file/session/file",
    "/_stcore/metrics",
    "/media/0123.png",
    "/component/x/index.html",
    "/auth/login",
    "//elsewhere.example/",
    "/health/../train",
    "/sign-in/../train",
    "/HEALTH",
]
LOOPBACK = ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"]
ELSEWHERE = ["192.168.1.20", "10.0.0.1", "::ffff:192.168.1.20", "fe80::1", "8.8.8.8", "testclient", ""]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_without_a_pass_nothing_is_reached(browser: Browser, alone: Browser, path: str, method: str) -> None:
    """Neither where a code is set, nor, from another machine, where none is."""
    assert browser.get(path, method).status == 401
    assert alone.get(path, method).status == 403
    assert "inside" not in browser.get(path, method, **HTML).body + alone.get(path, method, **HTML).body


@pytest.mark.parametrize("path", PATHS)
def test_with_a_pass_everything_is(browser: Browser, passes: Passes, path: str) -> None:
    """Whoever has signed in meets the gate no more."""
    assert browser.get(path, cookie=f"{COOKIE}={passes.give('person', 'Ada')}").body == "inside"


@pytest.mark.parametrize("path", ["/health", "/_stcore/health", "/_stcore/host-config"])
def test_a_monitor_needs_no_code(browser: Browser, alone: Browser, path: str) -> None:
    """Where others may come in at all; nor does an open page that connects again, to be told that its pass has ended."""
    assert browser.get(path).body == "inside"
    assert alone.get(path).status == 403


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_needs_no_code_where_none_is_set(alone: Browser, address: str) -> None:
    """By IPv4 and IPv6, with and without a port in the name."""
    for host in ("localhost", "localhost:8501", "127.0.0.1:8501", "[::1]:8501", "LOCALHOST:8501"):
        here = HERE | {"client": address, "server": address, "host": host}
        assert alone.get("/train", **here).body == "inside"
        assert alone.websocket("hello", **here).sent[0] == "hello"
        assert alone.get("/", origin=f"http://{host.lower()}", **here).body == "inside"


@pytest.mark.parametrize("end", ["client", "server"])
@pytest.mark.parametrize("address", ELSEWHERE)
def test_another_machine_is_refused_where_no_code_is_set(alone: Browser, end: str, address: str) -> None:
    """Whatever name it calls the server by: who sits at the other end of the wire decides, and at which end we are."""
    assert alone.get(**(HERE | {end: address})).status == 403
    refused = alone.websocket("hello", **(HERE | {end: address}))
    assert (refused.accepted, refused.sent) == (False, [])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8501",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost:abc",
        "[::1",
        "",
        "192.168.1.2:8501",
        "2130706433x",
    ],
)
def test_another_website_cannot_borrow_this_browser(alone: Browser, host: str) -> None:
    """DNS rebinding: the connection is local, but the browser thinks it talks to somebody else."""
    assert alone.get(**(HERE | {"host": host})).status == 403
    assert not alone.websocket("hello", **(HERE | {"host": host})).accepted


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://[::1"])
def test_another_websites_page_cannot_ask_this_machine(alone: Browser, origin: str) -> None:
    """Its scripts reach 127.0.0.1 from within the browser; the browser says whose they are."""
    assert alone.get(origin=origin, **HERE).status == 403
    assert not alone.websocket("hello", origin=origin, **HERE).accepted


@pytest.mark.parametrize(
    "header",
    ["x-forwarded-for", "X-Forwarded-Host", "x-forwarded-proto", "forwarded", "via", "x-real-ip", "cf-connecting-ip"],
)
def test_a_proxy_on_this_machine_speaks_for_others(alone: Browser, header: str) -> None:
    """Whatever it says about them: without a code it brings nobody in."""
    for value in ("127.0.0.1", "for=127.0.0.1", ""):
        assert alone.get(**(HERE | {header: value})).status == 403


def test_who_is_refused_reads_why(alone: Browser) -> None:
    """One sentence that says what to do, as a page or as text, and no more about the server."""
    page, text = alone.get("/train", **HTML), alone.get("/train")

    assert "CNNLAB_ACCESS_CODE" in page.body
    assert "at least 8 characters" in text.body
    assert page.headers["content-type"].startswith("text/html")
    assert text.headers["content-type"].startswith("text/plain")
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_shut_door_lets_nobody_in(alone: Browser) -> None:
    """Not even from this machine; the monitor hears that the server is there."""
    shut = Browser(Gate(app, lambda: Door("shut", sentence="Because <b>.")), **HERE)

    assert shut.get().status == 403
    assert "Because &lt;b&gt;." in shut.get(**HTML).body
    assert not shut.websocket("hello").accepted
    assert shut.get("/health").body == "inside"


def test_with_openid_the_pages_sign_in_themselves(passes: Passes) -> None:
    """The way to the provider is open; uploads, media and figures are for those whom a page has let in."""
    here = Door("openid", people=frozenset("*"), known={"signed-by-streamlit"})
    openid = Browser(Gate(app, lambda: here))

    assert openid.get("/oauth2callback").body == "inside"
    assert openid.websocket("hello").sent[0] == "hello"
    for path in ("/_stcore/metrics", "/_stcore/upload_file/session/file", "/media/0123.png"):
        assert openid.get(path).status == openid.get(path, cookie=f"{PROVIDER_COOKIE}=x").status == 403
        assert openid.get(path, cookie=f"{PROVIDER_COOKIE}=signed-by-streamlit").body == "inside"
    assert PROVIDER_COOKIE == USER_COOKIE_NAME


def changed(text: str, place: int) -> str:
    """One letter another one."""
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def test_a_pass_cannot_be_made_or_changed(browser: Browser, passes: Passes) -> None:
    """Every single letter counts; a pass of another server, or of nothing, is none."""
    good = passes.give("person", "Ada")
    forged = [changed(good, place) for place in range(0, len(good) - 1)]
    forged += [
        "",
        ".",
        "x" * 5000,
        good[:-4],
        good.split(".")[0],
        "W10.W10",
        "\x00",
        '"',
        "🙂".encode().decode("latin-1"),
    ]

    assert browser.get(cookie=f"{COOKIE}={good}").status == 200
    for text in forged:
        assert browser.get(cookie=f"{COOKIE}={text}").status == 401, text
        assert browser.websocket("hello", cookie=f"{COOKIE}={text}").sent == ["load this page"]


def test_a_websocket_without_a_pass_is_told_to_load_its_page(browser: Browser, passes: Passes) -> None:
    """Which is the form then. The app behind never hears of it, and another site's page is told nothing."""
    told = browser.websocket("hello")
    elsewhere = browser.websocket("hello", origin="https://evil.example")

    assert (told.accepted, told.closed, told.sent) == (True, 1008, ["load this page"])
    assert (elsewhere.accepted, elsewhere.closed, elsewhere.sent) == (False, 1008, [])
    assert browser.websocket("hello", cookie=f"{COOKIE}={passes.give('person', 'Ada')}").sent[0] == "hello"


@pytest.mark.parametrize("way", ["time", "sign out"])
def test_an_open_page_ends_with_its_pass(
    browser: Browser, passes: Passes, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The next thing it says is not heard, and it is told to show the form: a class's computer is not Ada's for ever."""
    text = passes.give("person", "Ada")
    given = passes.read(text)
    assert given

    def end(said: str) -> None:
        if said == "two" and way == "time":
            monkeypatch.setattr(passes_module.time, "time", lambda: given.until + 1)
        elif said == "two":
            passes.end(given)

    answer = browser.websocket("one", "two", "three", before=end, cookie=f"{COOKIE}={text}")

    assert (answer.sent, answer.closed) == (["one", "load this page"], 1008)
    assert browser.get(cookie=f"{COOKIE}={text}").status == 401


def test_a_page_that_says_nothing_ends_with_its_pass(passes: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within seconds, though nobody clicks: what it shows is for who has signed in."""
    monkeypatch.setattr(open_page, "NOTICED_S", 0.01)
    given = passes.read(passes.give("person", "Ada"))
    assert given
    sent: list[Message] = []

    async def nothing() -> Message:
        passes.end(given)
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    receive, _ = open_page.while_it_holds(passes, given, nothing, send)
    heard = own_loop.run(receive())

    assert heard["type"] == "websocket.disconnect"
    assert [message["type"] for message in sent] == ["websocket.send", "websocket.close"]


def test_the_form_says_that_a_pass_has_ended(browser: Browser, passes: Passes) -> None:
    """To who had one: signed out, too old, or of another code. A new visitor has none, and reads nothing of it."""
    given = passes.give("person", "Ada")
    known = passes.read(given)
    assert known
    ended = browser.post("/sign-out", {"token": passes.token(known)}, cookie=f"{COOKIE}={given}").cookie

    assert ended
    for text in (ended, given, "of.another.code"):
        answer = browser.get("/train?run=1", cookie=f"{COOKIE}={text}", **HTML)
        assert answer.status == 401
        assert "You are signed out." in answer.body
        assert 'value="/train?run=1"' in answer.body
    assert "signed out" not in browser.get("/train", **HTML).body


def test_the_doors_own_settings_are_read_once(passes: Passes) -> None:
    """A door that changed while people go through it could be open for a moment."""
    doors = iter([Door("code", passes)])
    browser = Browser(Gate(app, lambda: next(doors)))

    assert [browser.get().status for _ in range(3)] == [401] * 3


def test_the_gate_costs_next_to_nothing(browser: Browser, passes: Passes) -> None:
    """A pass is read in well under a millisecond, and checked in a microsecond for each message."""
    text = passes.give("person", "Ada")
    given = passes.read(text)
    assert given
    began = time.process_time()
    for _ in range(200):
        passes.read(text)
        passes.holds(given)

    assert time.process_time() - began < 0.2
    assert AWAY["client"] != HERE["client"]
