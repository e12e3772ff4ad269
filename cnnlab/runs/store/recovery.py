"""This module tidies up after training processes that ended without telling the store."""

import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, delete, select

from cnnlab import logs
from cnnlab.analysis.predictions.names import owner_of
from cnnlab.files.regular import read_regular
from cnnlab.records import RunStatus
from cnnlab.runs import locks
from cnnlab.runs.errors import StoreError
from cnnlab.runs.exit import crash_note
from cnnlab.runs.exit.reason import Death, epitaph
from cnnlab.runs.patience import NOTE, persistent
from cnnlab.runs.run import Run
from cnnlab.runs.store import tables
from cnnlab.runs.store.transactions import NUMBER, RUNS, Connected, change, must_exist, number_of, read_run

RUN_FOLDER = re.compile(r"[0-9a-f]{32}")
DELETED = "deleted"
_CONTINUED = "continued"
_KNOWN = {"lock", crash_note.NAME, NOTE, _CONTINUED}
_FILES = tables.checkpoints.c
_IDS = select(RUNS.id)
_RUNNING = select(RUNS.id, RUNS.pid).where(RUNS.status == RunStatus.RUNNING)
_NAMED = select(_FILES.name).where(_FILES.number == NUMBER.scalar_subquery())


class Recovery(Connected):
    """A `Recovery` is the part of the store that interrupts runs whose process is gone, and removes leftover files."""

    def recover(self, deaths: Mapping[int, Death] | None = None) -> list[Run]:
        """Turn every running run whose lock is free into an interrupted one, and return these runs.

        `deaths`: what the caller has seen of processes, by their id; a run of one that lives is left for the next time.
        What the process has left as its last words counts most. The runs' folders are cleared of files that were begun
        but never named by the store.
        """
        seen = deaths or {}
        [rows] = self.database.read(_RUNNING)
        known = [(id, seen.get(pid)) for id, pid in rows if not locks.is_held(self.folder(id))]
        return [run for id, death in known if not _lives(death) and (run := self._interrupt(id, death))]

    def _interrupt(self, id: str, death: Death | None) -> Run | None:
        folder = self.folder(id)
        gone = not folder.exists()
        with suppress(StoreError):  # a disk that refuses: then nobody else can take the run either
            if not self.take_lock(id):
                return None  # not dead after all, or another server is at it
        try:
            words = crash_note.read(folder)
            with self.database.writing() as connection:
                status, message = epitaph(read_run(connection, id), words, death, folder_gone=gone)
                values = {"status": status, "message": message, "finished_at": time.time(), "command": None}
                if not change(connection, id, [RunStatus.RUNNING], **values):
                    return None
                if gone:
                    self._unname_missing(connection, id)
                run = read_run(connection, id)
            code = death.code if death else None
            logs.event("interrupted", run=id, message=message, exit_code=code, stacks=(words and words.stacks) or None)
            crash_note.forget(folder)
            self.remove_unnamed(id)
            return run
        finally:
            locks.release(folder)
            self.ring()

    @persistent
    def remove_unnamed(self, id: str) -> None:
        """Remove a run's files that were begun but never named by the store, and what stands beside weights that are not.

        Only for who holds the run's lock.
        """
        run, names = self.database.read(NUMBER, _NAMED, run=id)
        must_exist(run)
        named = {name for (name,) in names}
        with suppress(OSError):  # a disk that refuses: they are in nobody's way
            for path in _begun(self.folder(id)):
                if (owner_of(path) or path.name) not in named:
                    path.unlink(missing_ok=True)

    @persistent
    def forget_missing(self, id: str) -> None:
        """Remove the checkpoints of a run whose files are gone from the store; the run's curves stay."""
        with self.database.writing() as connection:
            self._unname_missing(connection, id)

    def _unname_missing(self, connection: Connection, id: str) -> None:
        mine = _FILES.number == number_of(connection, id)
        names = connection.execute(select(_FILES.name).where(mine)).scalars()
        lost = [name for name in names if not (self.folder(id) / name).exists()]
        connection.execute(delete(tables.checkpoints).where(mine, _FILES.name.in_(lost)))

    def may_continue(self, run: Run) -> bool:
        """Return whether an interrupted run has finished an epoch since this was last asked.

        Asking again after the same epoch gives False. So a run that dies of its own settings is continued at most as
        often as it has epochs.
        """
        folder, done = self.folder(run.id), run.last_epoch.epoch if run.last_epoch else 0
        with suppress(OSError, ValueError):
            if int(read_regular(folder / _CONTINUED, most_bytes=100)) >= done:
                return False
        if run.status is not RunStatus.INTERRUPTED or not done:
            return False
        try:
            (folder / _CONTINUED).write_text(str(done))
        except OSError:
            return False  # without the note the run might be continued for ever
        return True

    def mark_deleted(self, id: str) -> None:
        """Mark the run's folder as about to be deleted, for `sweep`."""
        with suppress(OSError):
            (self.folder(id) / DELETED).touch()

    def sweep(self) -> None:
        """Remove folders whose run was deleted by a process that was killed half-way.

        A folder that merely has no row stays, with all that is in it: then the row was lost, with a damaged store
        perhaps, and `cnnlab.runs.repair.rebuild` makes the row anew from the files in the folder.
        """
        for folder in self.orphans():
            if (folder / DELETED).exists() and not locks.is_held(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def orphans(self) -> list[Path]:
        """Return the folders that are named like a run's and belong to no run."""
        try:
            folders = [path for path in self.app_config.runs.iterdir() if RUN_FOLDER.fullmatch(path.name)]
        except OSError:
            return []
        [rows] = self.database.read(_IDS)
        known = {id for (id,) in rows}
        return [folder for folder in folders if folder.name not in known and folder.is_dir()]


def is_empty(folder: Path) -> bool:
    """Return whether nothing is in a run's folder that anybody could miss."""
    return all(path.name in _KNOWN or path.suffix == ".tmp" for path in folder.iterdir())


def _lives(death: Death | None) -> bool:
    return death is not None and death.code is None


def _begun(folder: Path) -> list[Path]:
    """Return the files in a run's folder that cnnlab wrote; what somebody else has put there is left alone."""
    paths = folder.iterdir() if folder.is_dir() else ()
    ours = (path for path in paths if path.suffix in (".safetensors", ".tmp") or owner_of(path))
    return [path for path in ours if path.is_file()]
