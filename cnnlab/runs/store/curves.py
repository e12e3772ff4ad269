"""This module keeps the loss curve of a long run thinned to what a screen has room for, so that no page reads a million
records.

A point stands for the records of so many steps: their mean over pictures, and the least and the greatest loss of a
single step, so that no spike is lost. Points are made of the records alone, in the transaction that changes the records.
"""

import json
from math import ceil
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from cnnlab.runs.reading.snapshot import Rows
from cnnlab.runs.run import Curve
from cnnlab.runs.store import tables

POINTS = 1_500
"""Most points of a curve."""

_STEPS, _POINTS, _RUNS = tables.steps.c, tables.curves.c, tables.runs.c


def _or_loss(columns: ReadOnlyColumnCollection[str, Any], name: str) -> ColumnElement[float]:
    """Return a column; where it is empty, as in records of a cnnlab that had no such column, the loss itself."""
    return func.coalesce(columns[name], columns.loss)


def _points_of_records() -> Select[Any]:
    """Return the query for the points of the run `run`, `width` steps each, from step `since` on.

    A record counts by its pictures, or where an older cnnlab wrote it by its steps, with `batch` pictures each.
    """
    run, since, width, batch = (bindparam(name, type_=Integer) for name in ("run", "since", "width", "batch"))
    covered = _STEPS.step - func.lag(_STEPS.step, 1, since).over(order_by=_STEPS.step)
    pictures = func.coalesce(_STEPS.pictures, covered * batch)
    ends = _or_loss(_STEPS, "least_loss").label("least"), _or_loss(_STEPS, "greatest_loss").label("greatest")
    later = select(_STEPS.step, _STEPS.loss, *ends, pictures.label("pictures"))
    record = later.where(_STEPS.number == run, _STEPS.step > since).subquery().c
    weighted = func.sum(record.loss * record.pictures) / func.nullif(func.sum(record.pictures), 0)
    mean = func.coalesce(weighted, func.avg(record.loss))  # a record of no pictures is damaged, and still a loss
    point: list[Any] = [run, func.max(record.step), mean, func.min(record.least), func.max(record.greatest)]
    return select(*point).group_by((record.step - 1) // width)


# Built once: a training waits for them four times a second.
_TOTAL = select(_RUNS.steps_total).where(_RUNS.number == bindparam("run"))
_CONFIG = select(_RUNS.config).where(_RUNS.number == bindparam("run"))
_LAST_KEPT = select(func.coalesce(func.max(_POINTS.step), 0)).where(
    _POINTS.number == bindparam("run"), _POINTS.step <= bindparam("whole")
)
_FORGET = delete(tables.curves).where(_POINTS.number == bindparam("run"), _POINTS.step > bindparam("since"))
_MAKE = insert(tables.curves).from_select(
    ["number", "step", "loss", "least_loss", "greatest_loss"], _points_of_records()
)


def width_of(steps_total: int | None) -> int:
    """Return how many steps a point of a run's curve stands for: a power of two; 1 where a point is a record."""
    return 1 << (max(1, ceil((steps_total or 0) / POINTS)) - 1).bit_length()


def _points_in(point: ReadOnlyColumnCollection[str, Any], of_runs: ColumnElement[bool]) -> Select[Any]:
    """Return the query for the points of the run `run` after step `after`, up to step `until`."""
    values = point.step, point.loss, _or_loss(point, "least_loss"), _or_loss(point, "greatest_loss")
    run = select(_RUNS.number).where(_RUNS.id == bindparam("run"), of_runs).scalar_subquery()
    later = point.step > bindparam("after", type_=BigInteger), point.step <= bindparam("until", type_=BigInteger)
    return select(*values).where(point.number == run, *later)


_LONG = func.coalesce(_RUNS.steps_total, 0) > POINTS
LENGTH = select(_RUNS.steps_total).where(_RUNS.id == bindparam("run"))
"""The number of steps of the run `run`: no row where there is no such run."""
POINTS_OF = _points_in(_POINTS, _LONG).union_all(_points_in(_STEPS, ~_LONG)).order_by("step")
"""The points of the curve of the run `run` that end later than step `after` and not later than step `until`."""


def curve_of(steps_total: int | None, points: Rows) -> Curve:
    """Return the curve of a run of so many steps, with the points that `POINTS_OF` has found."""
    columns = zip(*points, strict=True) if points else ([] for _ in range(4))
    return Curve(width_of(steps_total), *(list(column) for column in columns))


def thin(connection: Connection, number: int, after: int) -> None:
    """Make the points of a run's curve anew from the one on that the step after `after` belongs to.

    Points begin where the one before ends, so that a curve with a hole, or none at all, becomes whole by this.
    """
    width = _width(connection, number)
    if width > 1:
        since = connection.execute(_LAST_KEPT, {"run": number, "whole": after // width * width}).scalar_one()
        connection.execute(_FORGET, {"run": number, "since": since})
        batch = _batch_size(connection, number)
        connection.execute(_MAKE, {"run": number, "since": since, "width": width, "batch": batch})


def _incomplete() -> Select[Any]:
    records, points = (
        select(func.max(column.step)).where(column.number == _RUNS.number).scalar_subquery()
        for column in (_STEPS, _POINTS)
    )
    long = select(_RUNS.number).where(_RUNS.steps_total > POINTS, exists().where(_STEPS.number == _RUNS.number))
    return long.where(records != func.coalesce(points, 0))


INCOMPLETE = _incomplete()
"""The numbers of the long runs whose curve does not reach to their last record."""


def complete(connection: Connection) -> None:
    """Make every curve anew that is `INCOMPLETE`."""
    for number in connection.execute(INCOMPLETE).scalars().all():
        thin(connection, number, 0)


def _batch_size(connection: Connection, number: int) -> int:
    """Return the pictures in a batch of a run; 1 where its settings cannot be read any more."""
    config = connection.execute(_CONFIG, {"run": number}).scalar_one()
    try:
        return int(json.loads(config)["batch_size"])
    except (LookupError, TypeError, ValueError):
        return 1


def _width(connection: Connection, number: int) -> int:
    return width_of(connection.execute(_TOTAL, {"run": number}).scalar_one())
