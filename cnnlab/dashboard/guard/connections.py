"""This module ends connections whose request does not arrive, and bounds how many of these one address may hold.

uvicorn waits for a request for ever, and each connection holds one of the files that a process may open. A connection
whose request is there, as that of a page, is not bounded: a whole class may come from one address.
"""

import asyncio
import ipaddress
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from uvicorn.server import Server

from cnnlab.files.descriptors import allow_many

HEAD_S = 15.0
"""Seconds within which a request must be there, but for its body."""
BODY_S = 30.0
"""Seconds after which the body of a request has stopped coming."""
BY_ADDRESS = 256
"""Most connections with half a request by address: thirty browsers behind one address open six each at the same moment."""
IN_ALL = 2_000


class Unfinished:
    """An `Unfinished` holds the connections whose request is not there whole, by address, the oldest first."""

    def __init__(self, by_address: int, in_all: int) -> None:
        self._by_address, self._in_all = by_address, in_all
        self._held: dict[str, dict[Impatient, None]] = defaultdict(dict)

    def __len__(self) -> int:
        """Return how many connections are held."""
        return sum(map(len, self._held.values()))

    def __contains__(self, connection: "Impatient") -> bool:
        """Return whether a connection is held."""
        return connection in self._held.get(place(connection.client), ())

    def add(self, connection: "Impatient") -> None:
        """Hold one more connection, and end the oldest one where these are too many."""
        ours = self._held[place(connection.client)]
        ours[connection] = None
        if len(ours) > self._by_address:
            self._end(ours)
        elif len(self) > self._in_all:
            most: dict[Impatient, None] = max(self._held.values(), key=len)
            self._end(most)

    def remove(self, connection: "Impatient") -> None:
        """Hold a connection no longer: its request is there, or it has ended."""
        where = place(connection.client)
        ours = self._held.get(where, {})
        ours.pop(connection, None)
        if not ours:
            self._held.pop(where, None)

    def _end(self, some: Iterable["Impatient"]) -> None:
        oldest = next(iter(some))
        self.remove(oldest)
        oldest.transport.abort()


def place(client: tuple[str, int] | None) -> str:
    """Return the address a connection comes from; of IPv6 the network, since one machine has a whole network of them."""
    try:
        ip = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip), 64), strict=False))


class Impatient(asyncio.Protocol):
    """An `Impatient` protocol ends its connection where the request does not arrive. It stands before one of uvicorn's."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    cycle: Any
    flow: Any
    client: tuple[str, int] | None
    unfinished: Unfinished
    _end_of_patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request of a new connection."""
        super().connection_made(transport)
        self._wait(HEAD_S)

    def data_received(self, data: bytes) -> None:
        """Look how much of the request is there now."""
        super().data_received(data)
        under_way = self.cycle is not None and not self.cycle.response_complete
        if self.transport.get_protocol() is not self:  # it is a websocket now
            self._settle()
        elif not under_way and self not in self.unfinished:  # the head of the next request has begun
            self._wait(HEAD_S)
        elif under_way and self.cycle.more_body:
            self._wait(BODY_S)
        elif under_way:
            self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._settle()
        super().connection_lost(exc)

    def _wait(self, seconds: float) -> None:
        if self._end_of_patience:
            self._end_of_patience.cancel()
        self._end_of_patience = self.loop.call_later(seconds, self._give_up)
        if self not in self.unfinished:
            self.unfinished.add(self)

    def _settle(self) -> None:
        if self._end_of_patience:
            self._end_of_patience.cancel()
            self._end_of_patience = None
        self.unfinished.remove(self)

    def _give_up(self) -> None:
        if self.flow.read_paused:  # what has come is more than has been looked at: it is not the sender who is slow
            self._wait(BODY_S)
        else:
            self.transport.abort()


def impatient(kind: type[asyncio.Protocol], unfinished: Unfinished) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol `kind` as one that ends a connection whose request does not arrive."""
    return kind if issubclass(kind, Impatient) else type("Impatient", (Impatient, kind), {"unfinished": unfinished})


def bound() -> None:
    """Bound the connections of the server that starts next in this process, which may open as many files as it can get.

    The server is made by `streamlit run`, which has no setting for it.
    """
    in_all = min(IN_ALL, allow_many() // 4)
    unfinished = Unfinished(min(BY_ADDRESS, in_all), in_all)
    startup = Server.startup

    async def started(self: Server, sockets: Any = None) -> None:
        self.config.http_protocol_class = impatient(self.config.http_protocol_class, unfinished)
        Server.startup = startup  # type: ignore[method-assign]
        await startup(self, sockets)

    Server.startup = started  # type: ignore[method-assign]
