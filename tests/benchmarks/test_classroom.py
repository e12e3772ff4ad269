"""A small class before a real server and a real run: nobody sees an error, all see it to its end. No time is judged."""

import asyncio
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from benchmarks.dashboard.classroom import cpu_s, guest, memory_mib
from benchmarks.dashboard.first_point import started
from benchmarks.dashboard.spectator import Spectator
from benchmarks.dashboard.streamlit_client import Tab
from cnnlab.app_config import AppConfig
from cnnlab.models import complete
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig
from tests import own_loop

CLASS, GONE = 5, 2
EPOCHS = 8
STEPS = EPOCHS * 100
PATIENCE_S = 240


@pytest.fixture
def server(app_config: AppConfig) -> Iterator[tuple[str, int]]:
    """A dashboard with an empty home: its address and its process."""
    app_config.home.mkdir(parents=True)
    process, url = started(app_config)
    yield url, process.pid
    process.terminate()
    process.wait(60)


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait for it, however slow the machine is today."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        await asyncio.sleep(0.05)


@pytest.mark.slow
def test_a_class_sees_a_run_to_its_end(app_config: AppConfig, server: tuple[str, int]) -> None:
    """Five stay and two vanish without goodbye; the five have every new number and the end, and the server is sound."""
    url, process = server
    store = Store(app_config)
    tabs, run = own_loop.run(lesson(url, store))

    for tab in tabs:
        assert tab.errors == []
        assert (tab.status, tab.last_step) == ("finished", STEPS)
        assert not tab.unanswered(0.0)
        assert tab.said_step > 0
        assert all(answer.seconds > 0 for answer in tab.answers)
    assert store.get(run.id).status is RunStatus.FINISHED
    assert any("There is no such run" in error for error in own_loop.run(stranger(url)))
    with urllib.request.urlopen(f"{url}/_stcore/health", timeout=30) as answer:
        assert answer.read() == b"ok"
    assert "Traceback" not in (app_config.home / "server.log").read_text()
    assert memory_mib(process) > 50
    assert cpu_s(process) > 0.5


async def lesson(url: str, store: Store) -> tuple[list[Spectator], Run]:
    """The class comes while the run waits, some are gone in its midst, one comes back when it has ended."""
    home = Tab(url, "train", "")
    await home.open()  # the server's first page waits for torch
    await until(lambda: bool(home.answers), "the first page")
    await home.close()
    assert home.errors == []

    subset = {"dataset": "shapes", "train_subset": 100 * 64, "validation_size": 200}
    run = store.create(complete(TrainingConfig(epochs=EPOCHS, batch_size=64, **subset)))
    tabs = [Spectator(url, run.id) for _ in range(CLASS + GONE)]
    await asyncio.gather(*(tab.open() for tab in tabs))
    await until(lambda: all(tab.last_step for tab in tabs), "the first point on every curve")
    first = [tab.last_step for tab in tabs]
    await until(lambda: all(now.last_step > then for now, then in zip(tabs, first, strict=True)), "new points")
    stay, go = tabs[:CLASS], tabs[CLASS:]
    await asyncio.gather(*(tab.vanish() for tab in go))
    assert store.get(run.id).status is RunStatus.RUNNING, "the run ended before anybody could watch it"
    await until(lambda: all(tab.status == "finished" and tab.last_step == STEPS for tab in stay), "the end")
    await until(lambda: not any(tab.unanswered(0.0) for tab in stay), "the last answers")
    await stay[0].close()
    await stay[0].open()  # a laptop that was shut: the same session, the same curve
    await until(lambda: not stay[0].unanswered(0.0), "the session once more")
    await asyncio.gather(*(tab.close() for tab in stay))
    await guest(url, run)
    return stay, run


async def stranger(url: str) -> list[str]:
    """What a tab finds wrong that asks for a run that is not there: the tabs would notice an error, were there one."""
    tab = Spectator(url, "0" * 32)
    await tab.open()
    await until(lambda: bool(tab.answers), "the page")
    await tab.close()
    return tab.errors
