"""Tidying up after processes that ended without a word."""

import re
import shutil
import time

from sqlalchemy import Connection, select

from cnnlab.records import RunStatus
from cnnlab.runs import locks, tables
from cnnlab.runs.base import RUNS, Connected, change, number_of, read_run
from cnnlab.runs.run import Run

_RUN_FOLDER = re.compile(r"[0-9a-f]{32}")
_ORPHAN_AGE_S = 3_600.0


class Recovery(Connected):
    """Nothing is shown as running that is not."""

    def recover(self) -> list[Run]:
        """Turn every running run whose lock is free into an interrupted one; returns those.

        Their folders are cleared of files that were begun but never named by the store.
        """
        with self.database.reading() as connection:
            running = list(connection.execute(select(RUNS.id).where(RUNS.status == RunStatus.RUNNING)).scalars())
        dead = [id for id in running if not locks.is_held(self.folder(id))]
        return [run for id in dead if (run := self._interrupt(id))]

    def _interrupt(self, id: str) -> Run | None:
        if not self.take_lock(id):
            return None  # not dead after all, or another server is at it
        try:
            values = {"status": RunStatus.INTERRUPTED, "finished_at": time.time(), "command": None}
            with self.database.writing() as connection:
                if not change(connection, id, [RunStatus.RUNNING], **values):
                    return None
                change(connection, id, [RunStatus.INTERRUPTED], message=_epitaph(read_run(connection, id)))
                run = read_run(connection, id)
                named = _named(connection, id)
            for path in self.folder(id).iterdir():
                if path.name not in named:
                    path.unlink(missing_ok=True)
            return run
        finally:
            locks.release(self.folder(id))

    def sweep(self) -> None:
        """Remove folders that belong to no run: one was deleted, and the deleting process killed half-way.

        Young ones stay: `create` makes the folder a moment before the row.
        """
        if not self.settings.runs.is_dir():
            return
        with self.database.reading() as connection:
            known = set(connection.execute(select(RUNS.id)).scalars())
        for folder in self.settings.runs.iterdir():
            orphan = _RUN_FOLDER.fullmatch(folder.name) and folder.name not in known
            if orphan and folder.stat().st_mtime < time.time() - _ORPHAN_AGE_S:
                shutil.rmtree(folder, ignore_errors=True)


def _epitaph(run: Run) -> str:
    done = run.last_epoch.epoch if run.last_epoch else 0
    if done:
        return f"The training process ended without saying why, after epoch {done}. Continue picks up from there."
    return "The training process ended without saying why, in its first epoch. Continue starts it again."


def _named(connection: Connection, id: str) -> set[str]:
    files = tables.checkpoints.c
    rows = connection.execute(select(files.name).where(files.number == number_of(connection, id)))
    return {"lock", *rows.scalars()}
