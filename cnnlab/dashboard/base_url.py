"""Tells the browser where the server is, so that a deep link does not begin with two failed guesses.

Opened at /train, Streamlit's front end first asks for /train/_stcore/health; the 404 stands in the console. It does
not have to guess where the page says `window.__streamlit.BACKEND_BASE_URL`.
"""

import json

import streamlit as st
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response


class SayBaseUrl(BaseHTTPMiddleware):
    """Puts one line of script into the head of the HTML page."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Every other answer passes as it is."""
        if "text/html" in request.headers.get("accept", ""):  # the page must arrive here as text, not compressed
            request.scope["headers"] = [(k, v) for k, v in request.scope["headers"] if k != b"accept-encoding"]
        response = await call_next(request)
        is_page = response.headers.get("content-type", "").startswith("text/html")
        if not is_page or response.status_code != 200:
            return response
        body = b"".join([chunk async for chunk in response.body_iterator])  # type: ignore[attr-defined]
        path = json.dumps(base_path().rstrip("/") or "/")
        script = f"<script>window.__streamlit = {{BACKEND_BASE_URL: location.origin + {path}}}</script>"
        page = body.replace(b"<head>", b"<head>" + script.encode(), 1)
        of_the_file = {"content-length", "etag", "last-modified", "accept-ranges"}
        kept = {name: value for name, value in response.headers.items() if name.lower() not in of_the_file}
        return Response(page, response.status_code, kept)


def base_path() -> str:
    """Where the server is: "/", or "/cnnlab/" with server.baseUrlPath."""
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}/" if path else "/"
