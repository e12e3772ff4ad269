"""doctor: what is wrong is said in words, what can be mended is, and nothing is lost by it."""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from cnnlab import logs
from cnnlab.app_config import AppConfig
from cnnlab.cli import main
from cnnlab.cli.doctor import checks as doctor_checks
from cnnlab.data import DATASETS
from cnnlab.data_folders import DataFolders
from cnnlab.records import Plan, RunStatus
from cnnlab.runs import Run, Store, locks
from cnnlab.runs.store import tables
from cnnlab.schema import TrainingConfig
from cnnlab.training.autotune.cache import Measured, remember
from cnnlab.training.autotune.choose import plans_file
from cnnlab.training.autotune.memory import Need
from tests.data.read_only import only_to_read
from tests.runs.repair.test_rebuild import trained

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def store(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """A store with a stopped run, on a machine of which nothing is looked at that takes seconds."""
    monkeypatch.setattr(doctor_checks, "_programs", lambda app_config: iter(()))
    monkeypatch.setattr(doctor_checks, "_device", lambda app_config: iter(()))
    monkeypatch.setattr(doctor_checks, "_datasets", lambda app_config: iter(()))
    store = Store(app_config)
    trained(store, steps=5)
    return store


@pytest.fixture
def doctor(capsys: Capture) -> Callable[..., tuple[int, list[dict[str, Any]]]]:
    """doctor("--mend"): its exit code, and what it found wrong or has mended."""

    def ask(*options: str) -> tuple[int, list[dict[str, Any]]]:
        capsys.readouterr()
        code = main(["doctor", "--json", *options])
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return code, [finding for finding in found if not finding["well"] or finding["mended"]]

    return ask


Doctor = Callable[..., tuple[int, list[dict[str, Any]]]]


def test_a_sound_store_is_well(store: Store, doctor: Doctor, capsys: Capture) -> None:
    """Exit code 0, and nothing to mend, however deep it looks."""
    assert doctor("--deep", "--mend") == (0, [])
    assert main(["doctor"]) == 0
    assert "No fault was found." in capsys.readouterr().out


def dead(store: Store) -> None:
    """A run that is shown as running and has no process."""
    run = store.create(TrainingConfig(), mine=True)
    locks.release(store.folder(run.id))


def damaged_store(store: Store) -> None:
    """Garbage within the file."""
    content = bytearray((store.app_config.home / "runs.db").read_bytes())
    content[4096:8192] = os.urandom(4096)
    (store.app_config.home / "runs.db").write_bytes(content)


def flipped(store: Store) -> None:
    """A byte of the newest state; only --deep sees it."""
    path = store.path(store.checkpoints(store.list()[-1].id, "state")[-1])
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def cut(store: Store) -> None:
    """The newest weights."""
    path = store.path(store.weights(store.list()[-1].id)[-1])
    path.write_bytes(path.read_bytes()[:-10])


def missing(store: Store) -> None:
    """The newest weights."""
    store.path(store.weights(store.list()[-1].id)[-1]).unlink()


def cut_early(store: Store) -> None:
    """Weights within epoch 1."""
    path = store.path(store.early(store.list()[-1].id)[0])
    path.write_bytes(path.read_bytes()[:-10])


def orphan(store: Store) -> None:
    """A folder with weights whose run no row names."""
    run = trained(store, steps=3)
    with store.database.writing() as connection:
        connection.execute(tables.runs.delete().where(tables.runs.c.id == run.id))


def empty_orphan(store: Store) -> None:
    """A folder that a killed process left."""
    (store.app_config.runs / ("c" * 32)).mkdir()


def stray(store: Store) -> None:
    """Half a checkpoint."""
    (store.folder(store.list()[-1].id) / "weights-0009.safetensors.tmp").write_bytes(b"half")


FAULTS: dict[str, tuple[Callable[[Store], None], str, str]] = {
    "dead": (dead, "runs", "the process is gone"),
    "damaged store": (damaged_store, "store", "is damaged"),
    "flipped": (flipped, "checkpoints", "missing or damaged"),
    "cut": (cut, "checkpoints", "missing or damaged"),
    "cut early": (cut_early, "checkpoints", "missing or damaged"),
    "missing": (missing, "checkpoints", "missing or damaged"),
    "orphan": (orphan, "folders", "its run is not in the store"),
    "empty orphan": (empty_orphan, "folders", "is empty"),
    "stray": (stray, "folders", "half-written"),
}


def kept(app_config: AppConfig) -> dict[str, bytes]:
    """All that anybody could miss: every whole checkpoint, by its content."""
    files = [path for path in app_config.runs.rglob("*") if path.is_file() and path.stat().st_size > 100]
    return {path.read_bytes().hex(): b"" for path in files if path.suffix != ".tmp"}


@pytest.mark.parametrize(("fault", "what", "words"), FAULTS.values(), ids=FAULTS)
def test_every_fault_is_said_and_mended_and_nothing_lost(
    store: Store, app_config: AppConfig, doctor: Doctor, fault: Callable[[Store], None], what: str, words: str
) -> None:
    """First only said, with exit code 1; then mended; then all is well. Runs and the content of files are as they were."""
    ids = {run.id for run in store.list()}
    fault(store)
    files = kept(app_config)

    code, found = doctor("--deep")
    assert code == 1
    assert [(f["what"], f["can_mend"]) for f in found] == [(what, True)]
    assert words in found[0]["says"]
    code, found = doctor("--deep", "--mend")
    assert code == 0
    assert [f["what"] for f in found] == [what]
    assert doctor("--deep") == (0, [])
    assert files.keys() <= kept(app_config).keys()
    assert ids <= {run.id for run in store.list()}
    for run in store.list():
        if run.status.resumable:
            store.resume(run.id)


def test_after_a_damaged_state_is_unnamed_the_one_before_serves(store: Store, doctor: Doctor) -> None:
    """And the damaged file is still there, under a name that says so."""
    flipped(store)
    run = store.list()[-1]
    before = store.checkpoints(run.id, "state")
    doctor("--deep", "--mend")

    assert store.checkpoints(run.id, "state") == before[:-1]
    assert (store.folder(run.id) / f"{before[-1].name}.damaged").exists()


def test_a_run_in_training_is_left_alone(store: Store, doctor: Doctor) -> None:
    """Its files come and go, and it has a process."""
    run = store.create(TrainingConfig(), mine=True)
    (store.folder(run.id) / "weights-0001.safetensors.tmp").write_bytes(b"half")

    assert doctor("--deep", "--mend") == (0, [])
    assert (store.folder(run.id) / "weights-0001.safetensors.tmp").exists()
    store.finish(run.id, RunStatus.STOPPED, "Stopped.")


def test_what_is_not_ours_is_left_alone(store: Store, doctor: Doctor) -> None:
    """A folder that is called like a run's, with somebody's things in it; and one that cannot be a run's."""
    theirs, other = store.app_config.runs / ("d" * 32), store.app_config.runs / "my notes"
    for folder in (theirs, other):
        folder.mkdir()
        (folder / "thesis.txt").write_text("all of it")
    code, found = doctor("--mend")

    assert code == 1
    assert "its files are not cnnlab's" in found[0]["says"]
    assert (theirs / "thesis.txt").read_text() == (other / "thesis.txt").read_text() == "all of it"


def test_runs_from_the_future_are_said(store: Store, doctor: Doctor) -> None:
    """A clock that was wrong; nothing is changed."""
    with store.database.writing() as connection:
        connection.execute(update(tables.runs).values(created_at=time.time() + 1e6))
    code, found = doctor("--mend")

    assert code == 1
    assert [f["what"] for f in found] == ["clock"]


def test_a_newer_store_is_said_and_not_touched(store: Store, app_config: AppConfig, doctor: Doctor) -> None:
    """It is not damaged."""
    path = app_config.home / "runs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    content = path.read_bytes()
    code, found = doctor("--mend")

    assert code == 1
    assert "newer cnnlab" in found[0]["says"]
    assert path.read_bytes() == content


def test_an_open_server_without_a_code_is_said(store: Store, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody in the building could come in."""
    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "0.0.0.0")
    code, found = doctor()
    assert code == 1
    assert "it asks nobody for a code" in found[0]["says"]
    monkeypatch.setenv("CNNLAB_ACCESS_CODE", "correct horse battery")
    assert doctor() == (0, [])


def test_a_config_that_was_opened_is_said(
    store: Store, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each line by its name."""
    (tmp_path / ".streamlit").mkdir()
    text = (doctor_checks.PROJECT / ".streamlit" / "config.toml").read_text()
    text = text.replace("enableXsrfProtection = true", "enableXsrfProtection = false").replace(
        "maxUploadSize = 25", "maxUploadSize = 200"
    )
    (tmp_path / ".streamlit" / "config.toml").write_text(text)
    monkeypatch.setattr(doctor_checks, "PROJECT", tmp_path)
    code, found = doctor()

    assert code == 1
    assert "server.enableXsrfProtection should be True; server.maxUploadSize should be 25" in found[0]["says"]


def test_a_port_in_use_and_large_logs_are_said(
    store: Store, app_config: AppConfig, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The one is no fault; the other is."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv("STREAMLIT_SERVER_PORT", str(server.getsockname()[1]))
        assert main(["doctor"]) == 0
    assert "is in use" in capsys.readouterr().out
    monkeypatch.setattr(doctor_checks, "MUCH_LOG_BYTES", 10)
    (app_config.home / "logs").mkdir(exist_ok=True)
    (app_config.home / "logs" / "worker-1.log").write_text("x" * 100)
    assert main(["doctor"]) == 1
    assert "That is a lot" in capsys.readouterr().out


def test_a_disk_that_cannot_be_written_is_said(store: Store, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that names another place."""
    monkeypatch.setenv("CNNLAB_CONVERTED_DIR", "/proc/nowhere")
    code, found = doctor()

    assert code == 1
    assert "Change who may write there, or set CNNLAB_CONVERTED_DIR" in found[0]["says"]


def test_logs_that_cannot_be_written_are_said(store: Store, app_config: AppConfig, doctor: Doctor) -> None:
    """A file stands where their folder should be."""
    logs.folder_of(app_config.home).write_text("")

    code, found = doctor()
    assert (code, [finding["what"] for finding in found]) == (1, ["logs"])
    assert "runs train all the same" in found[0]["says"]


@pytest.mark.sqlite
def test_a_store_that_can_only_be_read_is_said(store: Store, app_config: AppConfig, doctor: Doctor) -> None:
    """Its file can be opened for writing, but not the journal beside it."""
    with only_to_read(app_config.home):
        code, found = doctor()

    assert code == 1
    assert "cannot be opened for writing" in next(finding["says"] for finding in found if finding["what"] == "store")


def test_the_whole_machine_is_looked_at(app_config: AppConfig, capsys: Capture) -> None:
    """Programs, device, datasets: also on an empty home."""
    assert main(["doctor", "--json"]) in (0, 1)
    found = {json.loads(line)["what"] for line in capsys.readouterr().out.splitlines()}

    assert {
        "python",
        "torch",
        "torchvision",
        "device",
        "disk",
        "data",
        "config",
        "access",
        "port",
        "logs",
        "store",
    } <= found


def test_a_damaged_dataset_is_said(
    app_config: AppConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """One whose pictures were cut short, one that is not what was published."""
    data, converted = tmp_path / "data", tmp_path / "converted"
    DATASETS.get("shapes").prepare(DataFolders(data, converted))
    images = converted / "shapes" / "train_images.npy"
    with images.open("r+b") as file:
        file.truncate(1000)
    (data / "cifar-100-python").mkdir(parents=True)
    (data / "cifar-100-python" / "train").write_bytes(b"not this")
    monkeypatch.setenv("CNNLAB_DATA_DIR", str(data))
    monkeypatch.setenv("CNNLAB_CONVERTED_DIR", str(converted))
    for name in ("_programs", "_device"):
        monkeypatch.setattr(doctor_checks, name, lambda app_config: iter(()))

    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "shapes: its converted pictures" in said
    assert "cifar-100-python/train is not the published file. Prepare it again: python -m cnnlab data CIFAR-100" in said


def test_the_logs_of_a_run_are_shown(store: Store, run_log: Run, capsys: Capture) -> None:
    """By a run's number, for people and for programs."""
    assert main(["logs", str(run_log.number)]) == 0
    assert "queued" in capsys.readouterr().out
    assert main(["logs", str(run_log.number), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["event"] == "queued"


@pytest.fixture
def run_log(store: Store) -> Run:
    """A run whose log there is."""
    from cnnlab import logs

    logs.begin(store.app_config.home, "server")
    return store.create(TrainingConfig())


def test_the_plans_that_stay_are_counted_and_their_file_named(app_config: AppConfig) -> None:
    """Found on a busy machine, they would stay as well: it is said how they are found anew."""
    assert list(doctor_checks._plans(app_config)) == []
    plan = Plan(threads=1, memory_format="contiguous", precision="float32", steps_per_record=1)
    need = Need(training=1, augmenting=0, measuring=1, kept=1)
    found = Measured(plan=plan, step_s=(1.0, 2.0), picture_s=0.0, steps=3, need=need)
    for key in ("one", "another"):
        remember(plans_file(app_config), key, found)

    (finding,) = doctor_checks._plans(app_config)
    assert finding.well
    assert "For 2 kinds of run cnnlab has measured" in finding.says
    plans_file(app_config).unlink()
    assert str(plans_file(app_config)) in finding.says
    assert list(doctor_checks._plans(app_config)) == []
