"""This module defines the tables of the run store.

A change here raises SCHEMA_VERSION and needs a step in migrations.py: old runs must open.
"""

import time

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    case,
    column,
    func,
    select,
    table,
)

SCHEMA_VERSION = 6

metadata = MetaData()


def _next_revision() -> ColumnElement[int]:
    """Return a number greater than any that a run has: the time in microseconds, or one more where a clock went back.

    By the time, two stores that were one (a backup put back in its place) give no number to two different things.
    """
    others = table("runs", column("revision", BigInteger))
    newest = select(func.coalesce(func.max(others.c.revision), 0)).scalar_subquery()
    now = bindparam(None, callable_=lambda: time.time_ns() // 1_000, type_=BigInteger)
    return case((newest < now, now), else_=newest + 1)


runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("note", Text, nullable=False, default=""),
    Column("status", String(16), nullable=False),
    Column("config", Text, nullable=False),  # JSON, as are results and environment
    Column("parent_id", String(32)),  # no foreign key: a child outlives its parent
    Column("message", Text),
    Column("created_at", Float, nullable=False),  # seconds since 1970, as are the other times
    Column("queued_at", Float, nullable=False),  # its turn in the queue, later than when it entered it for who has more
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("epoch", Integer, nullable=False, default=0),
    Column("step", Integer, nullable=False, default=0),
    Column("steps_total", Integer),
    Column("images_per_s", Float),
    Column("elapsed_s", Float, nullable=False, default=0.0),
    Column("device", Text),
    Column("best_epoch", Integer),
    Column("last_epoch", Integer),
    Column("results", Text),
    Column("environment", Text),
    Column("command", String(16)),
    Column("pid", Integer),  # tells a launcher which of its children is at work; never whether a run is alive
    Column("sweep", Text),  # the common name of runs that were asked for together (since version 2)
    Column("owner", Text),  # id of the person who started the run, where people sign in (since version 3)
    Column("owner_name", Text),  # the name of that person at the time
    Column("phase", Text),  # what a running run is doing, and when its result is expected: JSON (since version 4)
    Column("announced_s", Float),  # seconds from asking to the result, as they were announced (since version 4)
    Column("waiting_since", Float),  # when it last entered the queue; empty for who never did (since version 5)
    Column("asked_from", Text),  # network address of who put it into the queue, while it waits there (since version 6)
    Column(  # another at each change of the row or of its last epoch: what was read with it is still so (since version 6)
        "revision", BigInteger, nullable=False, default=_next_revision(), onupdate=_next_revision()
    ),
    Index("runs_by_status", "status", "queued_at"),
    Index("runs_by_revision", "revision"),
    sqlite_autoincrement=True,  # the number of a deleted run is not given again
)


def _of_run() -> Column[int]:
    return Column("number", Integer, ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True)


steps = Table(
    "steps",
    metadata,
    _of_run(),
    Column("step", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("loss", Float, nullable=False),
    Column("accuracy", Float, nullable=False),
    Column("lr", Float, nullable=False),
    Column("elapsed_s", Float, nullable=False),
    Column(
        "pictures", Integer
    ),  # in the record's batches (this and what follows since version 4; empty in older records)
    Column("objective", Float),  # what the optimizer saw, where label smoothing makes it another number than the loss
    Column("least_loss", Float),  # of a single step
    Column("greatest_loss", Float),
    sqlite_with_rowid=False,  # the steps of a run lie side by side, in order
)

curves = Table(  # the steps of long runs, thinned: what curves.py makes of them (since version 4)
    "curves",
    metadata,
    _of_run(),
    Column("step", Integer, primary_key=True),  # the last that the point stands for
    Column("loss", Float, nullable=False),
    Column("least_loss", Float, nullable=False),
    Column("greatest_loss", Float, nullable=False),
    sqlite_with_rowid=False,
)

epochs = Table(
    "epochs",
    metadata,
    _of_run(),
    Column("epoch", Integer, primary_key=True),
    Column("step", Integer, nullable=False),
    Column("record", Text, nullable=False),  # an EpochRecord as JSON
    sqlite_with_rowid=False,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _of_run(),
    Column("name", String(80), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
