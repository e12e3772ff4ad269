"""What is written into the head of the page: where the server is, the frame's style, and our code ahead of its use."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cnnlab.dashboard.app.page_head import ELEMENTS, STREAMLIT_CODE, PageHead, elements
from cnnlab.dashboard.widgets.component import STATIC, VERSION

PAGE = "<html><head><title>é</title></head></html>".encode()
SCRIPT = b'<script>window.__streamlit = {BACKEND_BASE_URL: location.origin + "/"}</script>'


def ask(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """In a thread of its own: a browser's test may have left its event loop in this one."""
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(lambda: asyncio.run(app(scope, receive, send))).result()  # type: ignore[arg-type]


def answer(accept: str, kind: str = "text/html; charset=utf-8", status: int = 200) -> tuple[dict[str, str], bytes]:
    """Headers and body of a page that comes in two pieces, behind the middleware; and how it was asked for."""

    async def server(scope: Scope, _receive: Receive, send: Send) -> None:
        asked = dict(scope["headers"]).get(b"accept-encoding", b"plainly")
        headers = [(b"content-type", kind.encode()), (b"etag", b"x"), (b"content-length", b"42"), (b"asked", asked)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE[:10], "more_body": True})
        await send({"type": "http.response.body", "body": PAGE[10:]})

    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        said.append(message)

    headers = [(b"accept", accept.encode()), (b"accept-encoding", b"br")]
    ask(PageHead(server), {"type": "http", "path": "/", "headers": headers}, receive, send)
    assert said[0]["status"] == status
    assert [message.get("more_body", False) for message in said][-1] is False
    body = b"".join(message["body"] for message in said[1:])
    return {name.decode(): value.decode() for name, value in said[0]["headers"]}, body


def test_a_page_says_where_the_server_is() -> None:
    """One line more, and no header that belonged to the file without it."""
    headers, body = answer("text/html,*/*")
    assert body.startswith(b"<html><head>" + SCRIPT + b"<script>//")
    assert b"<style>" in body
    assert b"</style><title>" in body
    assert body.endswith(b'"></head></html>'), "Streamlit's own code comes before what is fetched ahead"
    assert headers == {"content-type": "text/html; charset=utf-8", "asked": "plainly"}


def test_what_is_fetched_ahead_is_what_the_code_imports() -> None:
    """Under any other address a browser would fetch a library twice."""
    ahead = re.findall(
        r'<link rel="modulepreload" fetchpriority="low" href="/app/static/([^"]+)">', answer("text/html")[1].decode()
    )
    imported = {
        (path.parent / found).resolve().relative_to(STATIC).as_posix()
        for path in STATIC.rglob("*.js")
        if path.parent.name != "vendor"
        for found in re.findall(r'^import .* from "([^"]+)";', path.read_text(), re.MULTILINE)
    }
    assert imported
    assert imported <= set(ahead)
    assert all(address.endswith(VERSION) for address in set(ahead) - imported)


def test_what_draws_the_elements_of_our_pages_is_fetched_ahead() -> None:
    """Each element is a file of the Streamlit that is installed, which the page itself does not name; so is all it imports."""
    link = r'<link rel="modulepreload" crossorigin fetchpriority="low" href="/static/js/([^"]+)">'
    ahead = re.findall(link, answer("text/html")[1].decode())
    page = (STREAMLIT_CODE.parents[1] / "index.html").read_text()
    for element in ELEMENTS:
        assert sum(name.startswith(f"{element}.") for name in ahead) == 1, element
    assert ahead == elements()
    for name in ahead:
        assert name not in page
        imported = re.findall(r'(?:from|import)"\./([\w.-]+\.js)"', (STREAMLIT_CODE / name).read_text())
        assert all(other in ahead or other in page for other in imported), name


def test_elements_under_another_name_leave_the_page_as_it_is(tmp_path: Path) -> None:
    """A later Streamlit may name its files anew: nothing is fetched ahead, and nothing fails."""
    (tmp_path / "static" / "js").mkdir(parents=True)
    assert elements(tmp_path / "static" / "js") == []


def test_other_answers_pass_as_they_are() -> None:
    """Data, and a page that says there is none."""
    headers, body = answer("*/*", kind="application/json")
    assert (body, headers["asked"], headers["etag"]) == (PAGE, "br", "x")
    assert answer("text/html", status=404)[1] == PAGE


def test_a_browser_that_leaves_early_raises_nothing() -> None:
    """Its tab is shut while the answer is on the way: the log stays empty."""

    async def waits(_scope: object, receive: object, _send: object) -> None:
        assert (await receive())["type"] == "http.disconnect"  # type: ignore[operator]

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        raise AssertionError("nobody is there any more")

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept", b"text/html")]}
    ask(PageHead(waits), scope, receive, send)
