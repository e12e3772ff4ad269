"""This module signs people in and out: it gives a pass for a code and a name, and takes the pass back."""

import math
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cnnlab import logs
from cnnlab.dashboard.auth import login_page
from cnnlab.dashboard.auth.origin import same_origin
from cnnlab.dashboard.auth.rate_limit import Guesses
from cnnlab.dashboard.auth.sessions import COOKIE, HOURS, Passes
from cnnlab.runs import StoreError
from cnnlab.runs.text_rules import clean_person

MOST_BYTES = 8_192
WRONG = "That is not the access code."
TAKEN = (
    "Somebody here is already called “{name}”. If that is you, sign in with your secret word. If not, add something to "
    "your name, like the first letter of your surname. Or press Sign in once more: then there are two people of that name. "
    "If you had no secret word, your earlier runs cannot become yours again."
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
        guesses: Guesses | None = None,
        people: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._passes, self._base, self._people = passes, base, people
        self._cookie_path = base.rstrip("/") or "/"
        self._guesses = guesses or Guesses()

    async def answer(self, request: Request) -> Response | None:
        """Return the response to a request for /sign-in or /sign-out; None for every other address."""
        if request.url.path == f"{self._base}sign-in":
            if request.method == "POST":
                return await self._sign_in(request)
            return self._form(request)
        if request.url.path == f"{self._base}sign-out":
            return self._sign_out(request)
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
        address = request.client.host if request.client else ""
        wanted, name = local_path(fields.get("next", ""), self._base), fields.get("name", "")
        if wait_s := math.ceil(self._guesses.wait_s(address)):
            fault = f"Too many wrong codes. Wait {wait_s} second{'s' if wait_s > 1 else ''}, then try again."
            return self._again(wanted, name, fault, 429, **{"Retry-After": str(wait_s)})
        kind = self._passes.kind_of(fields.get("code", ""))
        if kind is None:
            self._guesses.wrong(address)
            logs.refused("a person", WRONG, address=address)
            return self._again(wanted, name, WRONG, 403)
        try:
            name = clean_person(name)
        except StoreError as error:
            return self._again(wanted, name, str(error), 422)
        word = fields.get("word", "")
        if fields.get("again") != name and await run_in_threadpool(self._is_taken, name, word):
            return self._again(wanted, name, TAKEN.format(name=name), 409, again=name)
        logs.event("signed in", name=name, kind=kind)
        response = _leave_for(wanted)
        self._set_cookie(request, response, self._passes.give(kind, name, word))
        return response

    def _is_taken(self, name: str, word: str) -> bool:
        """Return whether somebody else here has this name: on the screen nobody could tell the two apart."""
        me = self._passes.person(name, word)
        known = {**self._people(), **self._passes.people}
        return any(other.casefold() == name.casefold() and id != me for id, other in known.items())

    def _again(self, wanted: str, name: str, fault: str, status: int, again: str = "", **headers: str) -> Response:
        return login_page.form(f"{self._base}sign-in", wanted, name, fault, status, again=again, **headers)

    def _sign_out(self, request: Request) -> Response:
        response = _leave_for(f"{self._base}sign-in")
        given = self._passes.read(request.cookies.get(COOKIE))
        if given and same_origin(request.scope):  # another site's link or picture signs nobody out
            self._passes.end(given)
            self._set_cookie(request, response, "over")
        return response

    def _set_cookie(self, request: Request, response: Response, text: str) -> None:
        """Give the browser a pass. It is kept longer than it holds, so that the form can say that it has ended."""
        response.set_cookie(
            COOKIE,
            text,
            max_age=2 * HOURS * 3600,
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
