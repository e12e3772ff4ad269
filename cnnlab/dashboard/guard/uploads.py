"""This module bounds the memory that uploaded files take up: by person and in all, and only for open pages of one's own.

Streamlit keeps each uploaded file in memory until the session of its page is forgotten, whoever sent it, however many.
What a page wants to keep of a file it has written to the disk by then.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from cnnlab.dashboard.app.page_head import base_path
from cnnlab.dashboard.auth.policy import PROVIDER_COOKIE, door
from cnnlab.dashboard.auth.sessions import COOKIE

PERSON_BYTES = 60_000_000
"""Most bytes that the files of one person take up: two of the largest. The oldest make room for a new one."""
ALL_BYTES = 400_000_000
"""Most bytes that the files of everybody take up. Whoever comes after that is refused."""
GRACE_S = 60.0
"""Seconds for which the files of a page wait that has lost its connection: a telephone changes from one network to another."""
STILL_S = 30.0
"""Seconds after which an upload that does not get on is given up."""

FULL = "Uploaded files take up all the room that this server has for them. Try again in a few minutes."

Whose = Callable[[Mapping[str, str]], str]
"""Function that names the person who sends a request, by its cookies; "" for everybody where nobody signs in."""


def visitor(cookies: Mapping[str, str]) -> str:
    """Return the id of the person with these cookies; "" where nobody signs in, or the person's pass is over."""
    here = door()
    if here.passes:
        given = here.passes.read(cookies.get(COOKIE))
        return str(given.actor.id) if given else ""
    return cookies.get(PROVIDER_COOKIE, "") if here.kind == "openid" else ""


class Uploads:
    """`Uploads` is a middleware that lets a file pass to Streamlit where there is room for it and the page is one's own.

    Pure ASGI, behind the gate: who may not come in at all does not get this far.
    """

    def __init__(self, app: ASGIApp, whose: Whose = visitor) -> None:
        self._app, self._whose = app, whose
        self._base = f"{base_path()}_stcore/upload_file/"
        self._coming: dict[str, list[int]] = {}
        """Bytes of the files that are being sent, by person."""
        self._came: dict[tuple[str, str], float] = {}
        """Files that are kept, by session and name, with the time.monotonic() at which each came."""
        self._gone: dict[str, float] = {}
        """Sessions that hold files and have no open page, with the time.monotonic() at which that was seen."""
        self._next_look: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; every one but for an upload passes as it is."""
        if scope["type"] == "websocket":
            try:
                await self._app(scope, receive, send)
            finally:
                self._look_after_the_gone()
        elif scope["type"] == "http" and scope["path"].startswith(self._base):
            await self._upload(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        session, _, name = scope["path"].removeprefix(self._base).partition("/")
        if scope["method"] == "GET":  # an uploader asks before it sends
            room = session.isdecimal() and self._has_room(int(session[:12]))
            await JSONResponse({"room": room}, headers={"Cache-Control": "no-store"})(scope, receive, send)
        elif scope["method"] not in ("PUT", "DELETE"):
            await self._app(scope, receive, send)
        elif not name or not self._is_own(session, scope):
            await _refuse(403, "This page is not open, or it is somebody else's.", scope, receive, send)
        elif scope["method"] == "DELETE":
            await self._app(scope, receive, send)
        else:
            await self._take(session, name, scope, receive, send)

    async def _take(self, session: str, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "")
        person = self._whose(HTTPConnection(scope).cookies)
        if not length.isdecimal():
            await _refuse(411, "The length of the file is not said.", scope, receive, send)
        elif int(length) > PERSON_BYTES:
            await _refuse(413, "This file is larger than all that one person can send.", scope, receive, send)
        elif int(length) + sum(self._coming.get(person, ())) > PERSON_BYTES:
            await _refuse(429, "Wait until your other files have arrived.", scope, receive, send)
        else:
            with self._expected(person, int(length)):
                self._make_room(person)
                if self._has_room(0):
                    await self._app(scope, _while_it_gets_on(receive), send)
                    self._came[session, name] = time.monotonic()
                    self._look_after_the_gone()  # the page may have been closed meanwhile
                else:
                    await _refuse(503, FULL, scope, receive, send)

    @contextmanager
    def _expected(self, person: str, size: int) -> Iterator[None]:
        """Count a file while it comes in."""
        self._coming.setdefault(person, []).append(size)
        try:
            yield
        finally:
            self._coming[person].remove(size)
            if not self._coming[person]:
                del self._coming[person]

    def _has_room(self, size: int) -> bool:
        """Return whether one more file of that size, in bytes, fits beside those that are kept and those that come."""
        kept = sum(size for session in _sessions() for _, size in _files(session))
        return kept + sum(map(sum, self._coming.values())) + size <= ALL_BYTES

    def _make_room(self, person: str) -> None:
        """Forget the oldest files of a person until what is kept and what comes stay within the person's bound."""
        kept = {(session, name): size for session in _sessions() for name, size in _files(session)}
        self._came = {file: came for file, came in self._came.items() if file in kept}
        theirs = [
            file for file in sorted(kept, key=lambda file: self._came.get(file, 0.0)) if self._owner(file[0]) == person
        ]
        excess = sum(kept[file] for file in theirs) + sum(self._coming.get(person, ())) - PERSON_BYTES
        for file in theirs:
            if excess <= 0:
                break
            _manager().remove_file(*file)
            excess -= kept[file]

    def _owner(self, session: str) -> str | None:
        """Return whose an open page is; None where no page of that session is open."""
        client = Runtime.instance().get_client(session)
        if client is None or client.client_context is None:
            return None
        return self._whose(client.client_context.cookies)

    def _is_own(self, session: str, scope: Scope) -> bool:
        return self._owner(session) == self._whose(HTTPConnection(scope).cookies)

    def _look_after_the_gone(self) -> None:
        """Forget files whose page is closed for `GRACE_S`, and look again when the next ones will be."""
        if not Runtime.exists():
            return
        now, runtime = time.monotonic(), Runtime.instance()
        gone = [session for session in _sessions() if not runtime.is_active_session(session)]
        self._gone = {session: self._gone.get(session, now) for session in gone}
        for session, since in list(self._gone.items()):
            if now - since >= GRACE_S:
                _manager().remove_session_files(session)
                del self._gone[session]
        if self._next_look:
            self._next_look.cancel()
            self._next_look = None
        if self._gone:
            wait_s = min(self._gone.values()) + GRACE_S - now
            self._next_look = asyncio.get_running_loop().call_later(wait_s, self._look_after_the_gone)


def _manager() -> MemoryUploadedFileManager:
    manager = Runtime.instance().uploaded_file_mgr
    assert isinstance(manager, MemoryUploadedFileManager)
    return manager


def _sessions() -> list[str]:
    """Return the sessions that hold files."""
    return list(_manager().file_storage)


def _files(session: str) -> list[tuple[str, int]]:
    """Return name and size of the files that a session holds."""
    return [(name, len(file.data)) for name, file in list(_manager().file_storage.get(session, {}).items())]


async def _refuse(status: int, sentence: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer an upload that is not taken. It is let in and not kept, as far as it is no larger than one that would be: a
    sender whose connection is closed does not read the answer.
    """
    coming, still = _while_it_gets_on(receive), PERSON_BYTES
    while still > 0:
        message = await coming()
        still -= max(1, len(message.get("body", b"")))
        if not message.get("more_body", False):
            break
    await PlainTextResponse(sentence, status, {"Connection": "close"})(scope, receive, send)


def _while_it_gets_on(receive: Receive) -> Receive:
    """Return `receive` of an upload that ends, as if the sender had gone, once nothing comes for `STILL_S`."""

    async def received() -> Message:
        with anyio.move_on_after(STILL_S):
            return await receive()
        return {"type": "http.disconnect"}

    return received
