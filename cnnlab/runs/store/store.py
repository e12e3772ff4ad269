"""This module joins the parts of the run store: one database, and one folder a run."""

import shutil
from collections.abc import Collection

from sqlalchemy import delete, select, update

from cnnlab import logs
from cnnlab.records import RunStatus
from cnnlab.runs import locks
from cnnlab.runs.errors import NotYoursError, StoreError, UnknownRunError
from cnnlab.runs.patience import persistent
from cnnlab.runs.permissions import Actor, refuse
from cnnlab.runs.reading import listing
from cnnlab.runs.run import Checkpoint, Curve, Run
from cnnlab.runs.store import tables
from cnnlab.runs.store.creating import Creating
from cnnlab.runs.store.history import History
from cnnlab.runs.store.recovery import Recovery
from cnnlab.runs.store.resuming import Resuming
from cnnlab.runs.store.transactions import RUNS, read_run
from cnnlab.runs.text_rules import clean_name, clean_note

__all__ = ["Actor", "Checkpoint", "Curve", "NotYoursError", "Run", "Store", "StoreError", "UnknownRunError"]


class Store(Creating, Resuming, History, Recovery):
    """The `Store` keeps all runs, in one database and one folder a run.

    Cheap to make; every method is one short transaction and may be called from any thread. Raises StoreError, whose
    text is a sentence for people; UnknownRunError where the run is not there, NotYoursError where it is somebody
    else's.
    """

    def acting_as(self, actor: Actor) -> "Store":
        """Return the same store, used in the name of `actor`."""
        return Store(self.app_config, lambda: actor)

    def rename(self, id: str, name: str) -> Run:
        """Give a run another name of 1 to 60 printable characters, and return the run."""
        return self._describe(id, "rename", name=clean_name(name))

    def annotate(self, id: str, note: str) -> Run:
        """Write a note of up to 2,000 characters about a run; an empty note removes the old one."""
        return self._describe(id, "write notes about", note=clean_note(note))

    def _describe(self, id: str, verb: str, **values: str) -> Run:
        with self.changing(id, verb) as (connection, _):
            connection.execute(update(tables.runs).where(RUNS.id == id).values(**values))
            return read_run(connection, id)

    def delete(self, id: str) -> None:
        """Delete a run for good: first everything that the store knows of the run, then its folder.

        Raises StoreError while the run trains.
        """
        run = self.get(id)
        refuse(self.who(), run, "delete")  # a run never changes its owner, so this stays true
        if run.status is RunStatus.RUNNING or not self.take_lock(id):
            raise StoreError(f"“{run.name}” is training. Stop it first, then delete it.")
        try:
            self.mark_deleted(id)
            with self.database.writing() as connection:
                idle = RUNS.id == id, RUNS.status != RunStatus.RUNNING
                connection.execute(delete(tables.runs).where(*idle))  # its steps, epochs and checkpoints go with it
            shutil.rmtree(self.folder(id), ignore_errors=True)
            logs.event("deleted", run=id)
        finally:
            locks.release(self.folder(id))

    def people(self) -> dict[str, str]:
        """Return the names of the people who have runs, by their ids; two people may have one name."""
        [rows] = self.database.read(_OWNERS)
        return {owner: name or "" for owner, name in rows}

    @persistent
    def list(self, ids: Collection[str] | None = None) -> list[Run]:
        """Return every run, or those of `ids` that are there, the newest first.

        However many there are, only those are read that have changed since this process last asked.
        """
        runs = listing.of(self.app_config.database).read(self.database)
        return runs if ids is None else [run for run in runs if run.id in ids]


_OWNERS = select(RUNS.owner, RUNS.owner_name).where(RUNS.owner.is_not(None)).order_by(RUNS.number)
