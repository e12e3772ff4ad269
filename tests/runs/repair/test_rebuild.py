"""A damaged store: moved aside, never deleted; every row that can be read goes into a new one."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cnnlab import checkpoints
from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Checkpoint, Run, Store, StoreError, locks
from cnnlab.runs.repair import rebuild
from cnnlab.runs.repair.checkpoint_scan import checkpoint_at
from cnnlab.runs.repair.rebuild import damage
from cnnlab.runs.store import curves
from cnnlab.schema import TrainingConfig
from tests.factories import epoch_record, started_run, step_record, step_records

PAGE = 4096


def save(store: Store, run: Run, kind: str, epoch: int, step: int) -> Checkpoint:
    """A checkpoint as the worker writes it."""
    name = f"{kind}-{epoch:04d}" + ("" if kind == "weights" else f"-{step:07d}")
    meta = {"place": {"epoch": epoch, "step": step}, "config": run.config.model_dump(mode="json")}
    written = checkpoints.write(
        store.folder(run.id) / f"{name}.safetensors", {"w": torch.full((50,), float(step))}, meta
    )
    return Checkpoint(run_id=run.id, kind=kind, epoch=epoch, step=step, **vars(written))  # type: ignore[arg-type]


def trained(store: Store, epochs: int = 3, steps: int = 200) -> Run:
    """A stopped run with curves, weights, also of two steps of epoch 1, and a state."""
    run = started_run(store, 4 * curves.POINTS, seed=epochs)
    store.commit(run.id, [], [save(store, run, "early", 0, step) for step in (1, 2)])
    for epoch in range(1, epochs + 1):
        last = epoch * steps
        store.add_steps(run.id, step_records(last - steps + 1, last, steps), 1.0)
        record = epoch_record(epoch, last, validation=epoch / 10)
        store.commit(run.id, [record], [save(store, run, kind, epoch, last) for kind in ("weights", "state")])
    return store.finish(run.id, RunStatus.STOPPED, "Stopped.")


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three runs of three epochs, made once."""
    home = tmp_path_factory.mktemp("three") / "home"
    store = Store(AppConfig(home=home, runs_dir=None, database_url=None))
    for _ in range(3):
        trained(store)
    return home


@pytest.fixture
def full(three_runs: Path, store: Store) -> Store:
    """Three runs, each with three epochs."""
    shutil.copytree(three_runs, store.app_config.home)
    return store


def file_of(store: Store) -> Path:
    """The database."""
    return store.app_config.home / "runs.db"


def pages_of(path: Path, table: str) -> list[int]:
    """The offsets of a table's leaf pages but for its root."""
    connection = sqlite3.connect(path)
    try:
        found = connection.execute("SELECT pageno FROM dbstat WHERE name=? AND path<>'/'", (table,)).fetchall()
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no dbstat")
    finally:
        connection.close()
    return [(number - 1) * PAGE for (number,) in found]


def smash(path: Path, offset: int, length: int = PAGE) -> None:
    """Write garbage over a part of the file."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(random.Random(offset).randbytes(length))


def sound(store: Store) -> None:
    """The new store is whole, and takes new runs."""
    assert damage(store.app_config) is None
    with store.database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    assert store.create(TrainingConfig()).number > max(run.number for run in store.list()[1:] or [store.list()[0]]) - 1


def test_a_sound_store_has_no_damage(full: Store) -> None:
    """Nor has one that is not there, or is empty."""
    assert damage(full.app_config) is None
    file_of(full).unlink()
    assert damage(full.app_config) is None
    file_of(full).touch()
    assert damage(full.app_config) is None


def test_a_store_without_a_table_is_damaged(full: Store) -> None:
    """Also where it is one that is made of others: then nothing but that is made anew."""
    with sqlite3.connect(file_of(full)) as connection:
        connection.execute("DROP TABLE curves")
    connection.close()
    assert damage(full.app_config) == "the tables curves are missing"

    rebuild.salvage(full.app_config)

    assert all(len(full.curve(run.id).step) == 150 for run in full.list())


def test_a_newer_store_is_not_damaged(full: Store) -> None:
    """It is refused in words, and never taken apart."""
    with sqlite3.connect(file_of(full)) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()

    assert damage(full.app_config) is None
    with pytest.raises(StoreError, match="newer cnnlab"):
        full.list()


def test_a_lost_page_takes_its_own_rows_and_no_others(full: Store) -> None:
    """All runs are there, with all that lay on other pages; what could be read before can be read now."""
    before = full.list()
    path = file_of(full)
    pages = pages_of(path, "steps")
    whole = path.read_bytes()
    smash(path, pages[len(pages) // 2])
    damaged = path.read_bytes()
    assert damage(full.app_config)

    done = rebuild.salvage(full.app_config)

    assert done.aside.read_bytes() == damaged != whole
    after = full.list()
    assert [(run.id, run.number, run.name, run.status) for run in after] == [
        (run.id, run.number, run.name, run.status) for run in before
    ]
    assert [run.config for run in after] == [run.config for run in before]
    assert sum(len(full.steps(run.id)) for run in after) >= 3 * 600 - 200
    for run in after:
        assert full.curve(run.id).width == 4
        assert full.curve(run.id).step[-1] == full.steps(run.id)[-1].step, "made anew from the steps there are"
    for run in after:
        assert [file.step for file in full.early(run.id)] == [1, 2]
        for file in [*full.weights(run.id), *full.early(run.id), *full.checkpoints(run.id, "state")]:
            checkpoints.read(full.path(file), file)
        assert full.weights(run.id)
    sound(full)


def test_lost_runs_come_back_from_their_folders_with_their_curves(full: Store) -> None:
    """The table of runs is garbage: each run is made anew from its files, under its number, with the steps that are left."""
    before = {run.id: run for run in full.list()}
    path = file_of(full)
    connection = sqlite3.connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name='runs'").fetchone()
    connection.close()
    smash(path, (root - 1) * PAGE)

    done = rebuild.salvage(full.app_config)

    assert (done.runs, done.found) == (0, 3)
    assert {run.number for run in full.list()} == {old.number for old in before.values()}
    for run in full.list():
        old = before[run.id]
        assert (run.config, run.status) == (old.config, RunStatus.INTERRUPTED)
        assert "restored from its files" in (run.message or "")
        assert len(full.steps(run.id)) == 600
        assert full.epochs(run.id)[-1] == old.last_epoch == run.last_epoch
        assert run.best_epoch == old.best_epoch
        assert {c.name for c in full.weights(run.id)} == {f"weights-{e:04d}.safetensors" for e in (1, 2, 3)}
        assert [(c.epoch, c.step) for c in full.early(run.id)] == [(0, 1), (0, 2)]
    sound(full)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 999, b"SQLite format 3\x00" + b"\x07" * 9000])
def test_a_store_that_is_garbage_is_built_from_the_folders(full: Store, content: bytes) -> None:
    """Nothing can be read of it: the runs come back all the same, and the garbage is kept."""
    ids = {run.id for run in full.list()}
    file_of(full).write_bytes(content)

    done = rebuild.salvage(full.app_config)

    assert done.aside.read_bytes() == content
    assert {run.id for run in full.list()} == ids
    assert all(full.resume(id).status is RunStatus.QUEUED for id in ids)
    sound(full)


def test_an_old_store_is_salvaged_too(app_config: AppConfig) -> None:
    """Of whatever version it is."""
    app_config.home.mkdir(parents=True)
    for kept in sorted((Path(__file__).parents[1] / "stores").glob("*.db")):
        shutil.copy(kept, app_config.home / "runs.db")
        before = Store(app_config).list()
        shutil.copy(kept, app_config.home / "runs.db")
        rebuild.salvage(app_config)

        assert [(run.id, run.name, run.note) for run in Store(app_config).list()] == [
            (run.id, run.name, run.note) for run in before
        ]
        assert [Store(app_config).steps(run.id) for run in before] != []


def test_what_a_living_process_trains_goes_on(full: Store) -> None:
    """Its row stays running, and what it reports next is kept."""
    run = full.create(TrainingConfig(), mine=True)
    other = full.create(TrainingConfig(), mine=True)
    locks.release(full.folder(other.id))

    rebuild.salvage(full.app_config)

    assert full.get(run.id).status is RunStatus.RUNNING
    assert full.get(other.id).status is RunStatus.INTERRUPTED
    full.add_steps(run.id, [step_record(1)], 1.0)
    full.finish(run.id, RunStatus.STOPPED, "Stopped.")


def test_a_deleted_run_does_not_come_back(full: Store) -> None:
    """Its folder says that it was meant to go."""
    run = full.list()[0]
    full.mark_deleted(run.id)
    file_of(full).write_bytes(b"garbage" * 1000)

    rebuild.salvage(full.app_config)

    assert run.id not in {run.id for run in full.list()}


def test_killed_at_any_moment_one_of_the_two_is_there(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the last step the damaged one, untouched; after it the new one."""
    path = file_of(full)
    smash(path, PAGE, 100)
    damaged = path.read_bytes()

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            rebuild.salvage(full.app_config)
    assert path.read_bytes() == damaged

    rebuild.salvage(full.app_config)
    assert len(full.list()) == 3


def test_a_disk_that_refuses_leaves_all_as_it_was(full: Store, full_disk: Callable[[int], None]) -> None:
    """Said in a sentence; the damaged store is untouched."""
    path = file_of(full)
    smash(path, PAGE, 100)
    damaged = path.read_bytes()
    full_disk(3 * PAGE)

    with pytest.raises(StoreError):
        rebuild.salvage(full.app_config)
    assert path.read_bytes() == damaged


def test_only_whole_checkpoints_are_found(store: Store) -> None:
    """Cut anywhere, or of another make: not one of ours."""
    run = store.create(TrainingConfig(), mine=True)
    path = store.path(save(store, run, "state", 2, 20))
    whole = path.read_bytes()
    found = checkpoint_at(path)
    assert found is not None
    assert (found.checkpoint.kind, found.checkpoint.epoch, found.checkpoint.step) == ("state", 2, 20)
    assert found.config == run.config.model_dump(mode="json")

    for content in (
        whole[:-1],
        whole[:100],
        whole + b"x",
        b"",
        b"\xff" * 8,
        whole[:8] + b"{}",
        b"\x02" + b"\0" * 7 + b"[]",
    ):
        path.write_bytes(content)
        assert checkpoint_at(path) is None


@pytest.mark.slow
def test_a_hundred_damages_lose_no_run(full: Store) -> None:
    """A page or a stretch anywhere, or a cut: every run is back, the new store is whole, the damaged one is kept."""
    path, before = file_of(full), {run.id for run in full.list()}
    whole, chance = path.read_bytes(), random.Random(4)
    for turn in range(100):
        path.write_bytes(whole)
        offset = chance.randrange(0, len(whole) - 10)
        if turn % 3 == 0:
            path.write_bytes(whole[:offset])
        else:
            smash(path, offset // PAGE * PAGE if turn % 3 == 1 else offset, PAGE if turn % 3 == 1 else 50)
        if damage(full.app_config) is None:
            continue
        damaged = path.read_bytes()
        done = rebuild.salvage(full.app_config)

        assert done.aside.read_bytes() == damaged
        assert {run.id for run in full.list()} == before
        assert damage(full.app_config) is None
        done.aside.unlink()


@pytest.mark.parametrize("pictures", [0, 1 << 62])
def test_a_record_of_no_or_too_many_pictures_is_left_out(full: Store, pictures: int) -> None:
    """It stands for nothing that was trained; the rest of the store comes back."""
    with sqlite3.connect(file_of(full)) as connection:
        connection.execute("UPDATE steps SET pictures=? WHERE step BETWEEN 1 AND 8", (pictures,))
    connection.close()

    assert rebuild.salvage(full.app_config).runs == 3
    assert [len(full.steps(run.id)) for run in full.list()] == [592] * 3
