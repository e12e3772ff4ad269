"""This module brings the tables of an older cnnlab to today's form, in small steps that add, and lose nothing."""

from sqlalchemy import Connection, inspect, update

from cnnlab.runs.store import curves
from cnnlab.runs.store.tables import runs


def migrate(connection: Connection) -> None:
    """Bring old tables to SCHEMA_VERSION, within the caller's transaction; tables that were missing are there already.

    Each step looks before it acts: a new store needs none of them.
    """
    # 1 to 2: runs that were asked for together have a common name
    _add(connection, "runs", sweep="TEXT")
    # 2 to 3: who started a run; old runs have no owner
    _add(connection, "runs", owner="TEXT", owner_name="TEXT")
    # 3 to 4: see StepRecord; what a run is doing, and was said to take; the curves of long runs
    _add(connection, "steps", pictures="INTEGER", objective="DOUBLE PRECISION")
    _add(connection, "steps", least_loss="DOUBLE PRECISION", greatest_loss="DOUBLE PRECISION")
    _add(connection, "runs", phase="TEXT", announced_s="DOUBLE PRECISION")
    curves.complete(connection)
    # 4 to 5: when a run entered the queue; of old runs nobody knows
    _add(connection, "runs", waiting_since="DOUBLE PRECISION")
    # 5 to 6: from where a run was put into the queue, as long as it waits; what has changed since it was last read
    _add(connection, "runs", asked_from="TEXT", revision="BIGINT NOT NULL DEFAULT 0")
    connection.execute(update(runs).where(runs.c.revision == 0).values(name=runs.c.name))  # which gives it a revision
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS runs_by_revision ON runs (revision)")


def _add(connection: Connection, table: str, **types: str) -> None:
    """Add columns of these types to `table`, with nothing in them, where they are missing."""
    known = {column["name"] for column in inspect(connection).get_columns(table)}
    for name, kind in types.items():
        if name not in known:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
