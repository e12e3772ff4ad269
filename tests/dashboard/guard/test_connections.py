"""Connections whose request does not arrive are ended and bounded by address; whoever sends whole requests is not."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from websockets.sync.client import connect

from cnnlab.dashboard.guard import connections
from cnnlab.dashboard.guard.connections import Unfinished, bound, impatient, place
from tests.streamlit_server import free_port
from tests.waiting import eventually

PATIENCE_S = 60.0
HALF = b"GET / HTTP/1.1\r\nHost: local"
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
BY_ADDRESS = 5

Call = Callable[[bytes], socket.socket]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers "whole" once a request is there, and keeps websockets open."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
    elif scope["type"] == "http":
        message: Message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"whole"})


@pytest.fixture
def unfinished() -> Unfinished:
    """Few by address, and more in all."""
    return Unfinished(BY_ADDRESS, 20)


@pytest.fixture
def call(unfinished: Unfinished) -> Iterator[Call]:
    """call(words): a connection to a server on which these words were said."""
    port, calls = free_port(), contextlib.ExitStack()
    config = uvicorn.Config(app, port=port, http=impatient(H11Protocol, unfinished), lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    eventually(lambda: server.started)

    def say(words: bytes) -> socket.socket:
        connection = calls.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
        connection.sendall(words)
        return connection

    say.port = port  # type: ignore[attr-defined]
    yield say
    server.should_exit = server.force_exit = True
    calls.close()
    thread.join()


def ended(connection: socket.socket) -> bool:
    """Whether the server has ended it; waits for that."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def answer(connection: socket.socket) -> bytes:
    """What the server answers, to the end of the body."""
    said = b""
    while not said.endswith(b"whole"):
        more = connection.recv(1_000)
        assert more, f"the server has ended the connection after {said!r}"
        said += more
    return said


@pytest.mark.parametrize("words", [b"", HALF, b"G"])
def test_a_request_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch, call: Call, words: bytes) -> None:
    """Nothing is said, or half of it."""
    monkeypatch.setattr(connections, "HEAD_S", 0.2)

    assert ended(call(words))


def test_a_head_that_trickles_is_no_way_around_it(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    """A byte now and then, for ever."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    connection = call(b"GET / HTTP/1.1\r\n")

    end = time.monotonic() + PATIENCE_S
    with pytest.raises(ConnectionError):  # noqa: PT012 - it is sent until it cannot be
        while time.monotonic() < end:
            connection.sendall(b"X: y\r\n")
            time.sleep(0.05)


def test_a_body_that_stops_coming_is_given_up(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    """The form to sign in, say, which everybody may send; one that gets on has its time."""
    monkeypatch.setattr(connections, "BODY_S", 0.5)
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n\r\n"

    assert ended(call(head + b"half"))
    slow = call(head)
    for _ in range(10):
        time.sleep(0.02)
        slow.sendall(b"abc")
    assert answer(slow)


def test_the_second_request_of_a_connection_has_to_arrive_too(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    """A whole one first."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    connection = call(WHOLE)
    assert answer(connection)
    connection.sendall(HALF)

    assert ended(connection)


def test_one_address_holds_few_and_the_oldest_go(call: Call, unfinished: Unfinished) -> None:
    """Of many that are begun; meanwhile whoever says all that there is to say is answered."""
    begun = [call(HALF) for _ in range(3 * BY_ADDRESS)]

    assert all(ended(connection) for connection in begun[: 2 * BY_ADDRESS])
    assert answer(call(WHOLE))
    eventually(lambda: len(unfinished) <= BY_ADDRESS)
    newest = begun[-1]
    newest.sendall(b"host\r\n\r\n")
    assert answer(newest)


def test_whole_requests_and_websockets_are_not_counted(call: Call, unfinished: Unfinished) -> None:
    """A class behind one address has far more of them open than it may have half ones."""
    port = call.port  # type: ignore[attr-defined]
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(connect(f"ws://127.0.0.1:{port}/")) for _ in range(3 * BY_ADDRESS)]
        assert all(answer(call(WHOLE)) for _ in range(3 * BY_ADDRESS))
        eventually(lambda: len(unfinished) == 0)
        for page in pages:
            page.send("still here")
            assert page.recv(PATIENCE_S) == "still here"


def test_all_addresses_together_have_a_bound() -> None:
    """The address that holds most gives way."""
    few, aborted = Unfinished(10, 12), []

    def connection(host: str, number: int) -> SimpleNamespace:
        transport = SimpleNamespace(abort=lambda: aborted.append((host, number)))
        return _Hashable(client=(host, number), transport=transport)

    for number in range(9):
        few.add(connection("192.0.2.1", number))
    for number in range(6):
        few.add(connection(f"198.51.100.{number}", 0))

    assert len(few) == 12
    assert aborted == [("192.0.2.1", number) for number in range(3)]


class _Hashable(SimpleNamespace):
    """A connection is told from others by being itself."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a pipe", ""),
    ],
)
def test_where_a_connection_comes_from(host: str, where: str) -> None:
    """A machine has one IPv4 address and a whole network of IPv6 addresses."""
    assert place((host, 1)) == where
    assert place(None) == ""


def test_the_next_server_of_this_process_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only that one."""

    async def startup(self: object, sockets: object = None) -> None:
        """As uvicorn's."""

    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    config = uvicorn.Config(app, http=H11Protocol)
    config.http_protocol_class = H11Protocol

    monkeypatch.setattr(connections, "allow_many", lambda: 4_096)
    bound()
    coroutine = uvicorn.Server(config).startup()
    with pytest.raises(StopIteration):
        coroutine.send(None)

    assert issubclass(config.http_protocol_class, H11Protocol)
    assert config.http_protocol_class is not H11Protocol
    assert uvicorn.Server.startup is startup
