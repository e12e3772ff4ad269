"""This module takes up runs that have ended early: to train them further, or to measure them where they stand."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import or_

from cnnlab import logs
from cnnlab.records import RunStatus
from cnnlab.runs.errors import StoreError
from cnnlab.runs.patience import persistent
from cnnlab.runs.run import MEASURE, Run
from cnnlab.runs.store.queue import Queue
from cnnlab.runs.store.transactions import RUNS, change, clock, read_run

RESUMABLE = [status for status in RunStatus if status.resumable]
MEASURABLE = [status for status in RunStatus if status.measurable]

_AFRESH: dict[str, Any] = {"message": None, "finished_at": None}


class Resuming(Queue):
    """A `Resuming` is the part of the store that takes up runs which have ended early."""

    def resume(self, id: str) -> Run:
        """Put a run that ended early (`resumable`) at the end of the queue. Raises StoreError for any other."""
        return self._queue_again(id, "continue", "continued", RESUMABLE)

    def measure(self, id: str) -> Run:
        """Put a run that was ended early into the queue, for a worker to measure it as its newest state has it.

        Nothing of what the run goes on from is touched: continued afterwards, it takes the steps it would have taken. Scores
        that it has hold as long as it stands there, until new ones are measured. Raises StoreError where there is nothing to
        measure.
        """
        return self._queue_again(id, "measure", "measured now", MEASURABLE, MEASURE)

    def take(self, id: str, command: Literal["measure"] | None = None) -> Run:
        """Claim this very run, queued or resumable, for this process, whatever the slots say.

        With the command MEASURE it is a run to be measured where it stands. Raises StoreError where it runs already or
        has ended for good, or where there is nothing to measure.
        """
        run = self.get(id)
        _refuse(run, command)
        waits_for_it = or_(RUNS.status != RunStatus.QUEUED, RUNS.command == MEASURE)
        wanted, conditions = (MEASURABLE, [waits_for_it]) if command else (RESUMABLE, [])
        values = {"command": command} | _without_scores(command)
        if not self._take(id, [RunStatus.QUEUED, *wanted], *conditions, **values):
            run = self.get(id)
            what = "measured now" if command else "trained now"
            raise StoreError(f"“{run.name}” cannot be {what}: it is {run.status}.")
        self.ring()
        return self.get(id)

    @persistent
    def _queue_again(
        self, id: str, verb: str, done: str, wanted: Sequence[RunStatus], command: str | None = None
    ) -> Run:
        """Put a run whose status is one of `wanted` at the end of the queue. Raises StoreError for any other.

        `verb`, `done`: what is to be done with the run, for a sentence: "continue", "continued".
        """
        with self.changing(id, verb) as (connection, run):
            _refuse(run, command)
            now = clock(connection)
            actor = self.who()
            [turn] = self._next_turns(connection, actor, 1, now)
            values = {"status": RunStatus.QUEUED, "command": command, "queued_at": turn, "waiting_since": now}
            values |= {"asked_from": actor.address}
            values |= _AFRESH | _without_scores(command)
            if not change(connection, id, wanted, **values):
                raise StoreError(f"“{run.name}” cannot be {done}: it is {run.status}.")
            run = read_run(connection, id)
        self.ring()
        logs.event("to be measured" if command else "continued", run=id, step=run.step)
        return run


def _without_scores(command: str | None) -> dict[str, Any]:
    """Return what removes the scores of a run that goes on from where they were measured; nothing for one that stays."""
    return {} if command == MEASURE else {"results": None}


def _refuse(run: Run, command: str | None) -> None:
    """Raise StoreError where a run's settings cannot be read, or where it is to be measured and has taken no step."""
    if run.fault:
        raise StoreError(run.fault)
    if command == MEASURE and not run.step:
        raise StoreError(f"“{run.name}” has not taken a step yet: there is nothing to measure.")
