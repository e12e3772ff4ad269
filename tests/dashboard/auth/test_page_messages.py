"""What a page may say over its websocket: the types our pages send, of their size, at their pace."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest, BackMsg

from cnnlab.dashboard.auth import Gate
from cnnlab.dashboard.auth.policy import Door
from cnnlab.dashboard.auth.sessions import COOKIE, Passes
from cnnlab.dashboard.auth.websocket import page_messages
from tests import own_loop
from tests.dashboard.auth.conftest import AWAY, HERE, rerun

HEARD = {"rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "backend_operation_request"}
LEFT_OUT = {
    *("clear_cache", "load_git_info", "set_run_on_save"),
    *("debug_disconnect_websocket", "debug_shutdown_runtime"),
}
OPERATIONS_LEFT_OUT = {"install_skills", "dismiss_skills_nudge", "dataframe_chunk"}


def of_type(name: str) -> bytes:
    """A message of that type, with nothing in it."""
    message = BackMsg()
    if BackMsg.DESCRIPTOR.fields_by_name[name].type == FieldDescriptor.TYPE_BOOL:
        setattr(message, name, True)
    else:
        getattr(message, name).SetInParent()
    if name == "backend_operation_request":
        message.backend_operation_request.deferred_file.file_id = "x"
    return bytes(message.SerializeToString())


def operation(name: str) -> bytes:
    """A request to do that on the server."""
    message = BackMsg()
    getattr(message.backend_operation_request, name).SetInParent()
    return bytes(message.SerializeToString())


def types_of(kind: Any, oneof: str) -> set[str]:
    """The names that this version of Streamlit knows."""
    return {field.name for field in kind.DESCRIPTOR.oneofs_by_name[oneof].fields}


def heard_by(said: Iterable[Message], wrap: Callable[[Receive], Receive] = page_messages.only_of_pages) -> list[Any]:
    """What comes through of these messages."""

    async def listen() -> list[Any]:
        coming = chain(said, [{"type": "websocket.disconnect"}])

        async def receive() -> Message:
            return next(coming)

        heard, found = wrap(receive), []
        while (message := await heard())["type"] == "websocket.receive":
            found.append(message.get("bytes", message.get("text")))
        return found

    return own_loop.run(listen())


def receives(*contents: bytes) -> list[Message]:
    """These as messages of a websocket."""
    return [{"type": "websocket.receive", "bytes": content} for content in contents]


def test_every_type_of_message_is_known_here() -> None:
    """A new version of Streamlit may have more: each is looked at, and put into one of these lists."""
    assert types_of(BackMsg, "type") == HEARD | LEFT_OUT
    assert types_of(BackendOperationRequest, "payload") == {"deferred_file"} | OPERATIONS_LEFT_OUT


def test_what_pages_send_is_heard_and_nothing_else() -> None:
    """In their order, each as it is."""
    good = [of_type(name) for name in sorted(HEARD)]
    bad = [of_type(name) for name in LEFT_OUT] + [operation(name) for name in OPERATIONS_LEFT_OUT]
    bad += [b"", b"\x00", b"\xff" * 50, rerun("train")[:-1], operation("deferred_file")[:-1]]

    mixed = [message for pair in zip(bad, good * 3, strict=False) for message in pair]
    assert heard_by(receives(*mixed)) == [message for message in mixed if message in good]
    assert heard_by([{"type": "websocket.receive", "text": "hello"}, *receives(rerun("train"))]) == [rerun("train")]


def test_no_message_and_no_list_of_files_is_endless() -> None:
    """Both are far above what a page of ours sends."""
    fits, too_long = rerun("x" * 200_000), rerun("x" * 300_000)
    files = BackMsg()
    files.file_urls_request.file_names.extend(["a"] * page_messages.MOST_FILES)
    some = files.SerializeToString()
    files.file_urls_request.file_names.append("a")

    assert heard_by(receives(fits, too_long, some, files.SerializeToString(), fits)) == [fits, some, fits]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only moves when somebody sleeps, and how long each has slept."""
    now, naps = [100.0], []

    async def sleep(seconds: float) -> None:
        now[0] += seconds
        naps.append(seconds)

    monkeypatch.setattr(page_messages.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(page_messages.asyncio, "sleep", sleep)
    return naps


@pytest.mark.usefixtures("slept")
def test_who_never_rests_is_slowed(slept: list[float]) -> None:
    """To ten a second after the first fifty, garbage counted as well; nothing is lost."""
    said = receives(*[rerun("train"), b"\xff"] * 150)

    assert heard_by(said) == [rerun("train")] * 150
    assert sum(slept) == pytest.approx(25.0)  # 300 of them, 50 at once


@pytest.mark.parametrize(("polls_s", "seconds"), [(4.0, 600), (9.0, 60)])
def test_a_page_that_polls_is_never_slowed(
    monkeypatch: pytest.MonkeyPatch, slept: list[float], polls_s: float, seconds: int
) -> None:
    """Four times a second for ten minutes with a burst of clicks now and then, and nine times as a run begins."""
    now = [100.0]
    monkeypatch.setattr(page_messages.time, "monotonic", lambda: now[0])

    def told() -> Iterable[Message]:
        for poll in range(int(seconds * polls_s)):
            now[0] += 1 / polls_s
            for _ in range(1 if poll % 100 or polls_s > 4 else 20):
                yield from receives(rerun("train"))

    assert heard_by(told())
    assert slept == []


@pytest.mark.parametrize("kind", ["local", "code", "openid"])
def test_every_door_leaves_them_out(passes: Passes, kind: Any) -> None:
    """This machine's own as well: nothing that only the server's owner may do goes by a page."""
    reached: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            reached.append(message.get("bytes", b""))

    gate = Gate(app, lambda: Door(kind, passes if kind == "code" else None))
    where = HERE if kind == "local" else AWAY
    cookie = f"{COOKIE}={passes.give('person', 'Ada')}"
    scope: Scope = {
        "type": "websocket",
        "path": "/_stcore/stream",
        "headers": [(b"host", where["host"].encode()), (b"cookie", cookie.encode())],
        "client": (where["client"], 50000),
        "server": (where["server"], 8501),
    }

    async def send(message: Message) -> None:
        raise AssertionError(message)

    def through_gate(receive: Receive) -> Receive:
        async def all_of_it() -> Message:
            await gate(scope, receive, send)
            return {"type": "websocket.disconnect"}

        return all_of_it

    heard_by(receives(of_type("clear_cache"), rerun("train"), of_type("set_run_on_save")), through_gate)
    assert reached == [rerun("train")]
