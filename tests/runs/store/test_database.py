"""Stores that cannot be read, and how that is said."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.app_config import PROJECT, AppConfig
from cnnlab.dashboard.app import health
from cnnlab.runs import Store, StoreError
from cnnlab.runs.process.launcher import Launcher
from cnnlab.runs.repair import rebuild
from cnnlab.runs.store import database, tables
from cnnlab.schema import TrainingConfig

pytestmark = pytest.mark.sqlite


def test_runs_imports_no_torch() -> None:
    """Listing runs is instant: torch takes seconds to import."""
    code = (
        "import sys, cnnlab.runs, cnnlab.runs.process.launcher; print('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"


def database_file(app_config: AppConfig) -> Path:
    """Where the store's SQLite file is; its folder is there."""
    app_config.home.mkdir(parents=True, exist_ok=True)
    return app_config.home / "runs.db"


def test_the_store_is_the_durable_kind(store: Store) -> None:
    """Rollback journal, full sync, foreign keys, a schema version: what the promises stand on."""
    store.list()

    with store.database.writing() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "user_version")
        }
    assert values == {
        "journal_mode": "delete",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "user_version": tables.SCHEMA_VERSION,
    }


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\x07" * 4096])
def test_a_file_that_is_no_store_is_said(app_config: AppConfig, content: bytes) -> None:
    """Garbage in place of the database: one sentence that names the file and says what to do; the file is untouched."""
    path = database_file(app_config)
    path.write_bytes(content)

    with pytest.raises(StoreError, match=rf"{path}.* is damaged.*move it away"):
        Store(app_config).list()

    assert path.read_bytes() == content


def test_a_truncated_store_is_said(store: Store, app_config: AppConfig) -> None:
    """Half a database: a sentence, wherever it was cut."""
    for seed in range(20):
        store.create(TrainingConfig(seed=seed))
    whole = database_file(app_config).read_bytes()

    for cut in range(4096, len(whole), 4096):
        database_file(app_config).write_bytes(whole[:cut])
        with pytest.raises(StoreError, match=r"\.$"):
            store.list()


def test_a_newer_store_is_refused(store: Store, app_config: AppConfig) -> None:
    """A store of a newer cnnlab is not touched, and the way out is said."""
    store.list()
    with sqlite3.connect(database_file(app_config)) as connection:
        connection.execute("PRAGMA user_version=7")
    connection.close()

    with pytest.raises(StoreError, match=r"newer cnnlab \(its format is 7.*Update cnnlab"):
        store.list()


def test_a_home_that_cannot_be_made_is_said(app_config: AppConfig, tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "home").write_text("in the way")

    with pytest.raises(StoreError, match=r"home.* cannot be used"):
        Store(app_config).list()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "nonsense", "postgresql+nonsense://x/y", "mysql://x/y"]
)
def test_urls_that_cannot_work_are_refused(app_config: AppConfig, url: str) -> None:
    """In memory nothing is shared; an unknown kind of database is said."""
    with pytest.raises(StoreError, match="CNNLAB_DATABASE_URL"):
        Store(app_config.model_copy(update={"database_url": url}))


def test_a_store_that_was_moved_away_starts_empty(store: Store, app_config: AppConfig) -> None:
    """What the sentence for a damaged store advises works while the server runs."""
    store.create(TrainingConfig())
    database_file(app_config).rename(app_config.home / "old.db")

    assert store.list() == []
    assert store.create(TrainingConfig()).number == 1


def test_a_store_that_is_busy_for_long_says_so(
    store: Store, app_config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer that does not let go: a sentence after the waiting time, not an endless wait."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    store.list()
    other = sqlite3.connect(database_file(app_config), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreError, match=r"busy.*Try again"):
        store.create(TrainingConfig())

    other.close()
    assert list(app_config.runs.iterdir()) == [], "the folder of a run that was not created is gone again"


@pytest.mark.parametrize("port", ["abc", "99999", "1", ""])
def test_an_address_that_cannot_be_read_is_no_traceback(
    app_config: AppConfig, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    """Wherever a process begins: the server's start, what a page offers instead, and the worker end in a sentence."""
    monkeypatch.setenv("CNNLAB_DATABASE_URL", f"postgresql://me:secret@127.0.0.1:{port}/runs")

    assert len(health.complaints()) == 1
    assert rebuild.damage(AppConfig()) is None
    with pytest.raises(StoreError):
        Launcher(AppConfig())._store.training_pids()
    if port == "abc":  # a server that does not answer is waited for
        worker = subprocess.run(
            [sys.executable, "-m", "cnnlab", "worker"], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        assert worker.returncode == 1
        assert worker.stderr.splitlines()[-1] == "CNNLAB_DATABASE_URL cannot be read as the address of a database."
        assert "Traceback" not in worker.stderr
