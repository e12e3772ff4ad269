"""The log: one JSON object a line, a file a process, bounded; and that it never stops what it tells of."""

import json
import logging
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cnnlab import logs
from cnnlab.app_config import PROJECT, AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig


@pytest.fixture(autouse=True)
def no_log_stays() -> Iterator[None]:
    """The handlers of a test's log go with it."""
    yield
    root = logging.getLogger("cnnlab")
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()


def lines(path: Path | None) -> list[dict[str, Any]]:
    """All of a log."""
    assert path is not None
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_event_is_one_line_with_time_level_run_and_process(tmp_path: Path) -> None:
    """What a person or a program needs to find it again."""
    path = logs.begin(tmp_path, "server")
    logs.event("queued", run="a" * 32, place=3, name="größer\n“x”")

    (line,) = lines(path)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "event": "queued",
        "run": "a" * 32,
        "pid": os.getpid(),
        "place": 3,
        "name": "größer\n“x”",
    }


def test_what_is_told_inside_is_told_of_that_run(tmp_path: Path) -> None:
    """Also errors, with their traceback, and those of other parts of cnnlab."""
    path = logs.begin(tmp_path, "worker")
    with logs.about("b" * 32):
        try:
            raise KeyError("x")
        except KeyError as error:
            logs.event("unforeseen error", error=error)
        logging.getLogger("cnnlab.other").warning("careful")
    logs.refused("upload", "This is no picture.", bytes=12)

    first, second, third = lines(path)
    assert [first["run"], second["run"], third["run"]] == ["b" * 32, "b" * 32, None]
    assert first["level"] == "error"
    assert "KeyError: 'x'" in first["traceback"]
    assert second["event"] == "careful"
    assert (third["event"], third["what"], third["why"]) == ("refused", "upload", "This is no picture.")


def test_the_life_of_a_run_is_told(app_config: AppConfig) -> None:
    """From the queue to its end; `read` finds it among the lines of others, and leaves torn ones out."""
    path = logs.begin(app_config.home, "server")
    store = Store(app_config)
    run, other = store.create(TrainingConfig()), store.create(TrainingConfig())
    store.claim()
    store.start(run.id, "cpu", {}, 10)
    store.finish(run.id, RunStatus.STOPPED, "Stopped.")
    store.resume(run.id)
    store.request(run.id, "stop")
    store.delete(run.id)
    assert path is not None
    with path.open("a") as file:
        file.write('{"run": "' + run.id)

    told = [line["event"] for line in logs.read(app_config.home, run.id)]
    assert told == ["queued", "claimed", "begun", "ended", "continued", "asked", "deleted"]
    assert [line["event"] for line in logs.read(app_config.home, other.id)] == ["queued"]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, full_disk: Callable[[int], None]) -> None:
    """A full disk, or a file where the folder should be."""
    logs.begin(tmp_path, "server")
    full_disk(0)
    logs.event("queued")
    full_disk(resource.RLIM_INFINITY)
    (tmp_path / "in the way").write_text("")

    assert logs.begin(tmp_path / "in the way", "server") is None
    logs.event("queued")


def test_a_log_grows_to_twice_its_limit_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest lines are there."""
    monkeypatch.setattr(logs, "FILE_BYTES", 5_000)
    path = logs.begin(tmp_path, "server")
    for number in range(500):
        logs.event("tick", number=number)

    assert path is not None
    assert sum(file.stat().st_size for file in path.parent.iterdir()) <= 10_000
    assert lines(path)[-1]["number"] == 499


def test_old_logs_go_but_never_one_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is that of a process which has been alive for long."""
    monkeypatch.setattr(logs, "KEPT", 5)
    folder = logs.folder_of(tmp_path)
    code = (
        "import sys; from pathlib import Path; from cnnlab import logs\n"
        f"print(logs.begin(Path({str(tmp_path)!r}), 'server'), flush=True); sys.stdin.read()"
    )
    living = subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert living.stdout is not None
    oldest = Path(living.stdout.readline().strip())
    oldest = oldest.rename(oldest.with_name("server-0.jsonl"))
    for number in range(1, 20):
        (folder / f"server-{number}.jsonl").touch()
        (folder / f"worker-{number}.jsonl").touch()
    logs.begin(tmp_path, "server")

    assert oldest.exists()
    assert len(list(folder.glob("server-*.jsonl"))) == 1 + 5 + 1
    assert len(list(folder.glob("worker-*.jsonl"))) == 19
    living.communicate("")
    logs.begin(tmp_path, "server")
    assert not oldest.exists()


def test_a_sentence_that_cannot_be_said_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """stderr is a pipe that nobody reads, closed, or was never there."""
    read, write = os.pipe()
    os.close(read)
    unread = os.fdopen(write, "w")
    monkeypatch.setattr(sys, "stderr", unread)
    logs.say("Nobody reads this.")
    with suppress(BrokenPipeError):
        unread.close()
    logs.say("Nobody can read this.")
    monkeypatch.setattr(sys, "stderr", None)
    logs.say("There is nothing to say it on.")


def test_what_a_worker_or_server_says_goes_through_the_log() -> None:
    """A `print` of its own can end what it tells of: the disk is full, nobody reads on. Commands print what was asked for."""
    prints = re.compile(r"(?<![\w.])print\(|\bprint_exc|\bsys\.stderr|basicConfig")
    allowed = {"cnnlab/logs.py", "cnnlab/views/__main__.py", "cnnlab/views/_print.py"}
    found = [
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "cnnlab").rglob("*.py")
        if prints.search(path.read_text()) and "cli" not in path.parts
    ]

    assert set(found) <= allowed
