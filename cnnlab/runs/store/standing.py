"""This module lets a run that ended early be measured where it stands, without a step of training."""

from typing import Any

from cnnlab import logs
from cnnlab.records import RunStatus
from cnnlab.runs.errors import StoreError
from cnnlab.runs.run import MEASURE, Run
from cnnlab.runs.store.queue import Queue
from cnnlab.runs.store.transactions import change, clock, read_run

MEASURABLE = [status for status in RunStatus if status.measurable]


class Standing(Queue):
    """A `Standing` is the part of the store that queues runs to be measured where they stand."""

    def measure(self, id: str) -> Run:
        """Put a run that was ended early into the queue, for a worker to measure it as its newest state has it.

        Nothing of what the run goes on from is touched: continued afterwards, it takes the steps it would have taken.
        Raises StoreError where there is nothing to measure.
        """
        values: dict[str, Any] = {"status": RunStatus.QUEUED, "command": MEASURE, "message": None, "results": None}
        with self.changing(id, "measure") as (connection, run):
            if run.fault:
                raise StoreError(run.fault)
            if not run.step:
                raise StoreError(f"“{run.name}” has not taken a step yet: there is nothing to measure.")
            [values["queued_at"]] = self._places(connection, self.who(), 1, clock(connection))
            if not change(connection, id, MEASURABLE, **values, finished_at=None):
                raise StoreError(f"“{run.name}” cannot be measured where it stands: it is {run.status}.")
            run = read_run(connection, id)
        self.ring()
        logs.event("to be measured", run=id, step=run.step)
        return run
