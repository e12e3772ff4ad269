"""Signing in and out: what is typed, what comes of it, and where it leads."""

import html
import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.dashboard.auth import rate_limit
from cnnlab.dashboard.auth.rate_limit import Guesses
from cnnlab.dashboard.auth.sessions import COOKIE, HOURS, Passes
from cnnlab.dashboard.auth.sign_in import SignIn, local_path
from tests.dashboard.auth.conftest import AWAY, CODE, HTML, TEACHER_CODE, Answer, Browser

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
    assert f"Max-Age={2 * HOURS * 3600}" in cookie
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
    """Nor out: the pass holds, and the cookie stays."""
    text = passes.give("person", "Ada")

    assert browser.post("/sign-in", {"code": CODE, "name": "Ada"}, **headers).status == 403
    answer = browser.get("/sign-out", cookie=f"{COOKIE}={text}", **headers)
    assert "set-cookie" not in answer.headers
    assert passes.read(text)


def test_signing_out_ends_the_pass(browser: Browser, passes: Passes) -> None:
    """In this browser, and wherever else a copy of it may be."""
    text = passes.give("person", "Ada")
    answer = browser.get("/sign-out", cookie=f"{COOKIE}={text}", referer=f"http://{AWAY['host']}/train")

    assert (answer.status, answer.headers["location"]) == (303, "/sign-in")
    assert answer.cookie == "over"
    assert passes.read(text) is None
    assert browser.get(cookie=f"{COOKIE}={text}").status == 401


def test_guessing_is_hopeless(browser: Browser) -> None:
    """After some wrong codes even the right one has to wait, from that address; another is not in its way."""
    answers = [sign_in(browser, f"guess-{i:04}") for i in range(rate_limit.FROM_ONE)]
    assert {answer.status for answer in answers} == {403}

    late = sign_in(browser)
    assert (late.status, late.cookie) == (429, None)
    assert 0 < int(late.headers["retry-after"]) <= rate_limit.REFILL_ONE_S
    assert "Wait" in late.body
    assert sign_in(browser, client="192.168.1.99").status == 303


def test_guesses_from_everywhere_are_limited_too() -> None:
    """Over a day from a million addresses: some thousands, where a code has 36⁸ possibilities."""
    now = 0.0
    counted = Guesses(lambda: now)
    heard = 0
    for second in range(0, 86_400, 2):
        now = float(second)
        address = f"2001:db8:{second % 65_536:x}::1"
        if counted.wait_s(address) == 0:
            counted.wrong(address)
            heard += 1

    assert heard <= rate_limit.FROM_ALL + 86_400 / rate_limit.REFILL_ALL_S
    assert len(counted._one) <= rate_limit.FROM_ALL


def test_a_home_network_is_one_address() -> None:
    """2⁶⁴ addresses of one IPv6 network have the patience of one."""
    counted = Guesses(lambda: 0.0)
    for number in range(rate_limit.FROM_ONE):
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
    """She may go on under that name, by signing in once more; who comes with her own word again is not asked."""
    first = sign_in(browser, name="Anna", word="swan")
    assert first.status == 303
    assert sign_in(browser, name="anna", word="swan").status == 303

    for word in ("", "crow"):
        told = sign_in(browser, name="Anna", word=word, next="/compare")
        assert (told.status, told.cookie) == (409, None)
        assert "Somebody here is already called “Anna”. If that is you, sign in with your secret word." in told.body
        assert "<label>Secret word (you may leave this empty)" in told.body
        assert "If you had no secret word, your earlier runs cannot become yours again." in told.body
        assert 'name="again" value="Anna"' in told.body
        assert 'name="next" value="/compare"' in told.body
    fields = {"code": CODE, "name": "Anna", "word": "crow", "again": "Anna"}
    second = browser.post("/sign-in", fields, origin=f"http://{AWAY['host']}")
    assert second.status == 303
    known = [passes.read(answer.cookie) for answer in (first, second)]
    assert len({one.actor.id for one in known if one}) == 2
    assert sign_in(browser, name="Anna B.").status == 303


def test_who_has_runs_here_is_known_by_name(passes: Passes) -> None:
    """Also after the server was started anew."""
    mine = passes.person("Anna", "swan")
    assert mine
    gate = SignIn(passes, "/", people=lambda: {mine: "Anna", "f" * 32: "Bob"})

    assert [gate._is_taken(*who) for who in (("Anna", "swan"), ("Anna", "crow"), ("bob", ""), ("Eve", ""))] == [
        False,
        True,
        True,
        False,
    ]
