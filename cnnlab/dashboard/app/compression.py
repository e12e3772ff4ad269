"""This module compresses the code that a browser fetches once, so that a first visit carries a third of the bytes.

Streamlit compresses its data but not its code, because it would do so anew for each visitor. Here each file is compressed
once, and its compressed form is kept for everybody.
"""

import gzip

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KINDS = ("application/javascript", "text/javascript", "text/css", "image/svg+xml")
LEAST_BYTES = 1_000
LEVEL = 6


class Compression:
    """`Compression` is a middleware that answers with the gzipped form of a file of code.

    Only files with an ETag are kept: it names what is in them. Pure ASGI, as the middlewares around it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: dict[tuple[str, str], bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; every answer but a whole file of code passes as it is."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _takes_gzip(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
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
                if not message.get("more_body", False):
                    headers = MutableHeaders(scope=start)
                    if len(body) != int(headers["content-length"]):  # not the whole file, so nothing to keep
                        await send(start)
                        await send({"type": "http.response.body", "body": bytes(body)})
                        return
                    small = await self._compressed((scope["path"], headers["etag"]), bytes(body))
                    headers["content-encoding"], headers["content-length"] = "gzip", str(len(small))
                    headers["etag"] = f"W/{headers['etag']}"  # the same file, though not the same bytes
                    headers.add_vary_header("Accept-Encoding")
                    del headers["accept-ranges"]
                    await send(start)
                    await send({"type": "http.response.body", "body": small})

        await self._app(scope, receive, say)

    async def _compressed(self, name: tuple[str, str], body: bytes) -> bytes:
        """Return the compressed form of a file, made in a thread the first time."""
        if name not in self._kept:
            self._kept[name] = await anyio.to_thread.run_sync(gzip.compress, body, LEVEL)
        return self._kept[name]


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
