"""This module tells the browser where the server is, so that a deep link does not begin with two failed guesses.

Opened at /train, Streamlit's front end first asks for /train/_stcore/health; the 404 stands in the console. It does
not have to guess where the page says `window.__streamlit.BACKEND_BASE_URL`.
"""

import json

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OF_THE_FILE = ("content-length", "etag", "last-modified", "accept-ranges")
"""What is no longer true of a page that has a line more than its file."""


class SayBaseUrl:
    """`SayBaseUrl` is a middleware that puts one line of script into the head of the HTML page.

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
                    await send(
                        {"type": "http.response.body", "body": body.replace(b"<head>", b"<head>" + _script(), 1)}
                    )

        await self._app(scope, receive, say)


def _is_page(start: Message) -> bool:
    kind = MutableHeaders(scope=start).get("content-type", "")
    return bool(start["status"] == 200) and kind.startswith("text/html")


def _script() -> bytes:
    path = json.dumps(base_path().rstrip("/") or "/")
    return f"<script>window.__streamlit = {{BACKEND_BASE_URL: location.origin + {path}}}</script>".encode()


def base_path() -> str:
    """Return the path where the server is: "/", or "/cnnlab/" with server.baseUrlPath."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}/" if path else "/"
