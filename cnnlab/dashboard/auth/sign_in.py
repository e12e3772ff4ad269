"""This module signs people in and out: it gives a pass for a code and a name, and takes the pass back.

A right code is always heard, so nobody can lock others out by sending wrong ones. After many wrong ones every code waits
some seconds before it is looked at, right or wrong, so that who guesses has to hold a connection open for each guess.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cnnlab import logs
from cnnlab.dashboard.auth import login_page
from cnnlab.dashboard.auth.origin import same_origin, sender
from cnnlab.dashboard.auth.rate_limit import CODES_FROM_ALL, CODES_FROM_ONE, Guesses, WordGuesses
from cnnlab.dashboard.auth.sessions import COOKIE, Kind, Passes
from cnnlab.runs import StoreError
from cnnlab.runs.text_rules import clean_person

MOST_BYTES = 8_192
SLOW_S = 3.0
"""Seconds that a code waits before it is looked at, where there were too many wrong ones."""
KEPT_DAYS = 30
"""Days for which a browser keeps a pass that has long ended: so long it is known whose browser it was."""
WRONG = "That is not the access code."
SLOWED = (
    f" There were many wrong codes, so each answer now takes {SLOW_S:.0f} seconds. The right code still lets you in."
)
OTHER_NAME = "add something to your name, like the first letter of your surname."
TAKEN = (
    f"Somebody here is already called “{{name}}”. If that is you, sign in with your secret word. If not, {OTHER_NAME} Or "
    "leave the secret word empty and press Sign in once more: then there are two people of that name. "
    "If you had no secret word, your earlier runs cannot become yours again."
)
WRONG_WORD = (
    f"The name “{{name}}” is taken, and this is not its secret word. If it is your name, type your secret word again. If "
    f"you are somebody else, or have forgotten the word, {OTHER_NAME}"
)
TOO_MANY_WORDS = (
    f"Somebody typed too many wrong secret words for the name “{{name}}”. Wait {{wait_s}} s, then try again. Or sign in on "
    f"a computer on which you have signed in before. Or {OTHER_NAME}"
)
OVER = (
    "You are signed out. Somebody signed out here in another tab, or 12 hours are over, or the access code was changed. "
    "Sign in, and you are back on the page you were on."
)
ELSEWHERE = "This form was sent by a page of another site. Open this server's own address and sign in there."


class SignIn:
    """A `SignIn` answers the requests to /sign-in and /sign-out.

    `base`: where the server is, "/" or "/cnnlab/". `people`: the names, by id, of those who have runs here.
    """

    def __init__(
        self,
        passes: Passes,
        base: str,
        people: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._passes, self._base, self._people = passes, base, people
        self._cookie_path = base.rstrip("/") or "/"
        self._codes, self._words = Guesses(CODES_FROM_ONE, CODES_FROM_ALL), WordGuesses()
        self._known: dict[str, str] = {}

    async def answer(self, request: Request) -> Response | None:
        """Return the response to a request for /sign-in or /sign-out; None for every other address."""
        if request.url.path == f"{self._base}sign-in":
            if request.method == "POST":
                return await self._sign_in(request)
            return self._form(request)
        if request.url.path == f"{self._base}sign-out":
            return await self._sign_out(request)
        return None

    def ask(self, request: Request) -> Response:
        """Return the response to a visitor without a pass: the form to sign in for a page, a refusal for the rest.

        The form leads back to the page that was asked for.
        """
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            fault = OVER if COOKIE in request.cookies else ""
            return login_page.form(f"{self._base}sign-in", local_path(wanted, self._base), fault=fault, status=401)
        return login_page.refused(request, "Sign in first: open this server's address in a browser.", 401)

    def _form(self, request: Request) -> Response:
        wanted = local_path(request.query_params.get("next", ""), self._base)
        if self._passes.read(request.cookies.get(COOKIE)):
            return _leave_for(wanted)
        return login_page.form(f"{self._base}sign-in", wanted)

    async def _sign_in(self, request: Request) -> Response:
        if not same_origin(request.scope):
            return login_page.refused(request, ELSEWHERE)
        fields = await _fields(request)
        wanted, name = local_path(fields.get("next", ""), self._base), fields.get("name", "")
        kind, fault = await self._kind_of(request, fields.get("code", ""))
        if kind is None:
            return self._again(wanted, name, fault, 403)
        try:
            name = clean_person(name)
        except StoreError as error:
            return self._again(wanted, name, str(error), 422)
        word = fields.get("word", "")
        namesakes = await run_in_threadpool(self._called, name)
        if namesakes and word:
            if refused := self._not_their_word(request, name, word, namesakes):
                return self._again(wanted, name, *refused)
        elif namesakes and fields.get("again") != name:
            return self._again(wanted, name, TAKEN.format(name=name), 409, again=name)
        logs.event("signed in", name=name, kind=kind)
        response = _leave_for(wanted)
        self._set_cookie(request, response, self._passes.give(kind, name, word))
        return response

    async def _kind_of(self, request: Request, code: str) -> tuple[Kind | None, str]:
        """Return whether a code is a person's or a teacher's; None, and the sentence, for a wrong one.

        Who does not wait for the answer is not heard, or a guess would take no time of the one who guesses.
        """
        address = sender(request.scope)
        slowed = self._codes.wait_s(address) > 0
        if slowed:
            await asyncio.sleep(SLOW_S)
            if await request.is_disconnected():
                return None, WRONG
        kind = self._passes.kind_of(code)
        if kind is None:
            self._codes.wrong(address)
            if not slowed:  # an attack does not fill the log
                logs.refused("a person", WRONG, address=address)
        return kind, WRONG + (SLOWED if slowed else "")

    def _called(self, name: str) -> set[str]:
        """Return the ids of the people here who have this name. On the screen nobody could tell two of them apart."""
        self._known.update(self._people())  # and is kept, in case the store cannot be read the next time
        known = {**self._known, **self._passes.people}
        return {id for id, other in known.items() if other.casefold() == name.casefold()}

    def _not_their_word(self, request: Request, name: str, word: str, namesakes: set[str]) -> tuple[str, int] | None:
        """Return the sentence and the status for a word that is of nobody with this name; None for a right word.

        While there were too many wrong words, no word is looked at. But that must not lock a person out: a browser in which
        the person was signed in before is counted by itself.
        """
        before, address = self._passes.was(request.cookies.get(COOKIE)), sender(request.scope)
        own_browser = before is not None and before.actor.id in namesakes
        guesses = self._words.of(f"browser of {before.actor.id}" if before and own_browser else name.casefold())
        if wait_s := math.ceil(guesses.wait_s(address)):
            return TOO_MANY_WORDS.format(name=name, wait_s=wait_s), 429
        if self._passes.person(name, word) in namesakes:
            return None
        guesses.wrong(address)
        self._codes.wrong(address)
        logs.refused("a person", "a wrong secret word", name=name, address=address)
        return WRONG_WORD.format(name=name), 409

    def _again(self, wanted: str, name: str, fault: str, status: int, again: str = "") -> Response:
        return login_page.form(f"{self._base}sign-in", wanted, name, fault, status, again=again)

    async def _sign_out(self, request: Request) -> Response:
        """End the pass where a form of ours asks for it; for all else, as a link, show that form."""
        given = self._passes.read(request.cookies.get(COOKIE))
        if given is None:
            return _leave_for(f"{self._base}sign-in")
        token = (await _fields(request)).get("token", "") if request.method == "POST" else ""
        if not (same_origin(request.scope) and self._passes.is_token(given, token)):
            return login_page.sign_out(f"{self._base}sign-out", given.actor.name, self._passes.token(given))
        response = _leave_for(f"{self._base}sign-in")
        self._set_cookie(request, response, await run_in_threadpool(self._passes.end, given))
        return response

    def _set_cookie(self, request: Request, response: Response, text: str) -> None:
        """Give the browser a pass. It is kept longer than it holds: the form says that it has ended, and wrong words of
        others do not keep its owner waiting here.
        """
        response.set_cookie(
            COOKIE,
            text,
            max_age=KEPT_DAYS * 86_400,
            path=self._cookie_path,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",  # not strict: a link in a mail or a school's portal must not ask to sign in again
        )


async def _fields(request: Request) -> Mapping[str, str]:
    """Return what was typed into the form; nothing where the request is no form, or longer than any honest one."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return {}
    try:
        return {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=16).items()}
    except ValueError:
        return {}


def local_path(wanted: str, base: str) -> str:
    """Return `wanted` where it is a path on this server, else `base`: a link to sign in leads nowhere else."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return base
    elsewhere = parts.scheme or parts.netloc or wanted.startswith("//") or "\\" in wanted
    if elsewhere or not wanted.startswith(base) or not wanted.isascii() or not wanted.isprintable() or " " in wanted:
        return base
    return base if parts.path in (f"{base}sign-in", f"{base}sign-out") else wanted


def _leave_for(path: str) -> Response:
    return RedirectResponse(path, 303, login_page.PRIVATE)
