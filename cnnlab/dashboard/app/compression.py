"""This module compresses the code that a browser fetches once, so that a first visit carries a third of the bytes.

Streamlit compresses its data but not its code, because it would do so anew for each visitor. Here each file is compressed
once, and its compressed form is kept for everybody. A first visit asks for some 140 files: those whose address never means
another file are answered from memory afterwards, without a look at the disk.
"""

import gzip

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cnnlab.dashboard.widgets.component import VERSION

KINDS = ("application/javascript", "text/javascript", "text/css", "image/svg+xml")
LEAST_BYTES = 1_000
LEVEL = 6
FOR_EVER = "public, immutable, max-age=31536000"
"""As Streamlit says of its own code, whose names change with what is in it."""

OURS = "/app/static/"


class Compression:
    """`Compression` is a middleware that answers with the gzipped form of a file of code.

    Only files with an ETag are kept: it names what is in them. Pure ASGI, as the middlewares around it.
    `version`: the query of the addresses of our own code; with it they never mean another file either.
    """

    def __init__(self, app: ASGIApp, version: str = VERSION) -> None:
        self._app = app
        self._version = version.lstrip("?").encode()
        self._kept: dict[tuple[str, str], bytes] = {}
        self._answers: dict[str, tuple[list[tuple[bytes, bytes]], bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; every answer but a whole file of code passes as it is."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _takes_gzip(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif self._lasting(scope) and scope["path"] in self._answers:
            headers, small = self._answers[scope["path"]]
            await _answer(
                send, list(headers), small
            )  # a list of its own, because a middleware around this one may add to it
        else:
            await self._fetched(scope, receive, send)

    async def _fetched(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the request answered by the server, and pass that on: a whole file of code in its compressed form."""
        start: Message | None = None
        body = bytearray()

        async def say(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_code(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if message.get("more_body", False):
                    return
                headers = MutableHeaders(scope=start)
                whole = len(body) == int(headers["content-length"])
                code = await self._small(scope, headers, bytes(body)) if whole else bytes(body)
                await _answer(send, start["headers"], code)

        await self._app(scope, receive, say)

    async def _small(self, scope: Scope, headers: MutableHeaders, body: bytes) -> bytes:
        """Return the compressed form of the file that `scope` asks for, and change its headers accordingly."""
        small = await self._compressed((scope["path"], headers["etag"]), body)
        headers["content-encoding"], headers["content-length"] = "gzip", str(len(small))
        headers["etag"] = f"W/{headers['etag']}"  # the same file, though not the same bytes
        headers.add_vary_header("Accept-Encoding")
        del headers["accept-ranges"]
        if self._lasting(scope):
            if OURS in scope["path"]:
                headers["cache-control"] = FOR_EVER
            if headers.get("cache-control") == FOR_EVER:
                self._answers[scope["path"]] = list(headers.raw), small
        return small

    def _lasting(self, scope: Scope) -> bool:
        """Return whether the address can mean one file for ever: one with any other query would be one more to keep."""
        if OURS in scope["path"]:
            return bool(scope.get("query_string") == self._version)
        return not scope.get("query_string")

    async def _compressed(self, name: tuple[str, str], body: bytes) -> bytes:
        """Return the compressed form of a file, made in a thread the first time."""
        if name not in self._kept:
            self._kept[name] = await anyio.to_thread.run_sync(gzip.compress, body, LEVEL)
        return self._kept[name]


async def _answer(send: Send, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _takes_gzip(asked: Headers) -> bool:
    """Return whether the browser takes gzip for the whole file; a part of a file is a part of its plain form."""
    return "gzip" in asked.get("accept-encoding", "") and "range" not in asked


def _is_code(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0]
    long = int(headers.get("content-length", 0)) >= LEAST_BYTES
    return (
        bool(start["status"] == 200)
        and kind in KINDS
        and long
        and "etag" in headers
        and ("content-encoding" not in headers)
    )
