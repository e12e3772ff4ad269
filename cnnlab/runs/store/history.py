"""This module keeps what a run's own process reports: what it is doing, its steps, its epochs and its checkpoints.

The row is the commit: a file counts once the store names it, and not before.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, case, delete, insert, select, update

from cnnlab import failpoints, logs
from cnnlab.records import EpochRecord, Phase, StepRecord
from cnnlab.runs.patience import persistent
from cnnlab.runs.retention import thin
from cnnlab.runs.run import Checkpoint, CheckpointKind, Curve, epoch_of
from cnnlab.runs.store import curves, tables
from cnnlab.runs.store.database import sound
from cnnlab.runs.store.transactions import RUNS, Connected, number_of, progress, refuse_nan

STATES_KEPT = 2

_STEPS, _EPOCHS, _FILES = tables.steps.c, tables.epochs.c, tables.checkpoints.c


class History(Connected):
    """A `History` is the part of the store that keeps what runs report. Only the process that has claimed a run writes it.

    What is said again soon in any case (`say`, `tell`) is said once and not repeated.
    """

    def say(self, id: str, sentence: str) -> None:
        """Record what a claimed run is busy with before its first step; `start` and `finish` replace the sentence."""
        with self.database.writing() as connection:
            progress(connection, id, message=sentence)

    def tell(self, id: str, phase: Phase) -> None:
        """Record what a running run is doing, and when its result is expected."""
        with self.database.writing() as connection:
            progress(connection, id, phase=phase.model_dump_json())

    @persistent
    def start(
        self, id: str, device: str, environment: Mapping[str, Any], steps_total: int, phase: Phase | None = None
    ) -> None:
        """Record where a claimed run trains, how many steps it has, and when its result is expected."""
        values: dict[str, Any] = {"device": device, "environment": json.dumps(dict(environment))}
        values |= {"steps_total": steps_total, "message": None, "phase": phase and phase.model_dump_json()}
        with self.database.writing() as connection:
            progress(connection, id, **values)
        logs.event("begun", run=id, device=device, steps_total=steps_total)

    @persistent
    def add_steps(self, id: str, steps: Sequence[StepRecord], images_per_s: float | None = None) -> None:
        """Keep step records of a run, in one transaction; doing the same once more changes nothing.

        Raises StoreError for a value that is no finite number.
        """
        if not steps:
            return
        refuse_nan(steps)
        last = steps[-1]
        values = {"epoch": last.epoch, "step": last.step, "elapsed_s": last.elapsed_s, "images_per_s": images_per_s}
        with self.database.writing() as connection:
            number = progress(connection, id, **values)
            again = _STEPS.step.between(steps[0].step, last.step)
            connection.execute(delete(tables.steps).where(_STEPS.number == number, again))
            connection.execute(insert(tables.steps), [{"number": number, **step.model_dump()} for step in steps])
            curves.thin(connection, number, steps[0].step - 1)

    @persistent
    def commit(self, id: str, records: Sequence[EpochRecord], files: Sequence[Checkpoint]) -> None:
        """Keep epochs and checkpoints of a run, in one transaction; doing the same once more changes nothing.

        A run goes on from its newest state: epochs that come with or before a state of their step are never lost. Older
        states go, and older weights where the run's byte budget asks for it: first the row, then the file.
        """
        refuse_nan(records)
        failpoints.reach("before_begin")
        with self.database.writing() as connection:
            number = progress(connection, id, **_no_less(records, files))
            for record in records:
                again = delete(tables.epochs).where(_EPOCHS.number == number, _EPOCHS.epoch == record.epoch)
                connection.execute(again)
                row = {"number": number, "epoch": record.epoch, "step": record.step, "record": record.model_dump_json()}
                connection.execute(insert(tables.epochs).values(row))
            best = judge(connection, number)
            _name_files(connection, number, files)
            gone = _drop_old(connection, number, best, self.app_config.run_budget_bytes)
            failpoints.reach("before_commit")
        failpoints.reach("after_commit")
        for record in records:
            logs.event("epoch committed", run=id, epoch=record.epoch, step=record.step)
        self._remove(id, gone)

    @persistent
    def rewind(self, id: str, step: int) -> None:
        """Forget everything that a run recorded after `step`: a continued run takes those steps again."""
        with self.database.writing() as connection:
            number = progress(connection, id, step=step)
            later = _FILES.number == number, _FILES.step > step
            gone = list(connection.execute(select(_FILES.name).where(*later)).scalars())
            connection.execute(delete(tables.checkpoints).where(*later))
            connection.execute(delete(tables.steps).where(_STEPS.number == number, _STEPS.step > step))
            curves.thin(connection, number, step)
            connection.execute(delete(tables.epochs).where(_EPOCHS.number == number, _EPOCHS.step > step))
            newest = select(_STEPS.epoch, _STEPS.elapsed_s).where(_STEPS.number == number)
            last = connection.execute(newest.order_by(_STEPS.step.desc()).limit(1)).one_or_none()
            values = {"epoch": last.epoch, "elapsed_s": last.elapsed_s} if last else {"epoch": 0, "elapsed_s": 0.0}
            connection.execute(update(tables.runs).where(RUNS.number == number).values(values))
            judge(connection, number)
        self._remove(id, gone)

    def _remove(self, id: str, names: Sequence[str]) -> None:
        for name in names:
            (self.folder(id) / name).unlink(missing_ok=True)

    def path(self, checkpoint: Checkpoint) -> Path:
        """Return the path of a checkpoint's file."""
        return self.folder(checkpoint.run_id) / checkpoint.name

    def steps(self, id: str, after: int = 0, until: int | None = None) -> list[StepRecord]:
        """Return a run's step records later than step `after`, up to step `until`, in order.

        For a chart of a whole run there is `curve`.
        """
        names = list(StepRecord.model_fields)
        with self.database.reading() as connection:
            within = [_STEPS.number == number_of(connection, id), _STEPS.step > after]
            within += [] if until is None else [_STEPS.step <= until]
            columns = select(*(_STEPS[name] for name in names))
            rows = connection.execute(columns.where(*within).order_by(_STEPS.step)).all()
            with sound():  # an older cnnlab left columns empty
                values = [{n: v for n, v in zip(names, row, strict=True) if v is not None} for row in rows]
                return [StepRecord(**read) for read in values]

    def curve(self, id: str, after: int = 0, until: int | None = None) -> Curve:
        """Return the points of a run's curve that end later than step `after`, up to step `until`.

        Of a long run a point stands for many records. All but the newest point stay as they are.
        """
        with self.database.reading() as connection:
            return curves.read(connection, number_of(connection, id), after, until)

    @persistent
    def epochs(self, id: str) -> list[EpochRecord]:
        """Return a run's epoch records in order, from 1."""
        with self.database.reading() as connection:
            return _epochs(connection, number_of(connection, id))

    @persistent
    def checkpoints(self, id: str, kind: CheckpointKind) -> list[Checkpoint]:
        """Return a run's checkpoints of one kind, in the order of their steps."""
        with self.database.reading() as connection:
            return _files(connection, number_of(connection, id), kind, id)

    def weights(self, id: str) -> list[Checkpoint]:
        """Return a run's checkpoints to look inside, in the order of their epochs."""
        return self.checkpoints(id, "weights")


def _no_less(records: Sequence[EpochRecord], files: Sequence[Checkpoint]) -> dict[str, Any]:
    """Return the columns of a run's progress with these records, never less than `add_steps` has recorded already."""
    values: dict[str, float] = {"step": max([0, *(record.step for record in records), *(file.step for file in files)])}
    if records:
        values |= {"epoch": records[-1].epoch, "elapsed_s": records[-1].elapsed_s}
    return {name: case((RUNS[name] < value, value), else_=RUNS[name]) for name, value in values.items()}


def _epochs(connection: Connection, number: int) -> list[EpochRecord]:
    rows = connection.execute(select(_EPOCHS.record).where(_EPOCHS.number == number).order_by(_EPOCHS.epoch))
    with sound():
        return [epoch_of(record) for record in rows.scalars()]


def judge(connection: Connection, number: int) -> int | None:
    """Write down which epoch of a run is the last and which is the best, and return the best."""
    records = _epochs(connection, number)
    last = records[-1].epoch if records else None
    validated = [(record.validation.accuracy, -record.epoch) for record in records if record.validation]
    best = -max(validated)[1] if validated else last
    connection.execute(update(tables.runs).where(RUNS.number == number).values(last_epoch=last, best_epoch=best))
    return best


def _name_files(connection: Connection, number: int, files: Sequence[Checkpoint]) -> None:
    for file in files:
        connection.execute(delete(tables.checkpoints).where(_FILES.number == number, _FILES.name == file.name))
        row = {"number": number, **{column: getattr(file, column) for column in _COLUMNS}}
        connection.execute(insert(tables.checkpoints).values(row))


_COLUMNS = ["name", "kind", "epoch", "step", "sha256", "bytes"]


def _files(connection: Connection, number: int, kind: CheckpointKind, id: str = "") -> list[Checkpoint]:
    columns = [_FILES[name] for name in _COLUMNS]
    mine = select(*columns).where(_FILES.number == number, _FILES.kind == kind).order_by(_FILES.step, _FILES.epoch)
    return [Checkpoint(run_id=id, **row) for row in connection.execute(mine).mappings()]


def _drop_old(connection: Connection, number: int, best: int | None, budget_bytes: int) -> list[str]:
    """Remove the checkpoints from the store that need not be kept; return the files to remove after the commit."""
    weights = {file.epoch: file for file in _files(connection, number, "weights")}
    sizes = {epoch: file.bytes for epoch, file in weights.items()}
    names = [weights[epoch].name for epoch in thin(sizes, [] if best is None else [best], budget_bytes)]
    _unname(connection, number, names)
    return names + _drop_states(connection, number)


def _drop_states(connection: Connection, number: int) -> list[str]:
    names = [file.name for file in _files(connection, number, "state")[:-STATES_KEPT]]
    _unname(connection, number, names)
    return names


def _unname(connection: Connection, number: int, names: Sequence[str]) -> None:
    if names:
        connection.execute(delete(tables.checkpoints).where(_FILES.number == number, _FILES.name.in_(names)))
