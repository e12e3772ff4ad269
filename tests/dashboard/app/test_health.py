"""The health endpoint: each part that can be ill, said so, and nothing more."""

import asyncio
import json
import resource
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.app import health
from cnnlab.dashboard.state import services
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig
from tests.data.read_only import only_to_read

PARTS = ("store", "launcher", "disk", "runs", "logs", "data")
WELL = {"status": "ok"} | dict.fromkeys(PARTS, "ok")


@pytest.fixture(autouse=True)
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A launcher's thread, and what it complains of; no answer from before."""
    fake, ending = SimpleNamespace(problem=None), threading.Event()
    monkeypatch.setattr(services, "launcher", lambda: fake)
    monkeypatch.setattr(health, "_last", None)
    thread = threading.Thread(target=ending.wait, name="cnnlab-launcher")
    thread.start()
    fake.die = lambda: (ending.set(), thread.join())
    yield fake
    fake.die()


def asked() -> tuple[int, dict[str, str]]:
    """The endpoint's answer."""
    with ThreadPoolExecutor(1) as elsewhere:
        answer = elsewhere.submit(lambda: asyncio.run(health.health(None))).result()  # type: ignore[arg-type]
    return answer.status_code, json.loads(bytes(answer.body))


def test_all_is_well(app_config: AppConfig) -> None:
    """Also where nobody has trained anything yet."""
    assert asked() == (200, WELL)


@pytest.mark.parametrize("busy", [True, False])
def test_a_store_that_cannot_be_written(app_config: AppConfig, busy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held by another process, or read-only."""
    monkeypatch.setattr("cnnlab.runs.store.database.BUSY_TIMEOUT_S", 0.05)
    store = Store(app_config)
    store.create(TrainingConfig())
    if busy:
        with store.database.writing():
            assert health.examine() == WELL | {"status": "degraded", "store": "unwritable"}
    else:
        with only_to_read(app_config.home):
            ill = dict.fromkeys(("store", "logs"), "unwritable")
            assert health.examine() == WELL | {"status": "degraded"} | ill


def test_a_store_that_cannot_be_read(app_config: AppConfig) -> None:
    """Damaged."""
    app_config.home.mkdir(parents=True)
    (app_config.home / "runs.db").write_bytes(b"this is no database" * 100)

    assert asked() == (503, WELL | {"status": "degraded", "store": "unreadable"})


@pytest.mark.parametrize("name", ["runs", "logs"])
def test_a_folder_that_cannot_be_written(app_config: AppConfig, name: str) -> None:
    """A file stands in its place, say."""
    app_config.home.mkdir(parents=True)
    (app_config.home / name).write_text("")

    assert asked() == (503, WELL | {"status": "degraded", name: "unwritable"})


def test_a_full_disk(app_config: AppConfig, full_disk: Callable[[int], None]) -> None:
    """Not a byte more anywhere: nothing that is written to is well."""
    Store(app_config).create(TrainingConfig())
    full_disk(0)
    said = health.examine()
    full_disk(resource.RLIM_INFINITY)

    ill = dict.fromkeys(("store", "runs", "logs"), "unwritable")
    assert said == WELL | {"status": "degraded"} | ill


def test_data_that_cannot_be_read(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of a converted dataset is cut short; a dataset that is not here at all is no illness."""
    monkeypatch.setenv("CNNLAB_CONVERTED_DIR", str(tmp_path / "converted"))
    assert health.examine() == WELL
    (tmp_path / "converted" / "shapes").mkdir(parents=True)
    (tmp_path / "converted" / "shapes" / "train_images.npy").write_bytes(b"cut")

    assert asked() == (503, WELL | {"status": "degraded", "data": "unreadable"})


def test_a_launcher_that_is_gone_or_in_trouble(app_config: AppConfig, launcher: SimpleNamespace) -> None:
    """Runs would wait for ever; why is for the sidebar, since it names files."""
    launcher.problem = "The training worker ends as soon as it starts: /home/ada/secret"
    assert asked() == (503, WELL | {"status": "degraded", "launcher": "trouble"})
    launcher.die()
    assert health.examine()["launcher"] == "stopped"


def test_a_disk_that_is_nearly_full(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is; where the folder of the runs is not made yet, its disk counts all the same."""
    free: Callable[[Path], SimpleNamespace] = lambda path: SimpleNamespace(free=health.LEAST_FREE_BYTES - 1)  # noqa: E731
    monkeypatch.setattr(health.shutil, "disk_usage", free)

    assert asked() == (503, WELL | {"status": "degraded", "disk": "low"})


def test_wrong_settings_are_an_illness(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a fault of the endpoint."""
    monkeypatch.setenv("CNNLAB_SLOTS", "abc")

    assert asked() == (503, {"status": "degraded"} | dict.fromkeys(PARTS, "unknown"))


def test_however_often_it_is_asked_it_looks_once_a_second(
    app_config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand askers cost the store nothing."""
    looks: list[float] = []
    monkeypatch.setattr(health, "examine", lambda: looks.append(time.monotonic()) or WELL)

    assert {asked()[0] for _ in range(20)} == {200}
    assert len(looks) == 1
    monkeypatch.setattr(health, "AT_MOST_EVERY_S", 0.0)
    asked()
    assert len(looks) == 2
