"""This module makes the pages to sign in and to sign out, and the page that says why a visitor is not let in.

Plain HTML and a style sheet: no script, nothing from elsewhere, and a Content-Security-Policy that says so.
"""

import base64
import hashlib
from html import escape
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from cnnlab.dashboard.widgets.component import STATIC
from cnnlab.runs.text_rules import PERSON_LENGTH

_HERE = Path(__file__).parent
_PAGE = Template((_HERE / "login_page.html").read_text())
_STYLE = (_HERE / "login_page.css").read_text()
_ICON = f"data:image/svg+xml;base64,{base64.b64encode((STATIC / 'icon.svg').read_bytes()).decode()}"
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
HEADERS = PRIVATE | {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
}

_FORM = Template("""\
<p>Ask your teacher, or whoever runs this server, for the access code.</p>
$fault
<form method="post" action="$action">
<input type="hidden" name="next" value="$next">
<input type="hidden" name="again" value="$again">
<label>Access code
<input name="code" type="password" required autofocus autocomplete="off" maxlength="200"></label>
<label>Your name
<input name="name" required maxlength="$longest" value="$name" autocomplete="nickname">
<small>The others see it beside your runs.</small></label>
<label>Secret word (you may leave this empty)
<input name="word" type="password" autocomplete="off" maxlength="200">
<small>Next time sign in with the same name and word, on any computer: your runs are then still yours.</small></label>
<button>Sign in</button>
</form>""")

_SIGN_OUT = Template("""\
<p>You are signed in as $name. The runs you have started go on after you sign out.</p>
<form method="post" action="$action">
<input type="hidden" name="token" value="$token">
<button autofocus>Sign out</button>
</form>""")


def form(action: str, next: str, name: str = "", fault: str = "", status: int = 200, again: str = "") -> Response:
    """Return the page with the form to sign in; `fault` says what was wrong with the form the last time.

    `again`: the name that somebody else has too; sent once more, it lets a second person of that name in.
    """
    body = _FORM.substitute(
        fault=f'<p class="bad" role="alert">{escape(fault)}</p>' if fault else "",
        action=escape(action),
        next=escape(next),
        again=escape(again),
        name=escape(name),
        longest=PERSON_LENGTH,
    )
    return _page("Sign in", body, status)


def sign_out(action: str, name: str, token: str) -> Response:
    """Return the page with the button to sign out; `token` shows that the page is ours."""
    body = _SIGN_OUT.substitute(action=escape(action), name=escape(name), token=escape(token))
    return _page("Sign out", body, 200)


def refused(request: Request, sentence: str, status: int = 403) -> Response:
    """Return the reason of a refusal: as a page for a browser, as plain text for anything else."""
    if "text/html" in request.headers.get("accept", ""):
        return _page("Not from here", f"<p>{escape(sentence)}</p>", status)
    return PlainTextResponse(f"{sentence}\n", status, HEADERS)


def _page(title: str, body: str, status: int) -> Response:
    text = _PAGE.substitute(title=escape(title), icon=_ICON, style=_STYLE, body=body)
    return HTMLResponse(text, status, HEADERS)
