"""This module lets through what our pages send over their websocket, and nothing else, and no faster than people click.

Streamlit hears every type of message from every visitor. Some act on all visitors, and no page of ours sends them:
`clear_cache` empties the caches of the server, `load_git_info` starts git and waits for it, `install_skills` writes files.
"""

import asyncio
import time

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from starlette.types import Message, Receive
from streamlit.proto.BackMsg_pb2 import BackMsg

from cnnlab import logs

PER_S, AT_ONCE = 10.0, 50.0
"""Messages a second that a page may send for long, and at once. The busiest page of ours, a run in its first ten seconds,
asks nine times a second; whatever is more waits in the sender's own browser."""
MOST_BYTES = 256 << 10
"""Size of a message. Ours have a tenth of it: the states of a page's widgets, as text."""
MOST_FILES = 32
"""Files that a page may ask to upload at once."""

OF_PAGES = frozenset({"rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "backend_operation_request"})
"""Types of message that our pages send. Each acts on the sender's own session alone."""
OPERATIONS = frozenset({"deferred_file"})
"""Operations that our pages ask for: the content of a file that is downloaded."""


def only_of_pages(receive: Receive) -> Receive:
    """Return the `receive` of a websocket that leaves out what no page of ours sends, and slows a sender who never rests.

    A message that comes too early is kept back: nothing more is read from its sender meanwhile, and others wait for
    nothing. The first message that is left out stands in the log, with its type.
    """
    free_at = 0.0
    told = False

    async def heard() -> Message:
        nonlocal free_at, told
        while (message := await receive())["type"] == "websocket.receive":
            now = time.monotonic()
            free_at = max(free_at, now - AT_ONCE / PER_S) + 1 / PER_S
            if free_at > now:
                await asyncio.sleep(free_at - now)
            why = fault_of(message.get("bytes"))
            if why is None:
                return message
            if not told:
                logs.event("message left out", why=why)
                told = True
        return message

    return heard


def fault_of(content: bytes | None) -> str | None:
    """Return why a message is none of our pages', in a few words; None for one that is."""
    if content is None:
        return "text"
    if len(content) > MOST_BYTES:
        return "too long"
    try:
        message = BackMsg.FromString(content)
    except DecodeError:
        return "unreadable"
    kind = message.WhichOneof("type")
    if kind not in OF_PAGES:
        return kind or "no type"
    if kind == "file_urls_request" and len(message.file_urls_request.file_names) > MOST_FILES:
        return "too many files"
    operation = message.backend_operation_request.WhichOneof("payload")
    if kind == "backend_operation_request" and operation not in OPERATIONS:
        return operation or "no operation"
    return None
