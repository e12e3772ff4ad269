"""This module finds out whether the store and a folder can be written, by writing something there and taking it back.

Rights and free space, asked for, promise too much: a folder of which SQLite needs a second file, a quota, a read-only disk.
"""

import tempfile
import uuid
from pathlib import Path

from sqlalchemy import insert

from cnnlab.records import RunStatus
from cnnlab.runs.errors import StoreError
from cnnlab.runs.store import tables
from cnnlab.runs.store.store import Store

TRIAL_BYTES = 4_096
NUMBER = -1
"""Number of the trial's run. It is named, because a server counts on for a number that it gives, even when taken back."""


class _TakenBackError(Exception):
    """`_TakenBackError` undoes a trial's transaction."""


def store_fault(store: Store) -> str | None:
    """Return why the store cannot be written, in a sentence; None where it can.

    A run is written into its table, and nobody sees it: the transaction is undone.
    """
    row = {
        "number": NUMBER,
        "id": uuid.uuid4().hex,
        "name": "",
        "note": "",
        "status": RunStatus.STOPPED,
        "config": "{}",
    }
    times = {"created_at": 0.0, "queued_at": 0.0, "epoch": 0, "step": 0, "elapsed_s": 0.0}
    try:
        with store.database.writing() as connection:
            connection.execute(insert(tables.runs).values(row | times))
            raise _TakenBackError
    except _TakenBackError:
        return None
    except StoreError as error:
        return str(error)


def folder_fault(folder: Path) -> str | None:
    """Return why no file can be written into a folder, in a few words; None where one can, and leaves no trace.

    Where the folder is not there yet, the one in which it would be made is tried.
    """
    try:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        with tempfile.TemporaryFile(dir=there, buffering=0) as file:
            file.write(bytes(TRIAL_BYTES))
    except OSError as error:
        return error.strerror or str(error)
    return None
