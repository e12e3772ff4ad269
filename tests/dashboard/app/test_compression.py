"""Code travels compressed, and is compressed once."""

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest
from starlette.types import Message, Receive, Scope, Send

from cnnlab.dashboard.app.compression import Compression

CODE = b"export const digits = 'of many kinds';\n" * 100


def ask(app: Compression, asked: dict[str, str], method: str = "GET") -> tuple[dict[str, str], bytes]:
    """Headers and body of the answer; in a thread of its own, as a browser's test may have left its event loop in this one."""
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        said.append(message)

    headers = [(name.encode(), value.encode()) for name, value in asked.items()]
    scope = {"type": "http", "method": method, "path": "/static/js/x.js", "headers": headers}
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(lambda: asyncio.run(app(scope, receive, send))).result()
    return {name.decode(): value.decode() for name, value in said[0]["headers"]}, b"".join(m["body"] for m in said[1:])


def server(kind: str = "application/javascript", **more: str) -> Compression:
    """A server of one file, which it sends in two pieces; asked for the head alone, it sends no body."""
    headers = {"content-type": kind, "etag": '"7"', "content-length": str(len(CODE)), "accept-ranges": "bytes", **more}

    async def answer(scope: Scope, _receive: Receive, send: Send) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": CODE[:9], "more_body": True})
        await send({"type": "http.response.body", "body": CODE[9:]})

    return Compression(answer)


def test_code_is_compressed_once() -> None:
    """A second visitor gets the kept form; caches may tell the two forms apart and know it for the same file."""
    app = server()
    with mock.patch("gzip.compress", wraps=gzip.compress) as compress:
        headers, body = ask(app, {"accept-encoding": "gzip, br"})
        assert ask(app, {"accept-encoding": "gzip"}) == (headers, body)
    assert compress.call_count == 1
    assert gzip.decompress(body) == CODE
    assert len(body) < len(CODE) / 3
    assert headers == {
        "content-type": "application/javascript",
        "content-encoding": "gzip",
        "content-length": str(len(body)),
        "etag": 'W/"7"',
        "vary": "Accept-Encoding",
    }


def test_what_is_not_the_whole_file_is_never_kept() -> None:
    """Neither the answer to a HEAD, which has no body, nor one that breaks off: a later GET gets the file."""
    app = server()
    headers, body = ask(app, {"accept-encoding": "gzip"}, "HEAD")
    assert (body, headers["content-length"]) == (b"", str(len(CODE)))
    assert gzip.decompress(ask(app, {"accept-encoding": "gzip"})[1]) == CODE

    broken = server(**{"content-length": str(len(CODE) + 1)})
    assert ask(broken, {"accept-encoding": "gzip"})[1] == CODE
    assert not broken._kept


@pytest.mark.parametrize(
    ("app", "asked"),
    [
        (server(), {}),
        (server(), {"accept-encoding": "gzip", "range": "bytes=0-99"}),
        (server("font/woff2"), {"accept-encoding": "gzip"}),
        (server(**{"content-encoding": "br"}), {"accept-encoding": "gzip"}),
    ],
    ids=["a browser that takes none", "a part of a file", "a font", "compressed before"],
)
def test_everything_else_passes_as_it_is(app: Compression, asked: dict[str, str]) -> None:
    """The very bytes."""
    assert ask(app, asked)[1] == CODE
