"""Code travels compressed, and is compressed once."""

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest
from starlette.types import Message, Receive, Scope, Send

from cnnlab.dashboard.app.compression import FOR_EVER, Compression

CODE = b"export const digits = 'of many kinds';\n" * 100


def ask(
    app: Compression, asked: dict[str, str], method: str = "GET", path: str = "/static/js/x.js", query: str = ""
) -> tuple[dict[str, str], bytes]:
    """Headers and body of the answer; in a thread of its own, as a browser's test may have left its event loop in this one."""
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        said.append(message)

    headers = [(name.encode(), value.encode()) for name, value in asked.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
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


VERSION = "?v=1234"


@pytest.mark.parametrize(
    ("path", "query", "said", "kept"),
    [
        ("/static/js/x.js", "", FOR_EVER, True),
        ("/static/js/x.js", "and=more", FOR_EVER, False),
        ("/static/js/x.js", "", "no-cache", False),
        ("/app/static/tiles/tiles.js", "v=1234", "", True),
        ("/app/static/tiles/tiles.js", "v=1233", "", False),
        ("/app/static/tiles/tiles.js", "", "", False),
    ],
)
def test_what_never_changes_is_answered_from_memory(path: str, query: str, said: str, kept: bool) -> None:
    """Streamlit's files, and ours under the address with the version; nobody fills the memory with addresses of their own."""
    app = server(**({"cache-control": said} if said else {}))
    behind = Compression(app._app, version=VERSION)
    gzips = {"accept-encoding": "gzip"}
    first = ask(behind, gzips, path=path, query=query)
    assert first[0].get("cache-control", "") == (FOR_EVER if kept else said)
    with mock.patch.object(behind, "_app", side_effect=AssertionError("asked again")):
        if not kept:
            with pytest.raises(AssertionError, match="asked again"):
                ask(behind, gzips, path=path, query=query)
            return
        assert ask(behind, gzips, path=path, query=query) == first
    assert ask(behind, {}, path=path, query=query)[1] == CODE, "a browser that takes no gzip gets the file"


def test_what_another_layer_adds_to_an_answer_is_nobody_elses() -> None:
    """A cookie of one visitor stays theirs."""
    behind = Compression(server(**{"cache-control": FOR_EVER})._app, version=VERSION)

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"set-cookie", b"pass"))
            await send(message)

        await behind(scope, receive, say)

    for _ in range(2):
        assert ask(gate, {"accept-encoding": "gzip"})[0]["set-cookie"] == "pass"  # type: ignore[arg-type]
        assert "set-cookie" not in ask(behind, {"accept-encoding": "gzip"})[0]


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
