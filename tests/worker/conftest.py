"""A store of its own for each test; runs whose plan is the same on every machine."""

import signal
from collections.abc import Iterator

import pytest

from cnnlab.records import Plan
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.worker import job
from cnnlab.worker.writer import Commit, Writer


@pytest.fixture(autouse=True)
def a_record_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the self-test: what it finds depends on the machine."""

    def choose(config: object, data: object, device: object, app_config: object) -> tuple[Plan, None]:
        return default_plan(config, device, steps_per_record=1), None  # type: ignore[arg-type]

    monkeypatch.setattr(job, "choose", choose)


@pytest.fixture(autouse=True)
def a_terminal_may_be_closed() -> Iterator[None]:
    """Also where the tests themselves were started with nohup, whose deafness every process inherits."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def hearing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop and Pause are heard at the very next record."""
    monkeypatch.setattr(job, "LISTEN_S", 0.0)


@pytest.fixture
def waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training goes on only when all is written: at each record one knows what the store has."""
    add = Writer.add

    def add_and_wait(self: Writer, commit: Commit) -> None:
        add(self, commit)
        self.drain()

    monkeypatch.setattr(Writer, "add", add_and_wait)
