"""This module writes into the head of the HTML page what must be known before the first line of Streamlit runs.

Where the server is: opened at /train, Streamlit's front end first asks for /train/_stcore/health; the 404 stands in the
console. It does not have to guess where the page says `window.__streamlit.BACKEND_BASE_URL`.

Where things stand: `static/frame.css`. A style that came with the first run of the script would move the whole page.

Where the Tab key leads once a popover is open: `static/popovers.js`. What the Back button undoes: `static/history.js`.
"""

import json
import re
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cnnlab.dashboard.widgets.component import STATIC, VERSION

OF_THE_FILE = ("content-length", "etag", "last-modified", "accept-ranges")
"""What is no longer true of a page that has a line more than its file."""

STREAMLIT_CODE = Path(st.__file__).parent / "static" / "static" / "js"
ELEMENTS = (
    "BidiComponent",
    "Button",
    "ButtonGroup",
    "Html",
    "Metric",
    "NumberInput",
    "PageLink",
    "Selectbox",
    "Slider",
)
"""Names of Streamlit's files that draw what most of our pages show; a test says when one has another name."""
IMPORTED = re.compile(r"""(?:from|import|src=|href=)["']\./(?:static/js/)?([\w.-]+\.js)["']""")

UNUSED_FONT = re.compile(rb'<link\s+rel="preload"\s+href="[^"]*SourceSans[^>]*>')
"""Streamlit's own font, 170 kB that it fetches ahead of everything; our pages are set in Inter."""


class PageHead:
    """`PageHead` is a middleware that puts three scripts and the frame's style into the head of the HTML page.

    Pure ASGI: Starlette's BaseHTTPMiddleware raises where a browser leaves before it is answered.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; every answer but an HTML page passes as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = MutableHeaders(scope=scope)
        if "text/html" in asked.get("accept", ""):
            del asked["accept-encoding"]  # the page must arrive here as text, not compressed
        page: Message | None = None
        body = b""

        async def say(message: Message) -> None:
            nonlocal page, body
            if message["type"] == "http.response.start" and _is_page(message):
                page = message
            elif page is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    headers = MutableHeaders(scope=page)
                    for name in OF_THE_FILE:
                        del headers[name]
                    await send(page)
                    lean = UNUSED_FONT.sub(b"", body).replace(b"<head>", b"<head>" + _head(), 1)
                    await send(
                        {"type": "http.response.body", "body": lean.replace(b"</head>", _ahead() + b"</head>", 1)}
                    )

        await self._app(scope, receive, say)


def _is_page(start: Message) -> bool:
    kind = MutableHeaders(scope=start).get("content-type", "")
    return bool(start["status"] == 200) and kind.startswith("text/html")


@cache
def _head() -> bytes:
    path = json.dumps(base_path().rstrip("/") or "/")
    script = f"<script>window.__streamlit = {{BACKEND_BASE_URL: location.origin + {path}}}</script>"
    ours = "".join(f"<script>{(STATIC / name).read_text()}</script>" for name in ("popovers.js", "history.js"))
    return f"{script}{ours}<style>{(STATIC / 'frame.css').read_text()}</style>".encode()


@cache
def _ahead() -> bytes:
    """Return links by which the browser fetches code ahead: what a page is made of then draws at once, and nothing jumps.

    At the end of the head, because Streamlit's own code must come first.
    """
    links = {".js": "modulepreload", ".css": "prefetch"}
    files = (path for path in sorted(STATIC.rglob("*.*")) if path.suffix in links and path.parent != STATIC)
    ours = f"{base_path()}app/static/"
    lines = [_link("modulepreload", f"{base_path()}static/js/{name}", "crossorigin ") for name in elements()]
    lines += [
        _link(links[path.suffix], f"{ours}{path.relative_to(STATIC).as_posix()}{_version(path)}") for path in files
    ]
    return "".join(lines).encode()


def _link(kind: str, address: str, more: str = "") -> str:
    return f'<link rel="{kind}" {more}fetchpriority="low" href="{address}">'


def elements(code: Path = STREAMLIT_CODE) -> list[str]:
    """Return the names of Streamlit's files that draw ELEMENTS, with those that they import and the page does not name.

    Streamlit fetches them when the first of their kind is drawn, which is half a second after everything else.
    """
    named = {file for element in ELEMENTS for file in _names(code, f"{element}.*.js")}
    page = code.parents[1] / "index.html"
    known = set(IMPORTED.findall(page.read_text())) if page.exists() else set()
    found: set[str] = set()
    while named:
        found |= named
        imported = {name for file in named for name in IMPORTED.findall((code / file).read_text())}
        named = {name for name in imported if (code / name).exists()} - found - known
    return sorted(found - known)


def _names(code: Path, pattern: str) -> list[str]:
    return [path.name for path in code.glob(pattern)]


def _version(path: Path) -> str:
    """Return what our code and styles add to the address of a file: nothing where an `import` names it as it is, which a
    library can be, whose name has its version in it.
    """
    return "" if path.parent.name == "vendor" and path.suffix == ".js" else VERSION


def base_path() -> str:
    """Return the path where the server is: "/", or "/cnnlab/" with server.baseUrlPath."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}/" if path else "/"
