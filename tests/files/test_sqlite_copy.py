"""A copy of a SQLite file counts once it holds what the file holds."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cnnlab.files import sqlite_copy

ROWS = "SELECT number, id FROM runs ORDER BY number"


def store(path: Path, runs: int, version: int = 5) -> Path:
    """A file with so many runs."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version={version}")
        connection.execute("CREATE TABLE runs (number INTEGER, id TEXT)")
        connection.executemany("INSERT INTO runs VALUES (?, ?)", [(n, f"run {n}") for n in range(runs)])
    return path


def runs_in(path: Path) -> int:
    """How many."""
    with closing(sqlite3.connect(path)) as connection:
        return len(connection.execute(ROWS).fetchall())


def test_an_empty_copy_gives_way(tmp_path: Path) -> None:
    """One that an earlier version left by mistake does not stand in the way of the only one that leads back."""
    file = store(tmp_path / "runs.db", 8)
    store(tmp_path / "runs.db.version-5", 0)

    kept = sqlite_copy.keep(file, "version-5", ROWS)

    assert (kept.name, runs_in(kept)) == ("runs.db.version-5", 8)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["runs.db", "runs.db.version-5"]


def test_a_copy_that_holds_other_runs_stays(tmp_path: Path) -> None:
    """Somebody went back to it, trained on and came again; what cannot be read stays too. The same again makes no third."""
    file = store(tmp_path / "runs.db", 8)
    store(tmp_path / "runs.db.version-5", 3)
    (tmp_path / "runs.db.version-5-2").write_bytes(b"this is no database" * 100)

    for _ in range(2):
        kept = sqlite_copy.keep(file, "version-5", ROWS)
        assert (kept.name, runs_in(kept)) == ("runs.db.version-5-3", 8)

    assert runs_in(tmp_path / "runs.db.version-5") == 3
    assert len(list(tmp_path.iterdir())) == 4


def test_a_copy_that_is_not_like_the_file_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever went wrong while it was made: the caller hears of it, and an older copy is still there."""
    file = store(tmp_path / "runs.db", 8)
    store(tmp_path / "runs.db.version-5", 3)
    contents = sqlite_copy._content

    def short(connection: sqlite3.Connection, rows: str) -> object:
        version, found = contents(connection, rows)
        name = connection.execute("PRAGMA database_list").fetchone()[2]
        return version, found[: -1 if name.endswith(".tmp") else None]

    monkeypatch.setattr(sqlite_copy, "_content", short)
    with pytest.raises(sqlite3.DatabaseError, match="not like the store"):
        sqlite_copy.keep(file, "version-5", ROWS)

    assert runs_in(tmp_path / "runs.db.version-5") == 3
    assert not (tmp_path / "runs.db.version-5-2").exists()
