"""What uploaded files take up of the server's memory, and whose page they may belong to."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from cnnlab.app_config import AccessConfig
from cnnlab.dashboard.auth.policy import Door
from cnnlab.dashboard.auth.sessions import COOKIE, Passes
from cnnlab.dashboard.guard import uploads
from cnnlab.dashboard.guard.uploads import Uploads

SOME = 1_000
"""Bytes of a file here, where all of a person may be `3 * SOME`, and all of everybody `8 * SOME`."""


class Pages:
    """Streamlit, as far as uploads know it: open pages by session, each with its person, and the files they sent."""

    def __init__(self) -> None:
        self.open: dict[str, str] = {}
        self.uploaded_file_mgr = MemoryUploadedFileManager("/upload")
        self.guard = Uploads(self.app, whose=lambda cookies: cookies.get("person", ""))

    def get_client(self, session: str) -> SimpleNamespace | None:
        person = self.open.get(session)
        return person and SimpleNamespace(client_context=SimpleNamespace(cookies={"person": person}))  # type: ignore[return-value]

    def is_active_session(self, session: str) -> bool:
        return session in self.open

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What Streamlit does with a file."""
        if scope["type"] == "websocket":
            self.open.pop(scope["path"].rpartition("/")[2])
            return
        session, file = scope["path"].split("/")[-2:]
        data, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            data, more = data + message.get("body", b""), message.get("more_body", False)
        if scope["method"] == "PUT":
            self.uploaded_file_mgr.add_file(session, UploadedFileRec(file, file, "image/png", data))
        else:
            self.uploaded_file_mgr.remove_file(session, file)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def kept(self) -> dict[str, list[str]]:
        """The files, by session."""
        storage = self.uploaded_file_mgr.file_storage
        return {session: list(files) for session, files in storage.items() if files}

    async def ask(self, method: str, path: str, person: str = "ada", size: int | None = SOME) -> tuple[int, bytes]:
        """The status and the body that a request is answered with."""
        headers = [(b"cookie", f"person={person}".encode())]
        headers += [(b"content-length", str(size).encode())] if size is not None else []
        scope = {"type": "http", "method": method, "path": f"/_stcore/upload_file/{path}", "headers": headers}
        parts = iter([{"type": "http.request", "body": b"x" * (size or 0), "more_body": False}])
        answer: list[Message] = []

        async def receive() -> Message:
            return next(parts)

        async def send(message: Message) -> None:
            answer.append(message)

        await self.guard(scope, receive, send)
        return answer[0]["status"], answer[1]["body"]

    async def put(self, path: str, person: str = "ada", size: int | None = SOME) -> int:
        return (await self.ask("PUT", path, person, size))[0]

    async def close(self, session: str) -> None:
        async def nothing(*_: object) -> Message:
            return {}

        await self.guard({"type": "websocket", "path": f"/_stcore/stream/{session}"}, nothing, nothing)  # type: ignore[arg-type]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    """Ada has two pages open, and Bob one."""
    pages = Pages()
    pages.open = {"ada-1": "ada", "ada-2": "ada", "bob-1": "bob"}
    monkeypatch.setattr(uploads, "Runtime", SimpleNamespace(exists=lambda: True, instance=lambda: pages))
    monkeypatch.setattr(uploads, "PERSON_BYTES", 3 * SOME)
    monkeypatch.setattr(uploads, "ALL_BYTES", 8 * SOME)
    return pages


def run(doing: Callable[[], Awaitable[None]]) -> None:
    """In a thread of its own: a browser's test may have left its event loop in this one."""

    async def done() -> None:
        await doing()

    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(lambda: asyncio.run(done())).result()


def test_the_oldest_files_of_a_person_make_room(pages: Pages) -> None:
    """Over all pages of the person; nobody else's file goes, and no file at all for one that is too large alone."""

    async def go() -> None:
        assert await pages.put("bob-1/b", "bob") == 204
        for number in range(100):
            assert await pages.put(f"ada-{1 + number % 2}/{number}") == 204
            assert sum(map(len, pages.kept().values())) <= 1 + 3
        assert pages.kept() == {"bob-1": ["b"], "ada-1": ["98"], "ada-2": ["97", "99"]}
        assert await pages.put("ada-1/large", size=3 * SOME + 1) == 413
        assert sum(map(len, pages.kept().values())) == 1 + 3

    run(go)


def test_all_together_have_a_bound_and_an_uploader_can_ask(pages: Pages) -> None:
    """Ten people: who comes after eight files is refused, and asked before that is told that there is no room."""

    async def go() -> None:
        pages.open |= {f"{number}-1": f"person {number}" for number in range(10)}
        answers = [await pages.put(f"{number}-1/x", f"person {number}") for number in range(10)]
        assert answers == [204] * 8 + [503] * 2
        assert json.loads((await pages.ask("GET", "1"))[1]) == {"room": False}
        assert (await pages.ask("DELETE", "0-1/x", "person 0"))[0] == 204
        assert json.loads((await pages.ask("GET", str(SOME)))[1]) == {"room": True}
        assert json.loads((await pages.ask("GET", str(SOME + 1)))[1]) == {"room": False}
        assert json.loads((await pages.ask("GET", "much"))[1]) == {"room": False}

    run(go)


@pytest.mark.parametrize("path", ["bob-1/x", "nobody/x", "ada-1/", "ada-1"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_only_into_an_open_page_of_ones_own(pages: Pages, method: str, path: str) -> None:
    """Bob's page is neither given a file by Ada nor loses one to her."""

    async def go() -> None:
        assert await pages.put("bob-1/x", "bob") == 204
        assert (await pages.ask(method, path))[0] == 403
        assert pages.kept() == {"bob-1": ["x"]}

    run(go)


def test_the_files_of_a_closed_page_go(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, in which a page that has only lost its connection comes back to its files."""
    monkeypatch.setattr(uploads, "GRACE_S", 0.2)

    async def go() -> None:
        assert [await pages.put(f"{session}/x", session[:3]) for session in list(pages.open)] == [204] * 3
        await pages.close("ada-1")
        await pages.close("bob-1")
        assert pages.kept().keys() == {"ada-1", "ada-2", "bob-1"}
        pages.open["bob-1"] = "bob"
        while "ada-1" in pages.kept():
            await asyncio.sleep(0.02)
        assert pages.kept().keys() == {"ada-2", "bob-1"}
        assert not pages.guard._gone

    run(go)


def test_what_is_still_coming_counts(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many files begun at once are no way around the bound; one that does not get on is given up."""
    monkeypatch.setattr(uploads, "STILL_S", 0.2)

    async def begun() -> list[Message]:
        headers = [(b"cookie", b"person=ada"), (b"content-length", str(2 * SOME).encode())]
        scope = {"type": "http", "method": "PUT", "path": "/_stcore/upload_file/ada-1/slow", "headers": headers}
        answer: list[Message] = []

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            answer.append(message)

        await pages.guard(scope, receive, send)
        return answer

    async def go() -> None:
        slow = asyncio.ensure_future(begun())
        await asyncio.sleep(0)
        assert await pages.put("ada-1/second", size=2 * SOME) == 429
        assert await pages.put("ada-1/third", size=SOME) == 204
        assert await slow == []
        assert await pages.put("ada-1/second", size=2 * SOME) == 204

    run(go)


def test_a_file_of_unknown_length_is_not_taken(pages: Pages) -> None:
    """A browser says how long it is."""

    async def go() -> None:
        assert await pages.put("ada-1/x", size=None) == 411

    run(go)


def test_who_a_visitor_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the door: the person of a pass, a provider's cookie, or everybody on this machine alike."""
    passes = Passes(tmp_path, AccessConfig(access_code="four-random-words"))
    ada = [passes.give("person", "Ada", "word") for _ in range(2)]
    bob = passes.give("person", "Bob")
    doors: Iterable[tuple[Door, list[dict[str, str]], int]] = [
        (Door("local"), [{}, {COOKIE: ada[0]}], 1),
        (Door("code", passes), [{COOKIE: ada[0]}, {COOKIE: ada[1]}], 1),
        (Door("code", passes), [{COOKIE: ada[0]}, {COOKIE: bob}, {}], 3),
        (Door("openid"), [{"_streamlit_user": "a"}, {"_streamlit_user": "b"}], 2),
    ]
    for door, cookies, people in doors:
        monkeypatch.setattr(uploads, "door", lambda door=door: door)
        assert len({uploads.visitor(each) for each in cookies}) == people
