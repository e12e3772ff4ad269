"""A browser tab as a Streamlit server knows one: a cookie by HTTP, then protobuf over one websocket.

It does what the front end of Streamlit 1.67 does: it names the page and its address in each request, keeps a timer for
every fragment that asked for one (`run_every`), remembers the messages it is told to remember, says which it has, and
puts them where a later message only refers to them. Of the widgets it knows the selectbox, the only one that is open on
the page of a live run and keeps a value of its own, and buttons, which it can press. It draws nothing.
"""

import asyncio
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets import ClientConnection, ConnectionClosed, Origin, Subprotocol, connect

XSRF = "_streamlit_xsrf"
PATIENCE_S = 60.0
"""For HTTP and for the handshake. How long an answer may take is for the caller to judge."""
FAULTS = {Alert.ERROR: "error", Alert.WARNING: "warning"}


@dataclass(frozen=True)
class Answer:
    """A request and how long it took, from sending it to the server's word that the script is through."""

    fragment: str
    """Empty for the whole page."""
    sent: float
    """By time.perf_counter."""
    seconds: float


@dataclass
class _Kept:
    """A message the server may refer to. `used` counts script runs, as the front end does, to forget it in time."""

    message: ForwardMsg
    used: int


class Tab:
    """One page, open in one tab. `on_element` hears of each element that comes to be drawn, in order."""

    def __init__(self, url: str, page: str, query: str, on_element: Callable[[Delta], None] | None = None) -> None:
        self.url, self.page, self.query = url, page, query
        self.errors: list[str] = []
        """What a person would see go wrong: exceptions, alerts, scripts that end badly, a closed connection."""
        self.answers: list[Answer] = []
        self.waiting: dict[str, list[float]] = {}
        """Requests without an answer yet: by fragment, when they were sent."""
        self.buttons: dict[str, str] = {}
        """The buttons of the page: by label, the id that a press names."""
        self._on_element = on_element or (lambda delta: None)
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._timers: dict[str, tuple[float, asyncio.Task[None]]] = {}
        self._running: dict[str, list[float]] = {}
        self._early: dict[str, float] = {}
        self._widgets: dict[str, WidgetState] = {}
        self._kept: dict[str, _Kept] = {}
        self._runs = self._keep_for = 0
        self._hash = self._session = ""

    async def open(self) -> None:
        """Load the page; a tab that was open before comes back to its session, as after a broken connection."""
        cookie = await asyncio.to_thread(self._cookie)
        address = urlsplit(self.url)
        self._socket = await connect(
            f"ws://{address.netloc}/_stcore/stream",
            origin=Origin(self.url),
            subprotocols=[Subprotocol(part) for part in ("streamlit", cookie, self._session) if part],
            additional_headers={"Cookie": f"{XSRF}={cookie}"},
            max_size=None,
            open_timeout=PATIENCE_S,
            ping_interval=None,  # a browser answers pings and sends none
        )
        self._tasks = [asyncio.create_task(self._read(self._socket))]
        self.ask()

    def _cookie(self) -> str:
        """The page, and the health check from which the front end has its token."""
        for path in (f"{self.page}?{self.query}", "_stcore/health", "_stcore/host-config"):
            request = urllib.request.Request(f"{self.url}/{path}", headers={"Accept": "text/html,*/*"})
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                answer.read()
                set_cookies = answer.headers.get_all("Set-Cookie") or []
            for said in set_cookies:
                if said.startswith(f"{XSRF}="):
                    token = str(said).removeprefix(f"{XSRF}=").split(";")[0].strip('"')
        return token

    async def close(self) -> None:
        """Shut the tab."""
        await self._leave()
        if self._socket:
            await self._socket.close()

    async def vanish(self) -> None:
        """Be gone without goodbye, as with a pulled cable: no closing handshake, no answer any more."""
        await self._leave()
        if self._socket:
            self._socket.transport.abort()

    async def _leave(self) -> None:
        self._stop_all_timers()
        self.waiting.clear()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def ask(self, fragment: str = "", states: Sequence[WidgetState] = (), *, by_itself: bool = False) -> None:
        """Have the page, or one fragment of it, run again; `states` are what a person has just done."""
        message = BackMsg()
        request = message.rerun_script
        request.query_string = self.query
        request.page_script_hash = self._hash
        if not self._hash:
            request.page_name = self.page
        request.fragment_id = fragment
        request.is_auto_rerun = by_itself
        request.widget_states.widgets.extend([*self._widgets.values(), *states])
        request.cached_message_hashes.extend(self._kept)
        context = request.context_info
        context.timezone, context.locale, context.color_scheme = "UTC", "en-GB", "light"
        context.url = f"{self.url}/{self.page}"
        self.waiting.setdefault(fragment, []).append(time.perf_counter())
        self._tasks.append(asyncio.create_task(self._send(message.SerializeToString())))
        self._tasks = [task for task in self._tasks if not task.done()]

    def press(self, label: str) -> None:
        """Press the button with that label, anywhere outside the fragments. Raises KeyError where there is none."""
        self.ask(states=[WidgetState(id=self.buttons[label], trigger_value=True)])

    async def _send(self, data: bytes) -> None:
        if self._socket:
            with suppress(ConnectionClosed):  # the reader says so
                await self._socket.send(data)

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for data in socket:
                assert isinstance(data, bytes)
                self._take(self._whole(ForwardMsg.FromString(data)))
            self.errors.append("the server closed the connection")
        except ConnectionClosed as closed:
            self.errors.append(f"the connection broke: {closed}")
        self._stop_all_timers()

    def _whole(self, message: ForwardMsg) -> ForwardMsg:
        """The message itself where this one only refers to it."""
        if message.WhichOneof("type") != "ref_hash":
            if message.metadata.cacheable:
                self._kept.setdefault(message.hash, _Kept(message, 0)).used = self._runs
            return message
        kept = self._kept.get(message.ref_hash)
        if kept is None:
            self.errors.append(f"the server refers to a message that was never sent: {message.ref_hash}")
            return message
        kept.used = self._runs
        kept.message.metadata.CopyFrom(message.metadata)
        return kept.message

    def _take(self, message: ForwardMsg) -> None:
        heard: dict[str, Callable[[ForwardMsg], None]] = {
            "delta": self._draw,
            "new_session": self._begin,
            "script_finished": self._finish,
            "auto_rerun": self._start_timer,
            "stop_auto_rerun": self._stop_timers,
            "navigation": self._turn_to_page,
            "page_info_changed": self._change_query,
            "session_event": self._hear_of_script,
        }
        if take := heard.get(message.WhichOneof("type") or ""):
            take(message)

    def _turn_to_page(self, message: ForwardMsg) -> None:
        self._hash = message.navigation.page_script_hash

    def _change_query(self, message: ForwardMsg) -> None:
        self.query = message.page_info_changed.query_string

    def _hear_of_script(self, message: ForwardMsg) -> None:
        if message.session_event.HasField("script_compilation_exception"):
            self.errors.append("the page does not compile")

    def _draw(self, message: ForwardMsg) -> None:
        if message.delta.WhichOneof("type") != "new_element":
            return
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.errors.append(f"exception on the page: {element.exception.type}: {element.exception.message}")
        elif kind == "alert" and element.alert.format in FAULTS:
            self.errors.append(f"{FAULTS[element.alert.format]} on the page: {element.alert.body}")
        elif kind == "selectbox" and (box := element.selectbox).HasField("default"):
            self._widgets[box.id] = WidgetState(id=box.id, string_value=box.options[box.default])
        elif kind == "button":
            self.buttons[element.button.label] = element.button.id
        self._on_element(message.delta)

    def _begin(self, message: ForwardMsg) -> None:
        """A script run starts: it answers what was asked for before now, the whole page for its fragments as well."""
        session, fragments = message.new_session, list(message.metadata.run.fragment_ids)
        self._hash = self._hash or session.page_script_hash
        self._session = session.initialize.session_id or self._session
        self._keep_for = session.config.max_cached_message_age
        if not fragments:
            self._stop_all_timers()
        for fragment in set(self._running) - set(fragments) if fragments else ():
            # It was drawn: of two requests that come together, Streamlit takes back or drops the first one's last word.
            self._answer(fragment, self._early.get(fragment, time.perf_counter()))
        self._early.clear()
        for fragment in fragments or list(self.waiting):
            self._running.setdefault(fragment, []).extend(self.waiting.pop(fragment, []))

    def _finish(self, message: ForwardMsg) -> None:
        now, status, fragments = time.perf_counter(), message.script_finished, list(message.metadata.run.fragment_ids)
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self._early |= dict.fromkeys(fragments, now)
            return
        if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self.errors.append("the page does not compile")
        for fragment in fragments or list(self._running):
            self._answer(fragment, now)
        if not fragments:  # what was asked of fragments that are no longer there gets no answer
            self.waiting = {fragment: sent for fragment, sent in self.waiting.items() if fragment in self._timers}
        self._forget(fragments)

    def _answer(self, fragment: str, now: float) -> None:
        self.answers += [Answer(fragment, sent, now - sent) for sent in self._running.pop(fragment, [])]

    def _forget(self, fragments: list[str]) -> None:
        """Messages grow older with each run of the part of the page that they came from."""
        self._runs += 1
        ages = {hash: self._runs - kept.used for hash, kept in self._kept.items() if self._concerns(kept, fragments)}
        for hash in (hash for hash, age in ages.items() if age > self._keep_for):
            del self._kept[hash]

    @staticmethod
    def _concerns(kept: _Kept, fragments: list[str]) -> bool:
        return not fragments or kept.message.delta.fragment_id in fragments

    def unanswered(self, seconds: float) -> list[str]:
        """The fragments asked for that long ago, or longer, that have not been drawn since."""
        now = time.perf_counter()
        asked = [*self.waiting.items(), *self._running.items()]
        return [fragment for fragment, sent in asked if any(now - at >= seconds for at in sent)]

    def _start_timer(self, message: ForwardMsg) -> None:
        fragment, seconds = message.auto_rerun.fragment_id, message.auto_rerun.interval
        if self._timers.get(fragment, (None,))[0] != seconds:
            self._stop_timer(fragment)
            self._timers[fragment] = (seconds, asyncio.create_task(self._tick(fragment, seconds)))

    async def _tick(self, fragment: str, seconds: float) -> None:
        due = time.perf_counter()
        while True:
            due += seconds
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self.ask(fragment, by_itself=True)

    def _stop_timers(self, message: ForwardMsg) -> None:
        for fragment in message.stop_auto_rerun.fragment_ids:
            self._stop_timer(fragment)

    def _stop_timer(self, fragment: str) -> None:
        if fragment in self._timers:
            self._timers.pop(fragment)[1].cancel()

    def _stop_all_timers(self) -> None:
        for fragment in list(self._timers):
            self._stop_timer(fragment)
