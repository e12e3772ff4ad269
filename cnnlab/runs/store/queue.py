"""This module moves runs from status to status by compare-and-set UPDATEs: of many callers who try, one succeeds."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, case, func, or_, select

from cnnlab import logs
from cnnlab.records import Results, RunStatus
from cnnlab.runs import locks
from cnnlab.runs.errors import StoreError
from cnnlab.runs.exit import crash_note
from cnnlab.runs.patience import persistent
from cnnlab.runs.permissions import Actor, Waiting, refuse_too_many
from cnnlab.runs.reading.snapshot import Rows
from cnnlab.runs.run import ASKED_FOR, Run
from cnnlab.runs.store import tables
from cnnlab.runs.store.transactions import (
    NEWEST,
    RUNS,
    Connected,
    change,
    later_than,
    progress,
    read_run,
    refuse_nan,
    runs_of,
    select_runs,
)

TURN_S = 300.0


class Queue(Connected):
    """A `Queue` is the part of the store that decides which process trains which run, and when."""

    def _next_turns(self, connection: Connection, actor: Actor, n: int, now: float) -> list[float]:
        """Return the times by which `n` more runs of this person wait their turn. Raises StoreError for too many."""
        waiting = connection.execute(_WAITING, {"owner": actor.id, "address": actor.address}).one()
        refuse_too_many(actor, n, Waiting(*waiting), self.app_config)
        return _turns(connection.execute(_LAST_TURN, {"owner": actor.id}).all(), actor, n, now)

    def claim(self) -> Run | None:
        """Claim the run that has waited longest for this process and return it; None where none may start.

        The process holds the run's lock from before the change until `finish` or its own end: at no moment is a
        run `running` whose lock is free while somebody is about to train it.
        """
        id = self._oldest()  # most calls end here, without waiting for the one writer
        if id is None or not self._take(id, [RunStatus.QUEUED], _running < self.app_config.slots):
            return None
        run = self.get(id)
        if run.fault:
            self.finish(id, RunStatus.FAILED, run.fault)
            return None
        return run

    def may_start(self) -> bool:
        """Return whether a run waits that a worker could claim now."""
        return self._oldest() is not None

    @persistent
    def _oldest(self) -> str | None:
        """Return the id of the run that a worker could claim now; None where there is none."""
        [rows] = self.database.read(_FIRST, slots=self.app_config.slots)
        return rows[0][0] if rows else None

    def _take(self, id: str, wanted: list[RunStatus], *conditions: ColumnElement[bool], **values: Any) -> bool:
        """Take the run's lock, then set its row to running, and to `values`; return whether both succeeded."""
        if not self.take_lock(id):
            return False
        values |= {"status": RunStatus.RUNNING, "message": None, "finished_at": None, "phase": None, "asked_from": None}
        values |= {"pid": os.getpid(), "started_at": func.coalesce(RUNS.started_at, time.time())}
        taken = False
        try:
            taken = self._occupy(id, wanted, conditions, values)
        finally:
            if not taken:
                locks.release(self.folder(id))
        if taken:
            logs.event("claimed", run=id)
        return taken

    @persistent
    def _occupy(
        self, id: str, wanted: list[RunStatus], conditions: Sequence[ColumnElement[bool]], values: Mapping[str, Any]
    ) -> bool:
        """Set the row of a run, whose lock this process holds, to `values`; return whether it is this process's now.

        It is also where an earlier attempt counted, whose answer was lost: nobody else holds the lock.
        """
        with self.database.writing() as connection:
            if change(connection, id, wanted, *conditions, **values):
                return True
            mine = select(RUNS.id).where(RUNS.id == id, RUNS.status == RunStatus.RUNNING, RUNS.pid == os.getpid())
            return connection.execute(mine).first() is not None

    def finish(self, id: str, status: RunStatus, message: str, results: Results | None = None) -> Run:
        """End a running run and release its lock. `message`: why, in one sentence. Raises ValueError, StoreError."""
        if status.active or not message:
            raise ValueError("a run ends in an end state, with a message")
        refuse_nan([results] if results else [])
        values = {"status": status, "message": message, "finished_at": time.time(), "command": None, "phase": None}
        values |= {"results": results.model_dump_json()} if results else {}
        run = self._end(id, values)
        crash_note.forget(self.folder(id))
        locks.release(self.folder(id))
        self.ring()
        logs.event("ended", run=id, status=status, message=message, step=run.step)
        return run

    @persistent
    def _end(self, id: str, values: Mapping[str, Any]) -> Run:
        ends = {name: values[name] for name in ("status", "message", "finished_at")}
        with self.database.writing() as connection:
            done = [RUNS.id == id, RUNS.pid == os.getpid(), *(RUNS[name] == value for name, value in ends.items())]
            if connection.execute(select(RUNS.id).where(*done)).first() is None:  # else an attempt counted already
                progress(connection, id, **values)
            return read_run(connection, id)

    def request(self, id: str, what: Literal["stop", "pause"]) -> Run:
        """Ask a running run to stop or pause, or end a waiting one. Raises StoreError where the run has ended."""
        status = ASKED_FOR[what]
        ended: dict[str, Any] = {"status": status, "message": f"{status.capitalize()} while it waited in the queue."}
        ended |= {"command": None, "asked_from": None}
        logs.event("asked", run=id, what=what)
        with self.changing(id, what) as (connection, _):
            running = change(connection, id, [RunStatus.RUNNING], command=what)
            if not running and not change(connection, id, [RunStatus.QUEUED], **ended, finished_at=time.time()):
                run = read_run(connection, id)
                raise StoreError(f"“{run.name}” is not training any more: it is {run.status}.")
            return read_run(connection, id)

    def command(self, id: str) -> str | None:
        """Return what the running process has been asked to do: "stop", "pause", MEASURE or None."""
        return self.commands([id]).get(id)

    def commands(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the `command` of each run, by the run's id; runs that were asked for nothing are left out."""
        [rows] = self.database.read(_COMMANDS)
        return {id: command for id, command in rows if id in ids}

    def queue_position(self, id: str) -> int | None:
        """Return the place of a run in the queue, 1 for the next to start; None for a run that is not waiting."""
        waits = self.get(id).status is RunStatus.QUEUED
        return 1 + sum(run.status is RunStatus.QUEUED for run in self.ahead_of(id)) if waits else None

    def ahead_of(self, id: str) -> list[Run]:
        """Return the runs that train, then those that wait before a run that waits, in the order of their turns."""
        [rows] = self.database.read(_in_turn)
        with self.database.sound():
            runs = runs_of(rows)
        places = [run.id for run in runs]
        return runs[: places.index(id)] if id in places else []

    def line_with(self, n: int) -> list[Run | None]:
        """Return the line as `ahead_of` does, to its end, with None where each of `n` new runs of this person would stand."""
        actor = self.who()
        rows, waiting, last, newest = self.database.read(_in_turn, _waiting, _LAST_TURN, NEWEST, owner=actor.id)
        with self.database.sound():
            runs = runs_of(rows)
        turns = {id: queued_at for id, queued_at in waiting}
        new = _turns(last, actor, n, later_than(newest))
        line = [*((turns.get(run.id, 0.0), run) for run in runs), *((turn, None) for turn in new)]
        return [run for _, run in sorted(line, key=itemgetter(0))]

    @contextmanager
    def no_claims(self) -> Iterator[set[int]]:
        """Keep runs from being claimed inside the block, and yield the process ids of those that train."""
        with self.database.writing() as connection:
            connection.execute(_waiting.with_for_update())  # does nothing in SQLite, which has one writer anyway
            yield set(connection.execute(_pids).scalars())

    def training_pids(self) -> set[int]:
        """Return the ids of the processes that train, as each machine numbers them."""
        [rows] = self.database.read(_pids)
        return {pid for (pid,) in rows}


def _turns(found: Rows, actor: Actor, n: int, now: float) -> list[float]:
    """Return the times by which `n` more runs of a person wait their turn, after the last one that `_LAST_TURN` found.

    Each run a person has waiting lets others pass who come within `TURN_S`: one pupil's sweep does not keep a class
    waiting. What this machine itself asks for waits in the order of asking.
    """
    if actor.id is None:
        return [now] * n
    [(last,)] = found
    first = now if last is None else max(now, last + TURN_S)
    return [first + TURN_S * i for i in range(n)]


_others = tables.runs.alias()
_running = select(func.count()).select_from(_others).where(_others.c.status == RunStatus.RUNNING).scalar_subquery()
_turn = (RUNS.queued_at, RUNS.number)
_waiting = select(RUNS.id, RUNS.queued_at).where(RUNS.status == RunStatus.QUEUED).order_by(*_turn)
_active = or_(RUNS.status == RunStatus.RUNNING, RUNS.status == RunStatus.QUEUED)
_in_turn = select_runs().where(_active).order_by(RUNS.status == RunStatus.QUEUED, *_turn)
_FIRST = _waiting.where(_running < bindparam("slots", type_=Integer)).limit(1)
_COMMANDS = select(RUNS.id, RUNS.command).where(RUNS.command.is_not(None))
_LAST_TURN = select(func.max(RUNS.queued_at)).where(RUNS.owner == bindparam("owner"), RUNS.status == RunStatus.QUEUED)
_pids = select(RUNS.pid).where(RUNS.status == RunStatus.RUNNING, RUNS.pid.is_not(None))
_WAITING = select(
    func.count(case((RUNS.owner == bindparam("owner"), 1))),
    func.count(case((RUNS.asked_from == bindparam("address"), 1))),
    func.count(),
).where(RUNS.status == RunStatus.QUEUED, RUNS.owner.is_not(None))
"""How many runs of people wait: of the person `owner`, from `address`, and all."""
