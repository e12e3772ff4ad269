"""This module tells an open page that the visitor's pass has ended, so that it shows the form to sign in.

A page stays open for hours, and talks to the server over a websocket. Merely closed, it would try again for ever and say
"Connection error". Streamlit's own message for signing in at a provider makes it load an address; the empty one is its own.
"""

import asyncio

from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from cnnlab.dashboard.auth.sessions import Pass, Passes

REFUSED = 1008
"""Closing code of a websocket for "against the rules here" (RFC 6455: policy violation)."""
NOTICED_S = 2.0
"""Seconds after which a page that says nothing notices that the pass has ended: nobody else reads on in it."""


def _reload() -> bytes:
    message = ForwardMsg()
    message.auth_redirect.url = ""
    content: bytes = message.SerializeToString()
    return content


async def open_and_reload(scope: Scope, receive: Receive, send: Send) -> None:
    """Open the websocket of a page without a pass only to say that the page has to be loaded anew."""
    await receive()
    offered = scope.get("subprotocols", [])  # a browser gives up where it offers some and none is chosen
    await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
    await _say_and_close(send)


async def _say_and_close(send: Send) -> None:
    await send({"type": "websocket.send", "bytes": _reload()})
    await send({"type": "websocket.close", "code": REFUSED})


def while_it_holds(passes: Passes, given: Pass, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Return `receive` and `send` of a websocket that is closed as soon as the visitor's pass ends.

    The pass is asked for anew at each message, and every `NOTICED_S` while there is none.
    """
    coming: asyncio.Future[Message] | None = None
    over = False

    async def heard() -> Message:
        nonlocal coming, over
        if coming is None:
            coming = asyncio.ensure_future(receive())
        try:
            while not coming.done() and passes.holds(given):
                await asyncio.wait({coming}, timeout=NOTICED_S)
        except asyncio.CancelledError:
            coming.cancel()
            raise
        if coming.done() and (coming.result()["type"] != "websocket.receive" or passes.holds(given)):
            message, coming = coming.result(), None
            return message
        coming.cancel()
        over = True
        await _say_and_close(send)
        return {"type": "websocket.disconnect", "code": REFUSED}

    async def said(message: Message) -> None:
        if not over:
            await send(message)

    return heard, said
