"""This module keeps weights that were trained elsewhere as a run to look inside: whole or not at all."""

import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import insert

from cnnlab.records import RunStatus
from cnnlab.runs.errors import StoreError
from cnnlab.runs.run import Imported, Run
from cnnlab.runs.store import tables
from cnnlab.runs.store.queue import Queue
from cnnlab.runs.store.transactions import number_of, read_run
from cnnlab.runs.text_rules import NAME_LENGTH
from cnnlab.schema import TrainingConfig

_FILE = "weights-0001.safetensors"


class Written(Protocol):
    """A `Written` is a file that is on the disk for good, as `checkpoints.write` returns it."""

    @property
    def sha256(self) -> str: ...
    @property
    def bytes(self) -> int: ...


Write = Callable[[Path], Written]
"""Function that writes the weights to a path."""


class Imports(Queue):
    """An `Imports` is the part of the store that creates runs which nobody here has trained."""

    def bring(self, config: TrainingConfig, write: Write, facts: Imported, name: str | None = None) -> Run:
        """Create a run with the weights that `write` puts into its folder, and `facts` of where they come from.

        The run never waits, trains or goes on. Without a name it is called by its architecture and number. Raises
        StoreError.
        """
        facts = replace(facts, file=shown(facts.file))
        written: list[Written] = []

        def prepare(id: str) -> None:
            try:
                written.append(write(self.folder(id) / _FILE))
            except OSError as error:
                raise StoreError(f"The weights cannot be kept on this machine: {error.strerror}.") from error

        values: dict[str, Any] = {"status": RunStatus.IMPORTED, "finished_at": time.time()}
        values |= {"environment": facts.as_environment(), "message": _message(facts, config)}
        with self._creating([config], [name], prepare=prepare, **values) as (connection, [id]):
            number, [new] = number_of(connection, id), written
            file = {"name": _FILE, "kind": "weights", "epoch": 1, "step": 0, "sha256": new.sha256, "bytes": new.bytes}
            connection.execute(insert(tables.checkpoints).values(number=number, **file))
            return read_run(connection, id)


def shown(file_name: str) -> str:
    """Return a file's name as a person may read it: without folders, on one line, as short as the name of a run."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", file_name))[-1]
    return "".join(letter for letter in last if letter.isprintable())[:NAME_LENGTH] or "a file without a name"


def _message(facts: Imported, config: TrainingConfig) -> str:
    said = f"Loaded from the file “{facts.file}”: it was not trained or measured here."
    if not facts.stated:
        return said
    when = "" if facts.epoch is None else f" after epoch {facts.epoch} of {config.epochs}"
    return f"{said} The file says that it is {config.architecture} on {config.dataset}{when}."
