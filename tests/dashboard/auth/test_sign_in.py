"""Signing in and out: what is typed, what comes of it, and where it leads."""

import html
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.app_config import AccessConfig
from cnnlab.dashboard.auth import Gate
from cnnlab.dashboard.auth import sign_in as module
from cnnlab.dashboard.auth.policy import Door
from cnnlab.dashboard.auth.rate_limit import CODES_FROM_ALL, CODES_FROM_ONE, WORDS_FROM_ALL, WORDS_FROM_ONE, Guesses
from cnnlab.dashboard.auth.sessions import COOKIE, Passes
from cnnlab.dashboard.auth.sign_in import KEPT_DAYS, SignIn, local_path
from tests import own_loop
from tests.dashboard.auth.conftest import AWAY, CODE, HTML, TEACHER_CODE, Answer, Browser, app

BACKSLASH = "\\"


def sign_in(browser: Browser, code: str = CODE, name: str = "Ada", next: str = "/", **more: str) -> Answer:
    """The form, filled and sent by its own page."""
    word = more.pop("word", "")
    fields = {"code": code, "name": name, "next": next, "word": word}
    return browser.post("/sign-in", fields, origin=f"http://{AWAY['host']}", **more)


def test_the_code_and_a_name_are_a_pass(browser: Browser, passes: Passes) -> None:
    """Signed, for this server alone, out of reach of scripts; and back to where one wanted to go."""
    answer = sign_in(browser, next="/train?run=abc&x=1")

    assert (answer.status, answer.headers["location"]) == (303, "/train?run=abc&x=1")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert f"Max-Age={KEPT_DAYS * 86_400}" in cookie
    assert "Secure" not in cookie
    assert CODE not in str(answer)
    known = passes.read(answer.cookie)
    assert known
    assert (known.actor.name, known.actor.teacher) == ("Ada", False)
    assert browser.get(cookie=f"{COOKIE}={answer.cookie}").body == "inside"


def test_over_https_the_pass_stays_there(browser: Browser) -> None:
    """A browser would otherwise send it in the clear as well."""
    origin = f"https://{AWAY['host']}"
    answer = browser.post("/sign-in", {"code": CODE, "name": "Ada"}, scheme="https", origin=origin)

    assert "Secure" in answer.headers["set-cookie"]


def test_the_teachers_code_makes_a_teacher(browser: Browser, passes: Passes) -> None:
    """By the same form."""
    known = passes.read(sign_in(browser, TEACHER_CODE).cookie)

    assert known
    assert known.actor.teacher


@pytest.mark.parametrize(
    "code", ["", "wrong", CODE[:-1], CODE + "x", CODE.upper(), f" {CODE}", f"{CODE}\0", "é" * 8, "x" * 9000]
)
def test_a_wrong_code_is_a_sentence(browser: Browser, code: str) -> None:
    """The form again, with the name and the way still in it, and no pass; the code is not repeated."""
    answer = sign_in(browser, code, name='A"da', next="/train?run=1&y=2")

    assert (answer.status, answer.cookie) == (403, None)
    assert "That is not the access code." in answer.body
    if len(code) < 9000:
        assert 'value="A&quot;da"' in answer.body
        assert 'value="/train?run=1&amp;y=2"' in answer.body
    assert len(code) < 8 or html.escape(code) not in answer.body


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\nb", "\x00", "\u202eadA", "\u200b"])
def test_a_bad_name_is_a_sentence(browser: Browser, name: str) -> None:
    """One to forty characters that can be seen."""
    answer = sign_in(browser, name=name)

    assert (answer.status, answer.cookie) == (422, None)
    assert 'role="alert"' in answer.body


@given(name=st.text(min_size=1, max_size=60))
def test_whatever_the_name_is_it_stays_text(name: str) -> None:
    """In the form it is escaped; in the pass it is what was typed."""
    from cnnlab.dashboard.auth.login_page import form

    body = bytes(form("/sign-in", "/", name, fault=name).body).decode()
    assert re.sub(r"&[^;]+;", "", body).count("<") == bytes(form("/sign-in", "/", "x", fault="x").body).count(b"<")
    assert f'value="{html.escape(name)}"' in body


def test_the_form_is_asked_for_where_one_wanted_to_go(browser: Browser) -> None:
    """A deep link is kept through signing in, without a redirect."""
    answer = browser.get("/feature_maps?run=1&picture=test:7", **HTML)

    assert answer.status == 401
    assert 'name="next" value="/feature_maps?run=1&amp;picture=test:7"' in answer.body
    assert answer.headers["cache-control"] == "no-store"
    assert "<script" not in answer.body
    assert not re.search(r"(src|href)=\"(?!data:)", answer.body)


def test_the_style_is_the_one_its_policy_names(browser: Browser) -> None:
    """Otherwise the browser would show the form without any."""
    import base64
    import hashlib

    answer = browser.get("/", **HTML)
    style = re.search(r"<style>(.*?)</style>", answer.body, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_who_is_in_already_goes_on(browser: Browser, passes: Passes) -> None:
    """The form is not shown twice."""
    cookie = f"{COOKIE}={passes.give('person', 'Ada')}"

    assert browser.get("/sign-in?next=/train", cookie=cookie, **HTML).headers["location"] == "/train"
    assert browser.get("/sign-in?next=//evil.example", cookie=cookie).headers["location"] == "/"


@pytest.mark.parametrize(
    "next",
    [
        "https://evil.example",
        "//evil.example/x",
        "///evil.example",
        f"/{BACKSLASH}evil.example",
        f"{BACKSLASH}{BACKSLASH}evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/x\r\nset-cookie: a=b",
        "/\t/evil.example",
        "http:evil.example",
        "",
        "/sign-out",
        "/sign-in?next=/sign-in",
        "http://[::1",
    ],
)
def test_signing_in_leads_nowhere_else(browser: Browser, next: str) -> None:
    """A link to this server's form must not end on another's page."""
    assert sign_in(browser, next=next).headers["location"] == "/"


@given(st.text(max_size=40), st.sampled_from(["/", "/cnnlab/"]))
def test_any_next_is_a_path_of_this_server(text: str, base: str) -> None:
    """By every reading of it that a browser might have."""
    for wanted in (text, f"/{text}", f"{base}{text}", f"//{text}"):
        path = local_path(wanted, base)
        assert path.startswith(base)
        assert not path.startswith(("//", f"/{BACKSLASH}"))
        assert path.isascii()
        assert path.isprintable()
        assert urlsplit(path).netloc == urlsplit(path).scheme == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://school.example:8502"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"referer": "https://evil.example/x"},
    ],
)
def test_another_sites_form_signs_nobody_in_or_out(browser: Browser, passes: Passes, headers: dict[str, str]) -> None:
    """Nor out, even with the token of the form: the pass holds, and the cookie stays."""
    text = passes.give("person", "Ada")
    given = passes.read(text)
    assert given

    assert browser.post("/sign-in", {"code": CODE, "name": "Ada"}, **headers).status == 403
    answer = browser.post("/sign-out", {"token": passes.token(given)}, cookie=f"{COOKIE}={text}", **headers)
    assert "set-cookie" not in answer.headers
    assert passes.read(text)


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "none"}, {"referer": f"http://{AWAY['host']}/train"}])
def test_a_link_signs_nobody_out(browser: Browser, passes: Passes, headers: dict[str, str]) -> None:
    """Wherever it stands: over http a browser does not say which site a link without a referrer is from. It shows a button,
    and only a form that was made for this very pass signs out.
    """
    text, other = passes.give("person", "Ada"), passes.read(passes.give("person", "Bob"))
    given = passes.read(text)
    assert given
    assert other
    for token in (None, "", "x", passes.token(other)):
        cookie = {"cookie": f"{COOKIE}={text}", **headers}
        answer = (
            browser.get("/sign-out", **cookie)
            if token is None
            else browser.post("/sign-out", {"token": token}, **cookie)
        )
        assert (answer.status, answer.cookie) == (200, None)
        assert "<button autofocus>Sign out</button>" in answer.body
        assert f'name="token" value="{passes.token(given)}"' in answer.body
        assert passes.read(text)


def test_signing_out_ends_the_pass(browser: Browser, passes: Passes, tmp_path: Path) -> None:
    """In this browser, and wherever else a copy of it may be, also when the server was started again."""
    text = passes.give("person", "Ada")
    given = passes.read(text)
    assert given
    answer = browser.post("/sign-out", {"token": passes.token(given)}, cookie=f"{COOKIE}={text}")

    assert (answer.status, answer.headers["location"]) == (303, "/sign-in")
    assert answer.cookie
    again = Passes(tmp_path, AccessConfig(access_code=CODE, teacher_code=TEACHER_CODE))
    for server in (browser, Browser(Gate(app, lambda: Door("code", again)))):
        for cookie in (text, answer.cookie):
            assert server.get(cookie=f"{COOKIE}={cookie}").status == 401
    assert browser.get("/sign-out", cookie=f"{COOKIE}={answer.cookie}").headers["location"] == "/sign-in"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each code waited before it was looked at; here it takes no time."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    return waited


def test_nobody_is_locked_out_by_wrong_codes(browser: Browser, waits: list[float]) -> None:
    """While somebody at the same address, or at twenty, sends wrong ones, each right code is heard; only the wait is longer.
    Guessing is slow all the same: after the first wrong ones every code waits, right or wrong, before it is looked at.
    """
    for number in range(CODES_FROM_ONE.free):
        assert sign_in(browser, f"guess-{number:04}").status == 403
    assert waits == []
    for number in range(15):
        wrong = sign_in(browser, f"guess-1{number:03}")
        assert wrong.status == 403
        assert "The right code still lets you in." in wrong.body
        assert sign_in(browser, TEACHER_CODE if number % 5 == 4 else CODE, f"Person {number}").status == 303
    assert waits == [module.SLOW_S] * 30
    assert sign_in(browser, name="From elsewhere", client="192.168.1.99").status == 303
    assert len(waits) == 30

    for number in range(CODES_FROM_ALL.free):
        sign_in(browser, "wrong-code", client=f"10.0.0.{number // CODES_FROM_ONE.free}")
    assert sign_in(browser, name="From anywhere", client="192.168.1.98").status == 303
    assert waits[-1] == module.SLOW_S


def test_who_does_not_wait_is_not_heard(passes: Passes, waits: list[float]) -> None:
    """A guess would cost nothing: many at once, and only a quick answer is read."""
    gate = Gate(app, lambda: Door("code", passes))
    browser = Browser(gate)
    for number in range(CODES_FROM_ONE.free):
        sign_in(browser, f"guess-{number:04}")
    heard: list[str] = []
    passes.kind_of = heard.append  # type: ignore[assignment]
    body = b"code=four-random-words&name=Ada"
    messages = iter([{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, object]:
        return next(messages)

    async def send(message: object) -> None:
        """Nobody is there."""

    headers = [(b"host", b"x"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/sign-in", "query_string": b"", "headers": headers}
    scope |= {"client": (AWAY["client"], 1), "server": ("x", 1), "scheme": "http"}
    own_loop.run(gate(scope, receive, send))

    assert heard == []


def test_an_address_counts_only_from_a_proxy_that_is_named(
    browser: Browser, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """X-Forwarded-For is anybody's to write: who claims a new address with each guess is one all the same. Behind the proxy
    that FORWARDED_ALLOW_IPS names each has the address it says, which uvicorn has put in the place of the proxy's.
    """

    def guess(number: int) -> None:
        address = f"10.1.{number // 250}.{number % 250}"
        sign_in(browser, "wrong-code", client=address, x_forwarded_for=address)

    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    for number in range(CODES_FROM_ONE.free + 5):
        guess(number)
    assert len(waits) == 5
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    guess(100)
    assert len(waits) == 6
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    for number in range(CODES_FROM_ONE.free + 5):
        guess(number)
    assert len(waits) == 6


def test_guesses_from_everywhere_are_limited_too() -> None:
    """Over a day from a million addresses: some thousands are free of waiting, and few addresses are remembered."""
    now = 0.0
    counted = Guesses(CODES_FROM_ONE, CODES_FROM_ALL, lambda: now)
    free = 0
    for second in range(0, 86_400, 2):
        now = float(second)
        address = f"2001:db8:{second % 65_536:x}::1"
        free += counted.wait_s(address) == 0
        counted.wrong(address)

    assert free <= CODES_FROM_ALL.free + 86_400 / CODES_FROM_ALL.refill_s
    assert len(counted._one) <= CODES_FROM_ALL.free


def test_a_home_network_is_one_address() -> None:
    """2⁶⁴ addresses of one IPv6 network have the patience of one."""
    counted = Guesses(CODES_FROM_ONE, CODES_FROM_ALL, lambda: 0.0)
    for number in range(CODES_FROM_ONE.free):
        counted.wrong(f"2001:db8::{number:x}")

    assert counted.wait_s("2001:db8::ffff") > 0
    assert counted.wait_s("2001:db8:0:1::1") == 0
    assert counted.wait_s("::ffff:192.168.1.1") == counted.wait_s("192.168.1.1") == 0


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", ""])
def test_only_a_form_is_read(browser: Browser, kind: str) -> None:
    """Anything else has typed nothing."""
    answer = browser.post("/sign-in", {"code": CODE, "name": "Ada"}, content_type=kind)

    assert (answer.status, answer.cookie) == (403, None)


def test_a_second_person_of_one_name_is_told_so(browser: Browser, passes: Passes) -> None:
    """She may go on under that name without a word, by signing in once more, or under another name with one; who comes with
    her own word again is not asked.
    """
    first = sign_in(browser, name="Anna", word="swan")
    assert first.status == 303
    assert sign_in(browser, name="anna", word="swan").status == 303

    told = sign_in(browser, name="Anna", next="/compare")
    assert (told.status, told.cookie) == (409, None)
    assert "Somebody here is already called “Anna”. If that is you, sign in with your secret word." in told.body
    assert "<label>Secret word (you may leave this empty)" in told.body
    assert "If you had no secret word, your earlier runs cannot become yours again." in told.body
    assert 'name="again" value="Anna"' in told.body
    assert 'name="next" value="/compare"' in told.body
    fields = {"code": CODE, "name": "Anna", "again": "Anna"}
    second = browser.post("/sign-in", fields, origin=f"http://{AWAY['host']}")
    assert second.status == 303
    known = [passes.read(answer.cookie) for answer in (first, second)]
    assert len({one.actor.id for one in known if one}) == 2
    assert sign_in(browser, name="Anna B.", word="crow").status == 303


def test_a_wrong_word_is_said_and_makes_nobody(browser: Browser, passes: Passes) -> None:
    """However often it is sent; the sentence says what to do for who has forgotten it, and for somebody of the same name."""
    sign_in(browser, name="Ada", word="swan")
    before = passes.people
    for _ in range(2):
        fields = {"code": CODE, "name": "ADA", "word": "crow", "again": "ADA"}
        told = browser.post("/sign-in", fields, origin=f"http://{AWAY['host']}")
        assert (told.status, told.cookie) == (409, None)
        assert "The name “ADA” is taken, and this is not its secret word." in told.body
        assert "like the first letter of your surname" in told.body
        assert "crow" not in told.body
    assert passes.people == before
    assert sign_in(browser, name="Ada L.", word="crow").status == 303


def test_a_word_cannot_be_guessed_freely(browser: Browser, passes: Passes, waits: list[float]) -> None:
    """After a few wrong ones not even the right one is looked at, from there; after some more from nowhere, but in the
    browser in which she was in before. Another name is not in the way of these.
    """
    ada = sign_in(browser, name="Ada", word="swan")
    assert ada.cookie
    for number in range(WORDS_FROM_ONE.free):
        assert sign_in(browser, name="Ada", word=f"guess-{number}").status == 409
    for word in ("guess", "swan"):
        late = sign_in(browser, name="ada", word=word)
        assert (late.status, late.cookie) == (429, None)
        assert "Or sign in on a computer on which you have signed in before." in late.body
    assert sign_in(browser, name="Ada", word="swan", client="192.168.1.77").status == 303
    assert sign_in(browser, name="Bob", word="swan").status == 303

    for number in range(WORDS_FROM_ALL.free):
        sign_in(browser, name="Ada", word=f"guess-{number}", client=f"10.0.0.{number}")
    assert sign_in(browser, name="Ada", word="swan", client="192.168.1.78").status == 429
    given = passes.read(ada.cookie)
    assert given
    over = browser.post("/sign-out", {"token": passes.token(given)}, cookie=f"{COOKIE}={ada.cookie}").cookie
    bob = sign_in(browser, name="Bob", word="swan").cookie
    assert sign_in(browser, name="Ada", word="swan", cookie=f"{COOKIE}={bob}").status == 429
    for number in range(WORDS_FROM_ONE.free):
        at_her_place = sign_in(browser, name="Ada", word=f"guess-{number}", cookie=f"{COOKIE}={over}")
        assert at_her_place.status == 409
        if number == 0:
            assert sign_in(browser, name="Ada", word="swan", cookie=f"{COOKIE}={over}").status == 303
    assert sign_in(browser, name="Ada", word="guess", cookie=f"{COOKIE}={over}").status == 429


def test_who_has_runs_here_is_known_by_name(passes: Passes) -> None:
    """Also after the server was started anew, and while the store cannot be read for a moment."""
    mine = passes.person("Anna", "swan")
    assert mine
    found = iter([{mine: "Anna", "f" * 32: "Bob"}])
    gate = SignIn(passes, "/", people=lambda: next(found, {}))

    assert [gate._called(name) for name in ("anna", "Bob", "Eve")] == [{mine}, {"f" * 32}, set()]
