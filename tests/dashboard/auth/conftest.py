"""A gate with an app behind it that answers everybody, and a browser that is four lines of ASGI."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from cnnlab.app_config import AccessConfig
from cnnlab.dashboard.auth import Gate
from cnnlab.dashboard.auth.policy import Door
from cnnlab.dashboard.auth.sessions import COOKIE, Passes
from tests import own_loop

CODE, TEACHER_CODE = "four-random-words", "another-four-words"
HERE = {"client": "127.0.0.1", "server": "127.0.0.1", "host": "localhost:8501"}
AWAY = {"client": "192.168.1.20", "server": "192.168.1.2", "host": "school.example:8501"}
HTML = {"accept": "text/html,*/*"}


@dataclass
class Answer:
    """What came back: for a websocket, `accepted` and the messages it sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    accepted: bool = False
    closed: int | None = None
    sent: list[str] = field(default_factory=list)

    @property
    def cookie(self) -> str | None:
        """The pass that was set, if one was."""
        name, _, rest = self.headers.get("set-cookie", "").partition("=")
        return rest.split(";")[0].strip('"') or None if name == COOKIE else None


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Lets everybody in, and echoes what a websocket says."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inside"})
        return
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": _said(message)})
    await send({"type": "websocket.send", "text": "the last word of a script that has not noticed yet"})


class Browser:
    """Asks a gate. What each request has in common is given once."""

    def __init__(self, gate: Gate, **common: str) -> None:
        self.gate, self.common = gate, AWAY | common

    def get(self, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        """A request; keywords are headers, or `client`, `server`, `host`, `scheme`."""
        return self._ask("http", path, [{"type": "http.request", "body": b"", "more_body": False}], method, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """A form."""
        message = {"type": "http.request", "body": urlencode(fields).encode(), "more_body": False}
        return self._ask("http", path, [message], "POST", {"content-type": FORM} | headers)

    def websocket(self, *said: str, before: Callable[[str], None] = lambda text: None, **headers: str) -> Answer:
        """A connection that says these things and leaves; `before` is called with each before it is sent."""
        messages: list[Message] = [{"type": "websocket.connect"}]
        messages += [{"type": "websocket.receive", "bytes": rerun(text)} for text in said]
        messages += [{"type": "websocket.disconnect", "code": 1000}]
        return self._ask("websocket", "/_stcore/stream", messages, "GET", headers, before)

    def _ask(
        self,
        kind: str,
        path: str,
        messages: list[Message],
        method: str,
        given: dict[str, str],
        before: Callable[[str], None] = lambda text: None,
    ) -> Answer:
        given = self.common | {name.replace("_", "-"): value for name, value in given.items()}
        client, server, scheme = given.pop("client"), given.pop("server"), given.pop("scheme", "http")
        parts = urlsplit(path)
        scope: Scope = {
            "type": kind,
            "method": method,
            "path": path if path.startswith("//") else parts.path,
            "query_string": b"" if path.startswith("//") else parts.query.encode(),
            "scheme": scheme if kind == "http" else "ws",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": (client, 50000) if client else None,
            "server": (server, 8501) if server else None,
        }
        answer, left = Answer(), iter(messages)

        async def receive() -> Message:
            message = next(left, None) or await _never()
            before(_said(message))
            return message

        async def send(message: Message) -> None:
            assert answer.closed is None, "nothing may be sent after the end"
            match message["type"]:
                case "http.response.start":
                    answer.status = message["status"]
                    answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
                case "http.response.body":
                    answer.body += message.get("body", b"").decode()
                case "websocket.accept":
                    answer.accepted = True
                case "websocket.send":
                    answer.sent.append(message["text"] if "text" in message else _meant(message["bytes"]))
                case "websocket.close":
                    answer.closed = message["code"]

        own_loop.run(self.gate(scope, receive, send))
        return answer


def rerun(page: str) -> bytes:
    """What Streamlit's page sends to have a page of that name drawn."""
    message = BackMsg()
    message.rerun_script.page_name = page
    content: bytes = message.SerializeToString()
    return content


def _said(message: Message) -> str:
    """The name of the page that a message asks for."""
    return str(BackMsg.FromString(message.get("bytes", b"")).rerun_script.page_name)


async def _never() -> Message:
    """It stays, and says no more."""
    await asyncio.Event().wait()
    raise AssertionError


def _meant(content: bytes) -> str:
    """What a message asks of Streamlit's page."""
    message = ForwardMsg.FromString(content)
    assert message.WhichOneof("type") == "auth_redirect"
    return f"load {message.auth_redirect.url or 'this page'}"


FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def passes(tmp_path: Path) -> Passes:
    """Of a server with both codes."""
    return Passes(tmp_path, AccessConfig(access_code=CODE, teacher_code=TEACHER_CODE))


@pytest.fixture
def alone() -> Browser:
    """Before a server without any code, from another machine unless said otherwise."""
    return Browser(Gate(app, lambda: Door("local")))


@pytest.fixture
def browser(passes: Passes) -> Browser:
    """Before a server with codes, from another machine."""
    return Browser(Gate(app, lambda: Door("code", passes)))
