"""This module keeps what a run's own process reports: what it is doing, its steps, its epochs and its checkpoints.

The row is the commit: a file counts once the store names it, and not before.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, case, delete, insert, select, update
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from cnnlab import failpoints, logs
from cnnlab.analysis.predictions.names import beside
from cnnlab.records import EpochRecord, Phase, StepRecord
from cnnlab.runs.patience import persistent
from cnnlab.runs.reading.snapshot import Rows
from cnnlab.runs.reading.soundness import sound
from cnnlab.runs.retention import thin
from cnnlab.runs.run import Checkpoint, CheckpointKind, Curve, epoch_of
from cnnlab.runs.store import curves, tables
from cnnlab.runs.store.transactions import NUMBER, RUNS, Connected, must_exist, progress, refuse_nan

STATES_KEPT = 2
STEPS_A_READING = 20_000

_STEPS, _EPOCHS, _FILES = tables.steps.c, tables.epochs.c, tables.checkpoints.c
_COLUMNS = ["name", "kind", "epoch", "step", "sha256", "bytes"]
_OF_STEPS = list(StepRecord.model_fields)
_THE_RUN = NUMBER.scalar_subquery()


def _of(columns: ReadOnlyColumnCollection[str, Any], names: Sequence[str]) -> Select[Any]:
    """Return the query for columns of the records of the run `run`."""
    return select(*(columns[name] for name in names)).where(columns.number == _THE_RUN)


_AFTER, _UNTIL = (bindparam(name, type_=BigInteger) for name in ("after", "until"))
_LATER_STEPS = (
    _of(_STEPS, _OF_STEPS)
    .where(_STEPS.step > _AFTER, _STEPS.step <= _UNTIL)
    .order_by(_STEPS.step)
    .limit(bindparam("most"))
)
_EPOCHS_OF = _of(_EPOCHS, ["record"]).order_by(_EPOCHS.epoch)
_FILES_OF = _of(_FILES, _COLUMNS).where(_FILES.kind == bindparam("kind")).order_by(_FILES.step, _FILES.epoch)


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
    def commit(
        self, id: str, records: Sequence[EpochRecord], files: Sequence[Checkpoint], beside_bytes: int = 0
    ) -> None:
        """Keep epochs and checkpoints of a run, in one transaction; doing the same once more changes nothing.

        A run goes on from its newest state: epochs that come with or before a state of their step are never lost. Older
        states go, and older weights where the run's byte budget asks for it: first the row, then the file. Beside each
        epoch's weights lie about `beside_bytes` of what the network says of its sets, which count and go with them.
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
            gone = _drop_old(connection, number, best, self.app_config.run_budget_bytes, beside_bytes)
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
            path = self.folder(id) / name
            for gone in (path, *beside(path)):
                gone.unlink(missing_ok=True)

    def path(self, checkpoint: Checkpoint) -> Path:
        """Return the path of a checkpoint's file."""
        return self.folder(checkpoint.run_id) / checkpoint.name

    def steps(self, id: str, after: int = 0, until: int | None = None) -> list[StepRecord]:
        """Return a run's step records later than step `after`, up to step `until`, in order.

        For a chart of a whole run there is `curve`.
        """
        records: list[StepRecord] = []
        until = sys.maxsize if until is None else until
        while (
            True
        ):  # in parts, so that no reading is long; a run that goes on from an earlier step takes the same steps
            run, rows = self.database.read(NUMBER, _LATER_STEPS, run=id, after=after, until=until, most=STEPS_A_READING)
            must_exist(run)
            with self.database.sound():  # an older cnnlab left columns empty
                values = [{n: v for n, v in zip(_OF_STEPS, row, strict=True) if v is not None} for row in rows]
                records += [StepRecord(**read) for read in values]
            if len(rows) < STEPS_A_READING:
                return records
            after = records[-1].step

    def curve(self, id: str, after: int = 0, until: int | None = None) -> Curve:
        """Return the points of a run's curve that end later than step `after`, up to step `until`.

        Of a long run a point stands for many records. All but the newest point stay as they are.
        """
        until = sys.maxsize if until is None else until
        run, points = self.database.read(curves.LENGTH, curves.POINTS_OF, run=id, after=after, until=until)
        must_exist(run)
        return curves.curve_of(run[0][0], points)

    @persistent
    def epochs(self, id: str) -> list[EpochRecord]:
        """Return a run's epoch records in order, from 1."""
        run, rows = self.database.read(NUMBER, _EPOCHS_OF, run=id)
        must_exist(run)
        with self.database.sound():
            return _epochs_of(rows)

    @persistent
    def checkpoints(self, id: str, kind: CheckpointKind) -> list[Checkpoint]:
        """Return a run's checkpoints of one kind, in the order of their steps."""
        run, rows = self.database.read(NUMBER, _FILES_OF, run=id, kind=kind)
        must_exist(run)
        return _files_of(rows, id)

    def weights(self, id: str) -> list[Checkpoint]:
        """Return the weights of a run's epochs, to look inside, in the order of the epochs."""
        return self.checkpoints(id, "weights")

    def early(self, id: str) -> list[Checkpoint]:
        """Return the weights after the first steps of a run's epoch 1, to look inside, in the order of the steps."""
        return self.checkpoints(id, "early")


def _no_less(records: Sequence[EpochRecord], files: Sequence[Checkpoint]) -> dict[str, Any]:
    """Return the columns of a run's progress with these records, never less than `add_steps` has recorded already."""
    values: dict[str, float] = {"step": max([0, *(record.step for record in records), *(file.step for file in files)])}
    if records:
        values |= {"epoch": records[-1].epoch, "elapsed_s": records[-1].elapsed_s}
    return {name: case((RUNS[name] < value, value), else_=RUNS[name]) for name, value in values.items()}


def _epochs(connection: Connection, number: int) -> list[EpochRecord]:
    mine = select(_EPOCHS.record).where(_EPOCHS.number == number).order_by(_EPOCHS.epoch)
    rows = connection.execute(mine).all()
    with sound():
        return _epochs_of(rows)


def _epochs_of(rows: Rows) -> list[EpochRecord]:
    return [epoch_of(record) for (record,) in rows]


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


def _files(connection: Connection, number: int, kind: CheckpointKind) -> list[Checkpoint]:
    columns = [_FILES[name] for name in _COLUMNS]
    mine = select(*columns).where(_FILES.number == number, _FILES.kind == kind).order_by(_FILES.step, _FILES.epoch)
    return _files_of(connection.execute(mine).all())


def _files_of(rows: Rows, id: str = "") -> list[Checkpoint]:
    return [Checkpoint(run_id=id, **dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def _drop_old(connection: Connection, number: int, best: int | None, budget_bytes: int, beside_bytes: int) -> list[str]:
    """Remove the checkpoints from the store that need not be kept; return the files to remove after the commit."""
    weights = {file.epoch: file for file in _files(connection, number, "weights")}
    sizes = {epoch: file.bytes + beside_bytes for epoch, file in weights.items()}
    left_bytes = budget_bytes - sum(file.bytes for file in _files(connection, number, "early"))
    names = [weights[epoch].name for epoch in thin(sizes, [] if best is None else [best], left_bytes)]
    _unname(connection, number, names)
    return names + _drop_states(connection, number)


def _drop_states(connection: Connection, number: int) -> list[str]:
    names = [file.name for file in _files(connection, number, "state")[:-STATES_KEPT]]
    _unname(connection, number, names)
    return names


def _unname(connection: Connection, number: int, names: Sequence[str]) -> None:
    if names:
        connection.execute(delete(tables.checkpoints).where(_FILES.number == number, _FILES.name.in_(names)))
