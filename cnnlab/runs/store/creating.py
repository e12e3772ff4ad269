"""This module creates runs, row and folder, whole or not at all: of settings to be trained, of weights to look inside."""

import os
import re
import time
import unicodedata
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, insert, update

from cnnlab import logs
from cnnlab.records import RunStatus
from cnnlab.runs.errors import NotYoursError, StoreError
from cnnlab.runs.naming import default_name
from cnnlab.runs.patience import persistent
from cnnlab.runs.permissions import NOBODY, Actor
from cnnlab.runs.run import Imported, Run
from cnnlab.runs.store import tables
from cnnlab.runs.store.queue import Queue
from cnnlab.runs.store.transactions import RUNS, clock, number_of, read_runs, select_runs
from cnnlab.runs.text_rules import NAME_LENGTH, clean_name
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


class Creating(Queue):
    """A `Creating` is the part of the store that creates runs."""

    def create(
        self,
        config: TrainingConfig,
        name: str | None = None,
        parent_id: str | None = None,
        *,
        mine: bool = False,
        plain: TrainingConfig | None = None,
        announced_s: float | None = None,
    ) -> Run:
        """Queue a run and return it; where `mine`, claim the run for this process at once, without waiting.

        Without a name the run is called by what tells it apart from `plain`, and its number. `announced_s`: in how many
        seconds its result was announced to who asked for the run. Raises StoreError.
        """
        values: dict[str, Any] = {"parent_id": parent_id, "plain": plain, "announced_s": announced_s}
        if mine:
            values |= {"status": RunStatus.RUNNING, "pid": os.getpid()}
        [run] = self._create([config], [name], locked=mine, **values)
        return run

    def create_many(
        self,
        configs: Sequence[TrainingConfig],
        sweep: str | None = None,
        names: Sequence[str] | None = None,
        announced_s: Sequence[float] | None = None,
    ) -> list[Run]:
        """Queue runs with a common name, in this order: all of them or none. Raises StoreError.

        Without a name the sweep is called after the number of its first run. `announced_s`: as for `create`, of each run.
        """
        common = clean_name(sweep) if sweep else None

        def name_and_announce(connection: Connection, ids: Sequence[str]) -> None:
            if not common and ids:
                named = {"sweep": f"Sweep {number_of(connection, ids[0])}"}
                connection.execute(update(tables.runs).where(RUNS.id.in_(ids)).values(named))
            for id, seconds in zip(ids, announced_s or (), strict=bool(announced_s)):
                connection.execute(update(tables.runs).where(RUNS.id == id).values(announced_s=seconds))

        return self._create(configs, names or [None] * len(configs), name_and_announce, sweep=common)

    def _create(
        self,
        configs: Sequence[TrainingConfig],
        names: Sequence[str | None],
        complete: Callable[[Connection, Sequence[str]], None] = lambda connection, ids: None,
        *,
        locked: bool = False,
        plain: TrainingConfig | None = None,
        prepare: Callable[[str], None] = lambda id: None,
        **values: Any,
    ) -> list[Run]:
        """Insert new runs and make their folders, and return the runs in their order; where anything fails, leave neither.

        `prepare(id)` may write into a new folder; the database waits for nothing meanwhile. `complete(connection, ids)` adds
        to the new rows within their transaction.
        """
        actor = self.who()
        if actor == NOBODY:
            raise NotYoursError("Nobody is signed in here any more. Reload the page, sign in, and train it then.")
        owned = {"owner": actor.id, "owner_name": actor.name or None}
        values = {"status": RunStatus.QUEUED, **owned, **values}
        cleaned = [name and clean_name(name) for name in names]
        ids = [uuid.uuid4().hex for _ in configs]
        with ExitStack() as stack:
            for id in ids:
                stack.enter_context(self._new_folder(id, locked))
                prepare(id)
            runs = self._insert(actor, dict(zip(ids, configs, strict=True)), cleaned, plain, complete, values)
        self.ring()
        for id in ids:
            logs.event("imported" if values["status"] is RunStatus.IMPORTED else "queued", run=id)
        return runs

    @persistent
    def _insert(
        self,
        actor: Actor,
        configs: Mapping[str, TrainingConfig],
        names: Sequence[str | None],
        plain: TrainingConfig | None,
        complete: Callable[[Connection, Sequence[str]], None],
        values: dict[str, Any],
    ) -> list[Run]:
        """Insert the rows of new runs, whose settings are given by their ids, in one transaction."""
        ids, n, status = list(configs), len(configs), values["status"]
        mine = select_runs().where(RUNS.id.in_(ids)).order_by(RUNS.number)
        with self.database.writing() as connection:
            if runs := read_runs(connection, mine):
                return runs  # an attempt counted whose answer was lost
            now = clock(connection)
            waits = status is RunStatus.QUEUED
            times = {"created_at": now, "waiting_since": now if waits else None}
            times |= {"started_at": now if status is RunStatus.RUNNING else None}
            values = values | {"asked_from": actor.address if waits else None}
            turns = self._next_turns(connection, actor, n, now) if waits else [now] * n
            for (id, config), name, turn in zip(configs.items(), names, turns, strict=True):
                row = {"id": id, "name": name or "", "config": config.model_dump_json(), "queued_at": turn}
                new = insert(tables.runs).values(row | times | values).returning(RUNS.number)
                number = connection.execute(new).scalar_one()
                if not name:
                    named = {"name": default_name(config, plain, actor.name, number)}
                    connection.execute(update(tables.runs).where(RUNS.id == id).values(named))
            complete(connection, ids)
            return read_runs(connection, mine)

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

        def name_file(connection: Connection, ids: Sequence[str]) -> None:
            number, [new] = number_of(connection, ids[0]), written
            file = {"name": _FILE, "kind": "weights", "epoch": 1, "step": 0, "sha256": new.sha256, "bytes": new.bytes}
            connection.execute(insert(tables.checkpoints).values(number=number, **file))

        [run] = self._create([config], [name], name_file, prepare=prepare, **values)
        return run


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
