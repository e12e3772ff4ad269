"""This module finds what is wrong with a store and the folders of its runs, and mends it without losing anything."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from sqlalchemy import bindparam, delete, select

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import locks
from cnnlab.runs.errors import DamagedStoreError, StoreError
from cnnlab.runs.repair.checkpoint_scan import checkpoint_at, sha256_of
from cnnlab.runs.repair.rebuild import adopt, damage, file_of, salvage
from cnnlab.runs.repair.trial_writes import store_fault
from cnnlab.runs.run import Checkpoint, CheckpointKind, Run
from cnnlab.runs.store import curves, tables
from cnnlab.runs.store.recovery import DELETED, is_empty
from cnnlab.runs.store.store import Store
from cnnlab.runs.store.transactions import RUNS

AHEAD_S = 300.0
"""Seconds in the future from which the time of a row says that a clock was wrong."""


@dataclass(frozen=True)
class Finding:
    """A `Finding` says what one check of the store found."""

    what: str
    """Subject of the check in a word or two: "store", "checkpoints", "disk"."""
    says: str
    """Sentence that says what was found and, where something is wrong, what to do."""
    well: bool = True
    mend: Callable[[], str] | None = None
    """Function that mends the fault and returns a sentence that says what was done. Raises StoreError, OSError."""


def store_findings(app_config: AppConfig) -> Iterator[Finding]:
    """Yield whether the store opens and is whole. Look at these findings, and mend, before `run_findings`."""
    file = file_of(app_config)
    if file and file.with_name(f"{file.name}-journal").exists() and not _writing(file):
        yield Finding("store", "A process died while it wrote into the store. Opening the store has repaired that.")
    try:
        if fault := damage(app_config):
            says = f"The run store {file} is damaged ({fault[:200]}). To move it aside and keep what can be read, add --mend."
            yield Finding("store", says, well=False, mend=lambda: salvage(app_config).sentence)
            return
        runs = Store(app_config).list()
        if refused := store_fault(Store(app_config)):
            yield Finding("store", refused, well=False)
            return
    except StoreError as error:
        damaged = isinstance(error, DamagedStoreError)
        yield Finding("store", str(error), well=False, mend=(lambda: salvage(app_config).sentence) if damaged else None)
        return
    yield Finding(
        "store", f"{Store(app_config).database.place} is in order: {len(runs)} run{'' if len(runs) == 1 else 's'}."
    )


def run_findings(app_config: AppConfig, *, deep: bool) -> Iterator[Finding]:
    """Yield what is wrong with the runs of a sound store. `deep`: read every checkpoint, and compare its SHA-256."""
    store = Store(app_config)
    yield _dead(store)
    yield _curves(store)
    yield from _checkpoints(store, deep=deep)
    yield from _folders(store)
    yield _from_the_future(store)


def _dead(store: Store) -> Finding:
    dead = [run for run in store.list() if run.status is RunStatus.RUNNING and not locks.is_held(store.folder(run.id))]
    if not dead:
        return Finding("runs", "Every run that is shown as running has a process.")

    def mend() -> str:
        return f"{_list([run.name for run in store.recover()])}: marked as interrupted. It can be continued."

    names = _list([run.name for run in dead])
    says = f"{names}: shown as running, but the process is gone. To mark it as interrupted, add --mend."
    return Finding("runs", says, well=False, mend=mend)


def _curves(store: Store) -> Finding:
    [rows] = store.database.read(curves.INCOMPLETE)
    numbers = {number for (number,) in rows}
    if not numbers:
        return Finding("curves", "The curve of every long run reaches its last step.")
    names = [run.name for run in store.list() if run.number in numbers]

    def mend() -> str:
        with store.database.writing() as connection:
            curves.complete(connection)
        return f"{_list(names)}: the curve has been rebuilt from the steps."

    says = f"{_list(names)}: the curve does not reach the last step. To rebuild it from the steps, add --mend."
    return Finding("curves", says, well=False, mend=mend)


def _checkpoints(store: Store, *, deep: bool) -> Iterator[Finding]:
    looked = 0
    for run in store.list():
        if locks.is_held(store.folder(run.id)):
            continue  # its files come and go
        files = [file for kind in get_args(CheckpointKind) for file in store.checkpoints(run.id, kind)]
        looked += len(files)
        if bad := [file for file in files if not _sound(store.path(file), file, deep=deep)]:
            names = _list([file.name for file in bad])
            says = f"{run.name}: {names} missing or damaged. To use the checkpoint before instead, add --mend."
            yield Finding("checkpoints", says, well=False, mend=lambda run=run, bad=bad: _unname(store, run, bad))  # type: ignore[misc]
    how = "hold what was written" if deep else "are there and have the right size (--deep also reads them)"
    says = f"{looked} were checked; except for those named above, they {how}." if looked else "There are none yet."
    yield Finding("checkpoints", says)


def _sound(path: Path, file: Checkpoint, *, deep: bool) -> bool:
    try:
        return path.lstat().st_size == file.bytes and (not deep or sha256_of(path) == file.sha256)
    except OSError:
        return False


def _unname(store: Store, run: Run, bad: list[Checkpoint]) -> str:
    """Remove damaged checkpoints from the store; their files stay, under a name that says that they are damaged."""
    names, columns = [file.name for file in bad], tables.checkpoints.c
    with store.database.writing() as connection:
        mine = columns.number == run.number, columns.name.in_(names)
        connection.execute(delete(tables.checkpoints).where(*mine))
    for name in names:
        path = store.folder(run.id) / name
        if path.exists():
            path.rename(path.with_name(f"{name}.damaged"))
    return f"{run.name}: {_list(names)} no longer in use; what is left of them is in files that end in .damaged."


def _folders(store: Store) -> Iterator[Finding]:
    for folder in store.orphans():
        if (folder / DELETED).exists() or is_empty(folder):
            says = f"The folder {folder.name} belongs to no run and is empty. To remove it, add --mend."
            yield Finding("folders", says, well=False, mend=lambda folder=folder: _remove(folder))  # type: ignore[misc]
        elif any(checkpoint_at(path) for path in folder.glob("*.safetensors")):
            says = (
                f"The folder {folder.name} has weights, but its run is not in the store. To bring it back, add --mend."
            )
            yield Finding("folders", says, well=False, mend=lambda f=folder: _bring_back(store, f))  # type: ignore[misc]
        else:
            yield Finding(
                "folders", f"The folder {folder} belongs to no run, and its files are not cnnlab's.", well=False
            )
    strays = [
        path
        for run in store.list()
        if not run.status.active and not locks.is_held(store.folder(run.id))
        for path in store.folder(run.id).glob("*.tmp")
    ]
    if strays:
        files = f"{len(strays)} half-written file{'s' if len(strays) > 1 else ''}"
        says = f"{files} of runs that have ended. To remove them, add --mend."
        yield Finding("folders", says, well=False, mend=lambda: _unlink(strays))
    yield Finding("folders", f"The runs' folders are in {store.app_config.runs}.")


def _remove(folder: Path) -> str:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return f"The empty folder {folder.name} is gone."


def _bring_back(store: Store, folder: Path) -> str:
    number = adopt(store.app_config, folder)
    return f"Run {number} is back, from the files in {folder.name}." if number else f"{folder.name} stays as it is."


def _unlink(paths: list[Path]) -> str:
    for path in paths:
        path.unlink(missing_ok=True)
    return f"{len(paths)} half-written file{'s are' if len(paths) > 1 else ' is'} gone."


def _from_the_future(store: Store) -> Finding:
    late = (RUNS.created_at > bindparam("latest")) | (RUNS.finished_at > bindparam("latest"))
    [rows] = store.database.read(select(RUNS.name).where(late), latest=time.time() + AHEAD_S)
    if names := [name for (name,) in rows]:
        says = f"{_list(names)}: the date lies in the future. The clock of this machine is or was wrong; check it."
        return Finding("clock", says, well=False)
    return Finding("clock", "No run has a date in the future.")


def _writing(file: Path) -> bool:
    """Return whether another process writes into the store at this very moment: then its journal is as it should be."""
    try:
        with closing(sqlite3.connect(file, timeout=1.0, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.DatabaseError as error:
        return "locked" in str(error)
    return False


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
