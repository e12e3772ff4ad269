"""What a broken or hostile page sends over its own websocket fails that page at most: another tab of the server works on."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets import ConnectionClosed

from benchmarks.dashboard.streamlit_client import Tab
from tests import own_loop
from tests.streamlit_server import Server

N = 828
"""As many as the attack in which this was first seen to hold."""
AT_ONCE = 40
"""Of one connection: fewer than the server slows down, so that the test does not wait."""
PATIENCE_S = 120.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A dashboard of its own."""
    with Server(tmp_path) as started:
        yield started


def garbage(dice: random.Random, sound: bytes, widgets: list[str]) -> bytes:
    """One message that no page of ours sends: noise, a message cut short or changed, or a request that makes no sense."""
    message = BackMsg()
    request = message.rerun_script
    request.page_name = "train"
    state = WidgetState(id=dice.choice([*widgets, "no such widget", "", "$$ID-x-None"]))
    match dice.randrange(7):
        case 0:
            return dice.randbytes(dice.randrange(2_000))
        case 1:
            return sound[: dice.randrange(len(sound))]
        case 2:
            place = dice.randrange(len(sound))
            return sound[:place] + dice.randbytes(4) + sound[place + 4 :]
        case 3:
            request.page_name = request.query_string = dice.choice(
                ["x" * 100_000, "../../etc/passwd", "\x00", "run=%ff"]
            )
        case 4:
            request.fragment_id = dice.choice(["no such fragment", "\x00", "y" * 10_000])
            request.is_auto_rerun = True
        case 5:
            request.page_script_hash = dice.choice(["0" * 32, "no hash", "z" * 10_000])
        case _:
            dice.choice([_text, _number, _json, _list])(state, dice)
            request.widget_states.widgets.extend([state] * dice.choice([1, 2, 500]))
    return bytes(message.SerializeToString())


def _text(state: WidgetState, dice: random.Random) -> None:
    state.string_value = dice.choice(["", "\x00", "9" * 50_000])


def _number(state: WidgetState, dice: random.Random) -> None:
    state.double_value = dice.choice([float("nan"), float("inf"), -1.0, 1e300])


def _json(state: WidgetState, dice: random.Random) -> None:
    state.json_trigger_value = dice.choice(["", "{", "[" * 5_000, "null", '{"value": {"rows": [1e9]}}'])


def _list(state: WidgetState, dice: random.Random) -> None:
    state.int_array_value.data.extend([dice.choice([-1, 0, 2**62])] * dice.choice([1, 1_000]))


async def drawn(tab: Tab) -> None:
    """The tab's page, drawn anew to its end."""
    before = len(tab.answers)
    tab.ask()
    until = time.monotonic() + PATIENCE_S
    while len(tab.answers) == before:
        assert time.monotonic() < until, "the page is never drawn"
        assert not tab.errors
        await asyncio.sleep(0.02)


async def shouted(tab: Tab, contents: list[bytes]) -> None:
    """All of it, to the end of the connection where the server will not hear more."""
    assert tab._socket
    with suppress(ConnectionClosed):
        for content in contents:
            await tab._socket.send(content)
            await asyncio.sleep(0)


async def attack(server: Server) -> None:
    """N messages over one websocket after the other, and another tab that is drawn between them."""
    dice = random.Random(11)
    polite = Tab(server.url, "compare", "")
    await polite.open()
    await drawn(polite)
    left = N
    while left > 0:
        rude = Tab(server.url, "train", "")
        await rude.open()
        await drawn(rude)
        widgets = [state.id for state in rude._widgets.values()]
        sound = BackMsg()
        sound.rerun_script.page_name = "train"
        sound.rerun_script.widget_states.widgets.extend(rude._widgets.values())
        n = min(left, AT_ONCE)
        await shouted(rude, [garbage(dice, sound.SerializeToString(), widgets) for _ in range(n)])
        left -= n
        await drawn(polite)
        await rude.vanish()
    late = Tab(server.url, "train", "")
    await late.open()
    await drawn(late)
    assert not polite.errors + late.errors
    await polite.close()
    await late.close()


@pytest.mark.slow
def test_garbage_fails_the_page_that_sends_it_and_no_other(server: Server) -> None:
    """Noise, messages cut short, wrong widgets, values, pages and fragments: the server stays, and so does every other tab."""
    own_loop.run(attack(server))
    assert server.process
    assert server.process.poll() is None
